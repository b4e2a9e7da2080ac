import cliProgress from 'cli-progress'
import type { DownloadEvent } from '../../engine/types.ts'
import { seriesKey } from '../../model/series.ts'
import type { Context, LiveRegion } from '../context.ts'
import type { Style } from '../render/style.ts'
import { formatBytes, formatCount, formatLeft, padEnd, padStart, plural, truncate } from '../render/text.ts'
import { reportLine } from './lines.ts'
import type { ProgressView } from './show.ts'
import { DownloadProgress, fractionOf, type SeriesProgress, seriesLabel, type Totals } from './state.ts'

const MAX_BARS = 8
const LABEL_WIDTH = 20

/** Bars on a terminal: one per active series (a bounded number), and one for the whole at the bottom. */
export class BarView implements ProgressView, LiveRegion {
  readonly #multi: cliProgress.MultiBar
  readonly #slots: { bar: cliProgress.SingleBar; key: string | undefined }[] = []
  readonly #total: cliProgress.SingleBar
  readonly #progress: DownloadProgress
  readonly #states = new Map<string, SeriesProgress>()
  readonly #release: () => void
  readonly #context: Context
  #closed = false

  constructor(context: Context, seriesCount: number, now: () => number = Date.now) {
    this.#context = context
    this.#progress = new DownloadProgress(seriesCount, now)
    const { stream } = context.err
    const width = (): number => Math.max(40, (stream.columns || 80) - 1)
    this.#multi = new cliProgress.MultiBar({
      stream: stream as NodeJS.WriteStream,
      hideCursor: true,
      clearOnComplete: true,
      stopOnComplete: false,
      emptyOnZero: true,
      fps: 8,
      // Ctrl-C is ours: the work has to stop cleanly first.
      gracefulExit: false,
      linewrap: false,
      format: (_options, _params, payload: { line?: (width: number) => string }) => payload.line?.(width()) ?? '',
    })
    const slots = Math.max(1, Math.min(MAX_BARS, seriesCount, (stream.rows || 24) - 3))
    for (let i = 0; i < slots; i++) {
      this.#slots.push({ bar: this.#multi.create(1, 0, { line: () => '' }), key: undefined })
    }
    this.#total = this.#multi.create(1, 0, {
      line: (columns: number) => totalBar(this.#progress.totals(), columns, context.errStyle),
    })
    this.#release = context.takeOver(this)
  }

  event(event: DownloadEvent): void {
    const state = this.#progress.apply(event)
    const key = seriesKey(event.series)
    if (event.type === 'done') {
      this.#states.delete(key)
      const slot = this.#slots.find((candidate) => candidate.key === key)
      if (slot)
        this.#give(
          slot,
          [...this.#states.keys()].find((other) => !this.#slots.some((used) => used.key === other)),
        )
      if (event.report.error !== undefined || !event.report.complete) this.above(reportLine(event.report))
    } else if (!this.#states.has(key)) {
      this.#states.set(key, state)
      const free = this.#slots.find((candidate) => candidate.key === undefined)
      if (free) this.#give(free, key)
    }
    // The bars draw from the states; updating any of them marks the picture as changed.
    this.#total.update(0)
  }

  above(text: string): void {
    this.#multi.log(`${text}\n`)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#release()
    this.#multi.stop()
    // cli-progress hides the cursor and wraps no lines while it draws; a late timer must not leave them so.
    this.#context.err.stream.write('\u001b[?25h\u001b[?7h')
  }

  #give(slot: { bar: cliProgress.SingleBar; key: string | undefined }, key: string | undefined): void {
    slot.key = key
    const state = key === undefined ? undefined : this.#states.get(key)
    const { errStyle } = this.#context
    slot.bar.update(0, { line: (columns: number) => (state ? seriesBar(state, columns, errStyle) : '') })
  }
}

/** One line about a series, never wider than `columns` (if those are 50 or more). */
export function seriesBar(state: SeriesProgress, columns: number, style: Style): string {
  const fraction = fractionOf(state)
  const bytes = state.bytes > 0 ? `, ${formatBytes(state.bytes)}` : ''
  const facts =
    state.trouble ??
    (state.totalRows === 0 ? 'planning' : `${formatCount(state.rows)} of ${formatCount(state.totalRows)} rows${bytes}`)
  const paint = state.trouble !== undefined ? style.yellow : state.totalRows === 0 ? style.dim : (text: string) => text
  return barLine(seriesLabel(state.series), fraction, facts, columns, style, paint)
}

/** The line about the whole, never wider than `columns`. */
export function totalBar(totals: Totals, columns: number, style: Style): string {
  const eta = totals.etaMs === undefined ? '' : `, ${formatLeft(totals.etaMs)}`
  const facts = `${formatBytes(totals.bytesPerSecond)}/s${eta}, ${plural(totals.rows, 'row')}`
  return barLine(`${totals.done} of ${totals.series} series`, totals.fraction, facts, columns, style, (text) => text)
}

/** A name, a bar, a percentage and facts in one line. */
export function barLine(
  name: string,
  fraction: number,
  facts: string,
  columns: number,
  style: Style,
  paint: (text: string) => string,
): string {
  const label = padEnd(truncate(name, LABEL_WIDTH), LABEL_WIDTH)
  const percent = padStart(`${Math.floor(fraction * 100)} %`, 5)
  const width = barWidth(columns)
  const room = columns - LABEL_WIDTH - width - percent.length - 4
  return `${label} ${bar(fraction, width, style)} ${percent}  ${paint(truncate(facts, room))}`
}

function barWidth(columns: number): number {
  return Math.max(8, Math.min(24, columns - 72))
}

function bar(fraction: number, width: number, style: Style): string {
  const eighths = Math.round(fraction * width * 8)
  const full = Math.floor(eighths / 8)
  const rest = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8]!
  const filled = '█'.repeat(full) + rest
  return style.green(filled) + style.dim('░'.repeat(Math.max(0, width - full - (rest === '' ? 0 : 1))))
}
