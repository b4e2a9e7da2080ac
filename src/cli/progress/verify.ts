import type { DownloadEvent, VerifyProgress, VerifyReport } from '../../engine/types.ts'
import type { SeriesId } from '../../model/series.ts'
import type { Context, LiveRegion } from '../context.ts'
import { formatCount, formatDuration, plural } from '../render/text.ts'
import { seriesLabel } from './state.ts'

/** Shows a check of the lake while it runs, on stderr. */
export interface VerifyView {
  /** A series has been checked. */
  report(report: VerifyReport): void
  /** Something of the series under way has been looked at. */
  progress(progress: VerifyProgress): void
  /** Something is fetched again for a repair. */
  event(event: DownloadEvent): void
  /** Clears what is drawn; nothing may be shown afterwards. */
  close(): void
}

/** The view that fits: a bar on a terminal, lines elsewhere, nothing with `--quiet`. */
export async function createVerifyView(context: Context, series: readonly SeriesId[]): Promise<VerifyView> {
  if (context.quiet) return { report: () => {}, progress: () => {}, event: () => {}, close: () => {} }
  const tally = new VerifyTally(series)
  if (context.err.stream.isTTY && context.io.env.TERM !== 'dumb') return barView(context, tally)
  return new VerifyLines((line) => context.say(line), tally)
}

/** How far a check is. */
class VerifyTally {
  readonly #series: readonly SeriesId[]
  done = 0
  files = 0
  rows = 0

  constructor(series: readonly SeriesId[]) {
    this.#series = series
  }

  get total(): number {
    return this.#series.length
  }

  /** The series under way; undefined after the last. Series are checked in turn. */
  get current(): SeriesId | undefined {
    return this.#series[this.done]
  }

  add(report: VerifyReport): void {
    this.done++
    this.files += report.files
    this.rows += report.rows
  }

  text(): string {
    return `${this.done} of ${this.total} series, ${plural(this.files, 'file')}, ${plural(this.rows, 'row')}`
  }
}

const LEAST_MS = 1_000

/** Plain lines: start, end, about one a second at most in between, and every series with a problem. */
export class VerifyLines implements VerifyView {
  readonly #write: (line: string) => void
  readonly #tally: VerifyTally
  readonly #now: () => number
  readonly #startedAt: number
  #shownAt: number

  constructor(write: (line: string) => void, series: VerifyTally | readonly SeriesId[], now: () => number = Date.now) {
    this.#write = write
    this.#tally = series instanceof VerifyTally ? series : new VerifyTally(series)
    this.#now = now
    this.#startedAt = now()
    this.#shownAt = this.#startedAt
    write(`checking ${plural(this.#tally.total, 'series', 'series')}`)
  }

  report(report: VerifyReport): void {
    const tally = this.#tally
    tally.add(report)
    if (!report.ok) this.#write(problemsLine(report))
    if (tally.done === tally.total) {
      this.#write(`checked ${tally.text()} in ${formatDuration(this.#now() - this.#startedAt)}`)
    } else if (this.#now() - this.#shownAt >= LEAST_MS) {
      this.#shownAt = this.#now()
      this.#write(`${tally.text()}, now ${seriesLabel(tally.current!)}`)
    }
  }

  progress(progress: VerifyProgress): void {
    if (this.#now() - this.#shownAt < LEAST_MS) return
    this.#shownAt = this.#now()
    this.#write(`${seriesLabel(progress.series)}: ${progressText(progress)}`)
  }

  event(event: DownloadEvent): void {
    if (event.type === 'plan') this.#write(`${seriesLabel(event.series)}: fetching again what is wrong`)
  }

  close(): void {}
}

/** `3 of 12 files`, `REST: 45,000 of 306,720 candles`. */
function progressText({ doing, done, total }: VerifyProgress): string {
  const count = `${formatCount(done)} of ${formatCount(total)}`
  return doing === 'files' ? `${count} files` : `${doing}: ${count} candles`
}

function problemsLine(report: VerifyReport): string {
  const wrong = report.problems.filter((problem) => !problem.repaired && problem.type !== 'stray-file').length
  return `${seriesLabel(report.series)}: ${plural(wrong, 'problem')}`
}

async function barView(context: Context, tally: VerifyTally): Promise<VerifyView> {
  const [{ default: cliProgress }, { barLine }] = await Promise.all([import('cli-progress'), import('./bars.ts')])
  const { stream } = context.err
  let repairing = false
  let current: VerifyProgress | undefined
  const line = (): string => {
    const columns = Math.max(40, (stream.columns || 80) - 1)
    const name = tally.current === undefined ? 'done' : seriesLabel(tally.current)
    const doing = repairing ? 'fetching again; ' : current ? `${progressText(current)}; ` : ''
    const facts = `${doing}${tally.text()}`
    return barLine(name, tally.done / Math.max(1, tally.total), facts, columns, context.errStyle, (text) => text)
  }
  const multi = new cliProgress.MultiBar({
    stream: stream as NodeJS.WriteStream,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    emptyOnZero: true,
    fps: 8,
    // Ctrl-C is ours: the work has to stop cleanly first.
    gracefulExit: false,
    linewrap: false,
    format: () => line(),
  })
  const bar = multi.create(tally.total, 0)
  const region: LiveRegion = { above: (text) => void multi.log(`${text}\n`) }
  const release = context.takeOver(region)
  let closed = false
  return {
    report: (report) => {
      repairing = false
      current = undefined
      tally.add(report)
      if (!report.ok) region.above(problemsLine(report))
      bar.update(tally.done)
    },
    progress: (progress) => {
      repairing = false
      current = progress
      bar.update(tally.done)
    },
    event: (event) => {
      repairing = event.type !== 'done'
      bar.update(tally.done)
    },
    close: () => {
      if (closed) return
      closed = true
      release()
      multi.stop()
      // cli-progress hides the cursor and wraps no lines while it draws; a late timer must not leave them so.
      stream.write('\u001b[?25h\u001b[?7h')
    },
  }
}
