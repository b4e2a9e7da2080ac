import type { BriefSeries, BriefStatus } from '../../engine/live/json.ts'
import type { Style } from '../render/style.ts'
import {
  displayWidth,
  formatBytes,
  formatCount,
  formatDuration,
  formatNumber,
  padEnd,
  padStart,
  plural,
  printable,
  truncate,
} from '../render/text.ts'
import { holesText, lagText, totalsOf } from './status-line.ts'
import { labelOfKey, partsOfKey } from './words.ts'

/** Rates are of the last so many ms. */
const WINDOW_MS = 5_000
/** Fewer rows of streams than this help nobody: what is below is cut off instead. */
const LEAST_STREAMS = 3

interface Cell {
  readonly text: string
  readonly right?: boolean
  readonly paint?: ((text: string) => string) | undefined
}

interface Title extends Cell {
  /** Columns that a narrow terminal can do without, the lowest first. */
  readonly spare?: number
}

interface Sample {
  readonly at: number
  readonly frames: ReadonlyMap<string, number>
  readonly records: number
}

/** The picture of a running collector, made anew from each status. Knows nothing of terminals. */
export class Screen {
  #status: BriefStatus | undefined
  readonly #samples: Sample[] = []

  update(status: BriefStatus): void {
    this.#status = status
    const frames = new Map(status.channels.map(({ key, frames }) => [key, frames]))
    this.#samples.push({ at: status.at, frames, records: totalsOf(status).records })
    while (this.#samples.length > 2 && this.#samples[1]!.at <= status.at - WINDOW_MS) this.#samples.shift()
  }

  /** Lines that fill at most `rows`, each at most `columns` wide. */
  lines(columns: number, rows: number, style: Style): string[] {
    const status = this.#status
    if (!status) return []
    const books = bookRows(status, style)
    const foot = [...connectionLines(status, style), ...diskLines(status, style)]
    const space = Math.max(0, rows - 4 - foot.length)
    const bookSpace = books.length === 0 ? 0 : Math.min(books.length + 2, Math.max(3, Math.floor(space / 3)))
    const streams = this.#streamRows(status, style)
    const streamSpace = Math.max(LEAST_STREAMS, space - bookSpace)
    const lines = [
      cut(this.#head(status, style), columns),
      '',
      table(STREAM_TITLES, bounded(streams, streamSpace, 'stream', style), columns, style),
      ...(books.length === 0
        ? []
        : ['', table(BOOK_TITLES, bounded(books, bookSpace - 2, 'book', style), columns, style)]),
      ...foot.map((line) => cut(line, columns)),
    ]
    return lines.flatMap((line) => (typeof line === 'string' ? line : [...line])).slice(0, Math.max(1, rows))
  }

  #head(status: BriefStatus, style: Style): string {
    const totals = totalsOf(status)
    const parts = [
      `${status.exchange} ${formatDuration(status.at - status.startedAt)}`,
      paintIf(`${totals.live} of ${plural(totals.streams, 'stream')} live`, totals.live < totals.streams, style.yellow),
      `${formatCount(totals.records)} records, ${rateText(this.#rate((sample) => sample.records))}/s`,
      paintIf(holesText(totals), totals.holesOpen > 0, style.yellow),
      paintIf(plural(totals.gaps, 'gap'), totals.gaps > 0, style.yellow),
    ]
    return `${style.bold('ticklake')} ${parts.join(style.dim(' · '))}`
  }

  #streamRows(status: BriefStatus, style: Style): { readonly cells: Cell[]; readonly trouble: boolean }[] {
    const series = groupSeries(status)
    return status.channels.map((channel) => {
      const own = series.get(groupOf(channel.key)) ?? []
      const sum = (value: (one: BriefSeries) => number): number => own.reduce((total, one) => total + value(one), 0)
      const found = sum(({ holesFound }) => holesFound)
      const open = sum(({ holesOpen }) => holesOpen)
      const gaps = sum(({ gaps }) => gaps)
      const age = Number.isFinite(channel.lastFrameAt) ? status.at - channel.lastFrameAt : undefined
      const isLive = channel.state === 'live'
      const lag = own.find((one) => Number.isFinite(one.lag.p50))?.lag.p50
      const cells: Cell[] = [
        { text: labelOfKey(groupOf(channel.key)) },
        { text: channel.state, paint: isLive ? style.green : channel.state === 'pending' ? style.dim : style.red },
        { text: rateText(this.#rate((sample) => sample.frames.get(channel.key) ?? 0)), right: true },
        { text: lagText(lag), right: true },
        { text: age === undefined || age === null ? '-' : formatDuration(Math.max(0, age)), right: true },
        { text: formatCount(sum(({ records }) => records)), right: true },
        { text: formatCount(found), right: true },
        { text: formatCount(sum(({ filled, late }) => filled + late)), right: true },
        { text: formatCount(open), right: true, paint: open > 0 ? style.yellow : undefined },
        { text: formatCount(gaps), right: true, paint: gaps > 0 ? style.yellow : undefined },
        { text: formatCount(sum(({ duplicates }) => duplicates)), right: true },
      ]
      return { cells, trouble: !isLive || open > 0 }
    })
  }

  /** Growth per second over the window; undefined before the second sample. */
  #rate(value: (sample: Sample) => number): number | undefined {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (!first || !last || last.at <= first.at) return undefined
    return (Math.max(0, value(last) - value(first)) / (last.at - first.at)) * 1000
  }
}

const STREAM_TITLES: readonly Title[] = [
  { text: 'stream' },
  { text: 'state' },
  ...['frames/s', 'lag', 'age'].map((text) => ({ text, right: true })),
  { text: 'records', right: true, spare: 3 },
  ...['holes', 'filled', 'open'].map((text) => ({ text, right: true })),
  { text: 'gaps', right: true, spare: 2 },
  { text: 'duplicates', right: true, spare: 1 },
]

const BOOK_TITLES: readonly Title[] = [
  { text: 'book' },
  { text: 'state' },
  ...['bid', 'ask'].map((text) => ({ text, right: true })),
  { text: 'updates', right: true, spare: 2 },
  ...['resyncs', 'stale for'].map((text) => ({ text, right: true })),
  { text: 'waiting', right: true, spare: 1 },
]

function bookRows(status: BriefStatus, style: Style): { readonly cells: Cell[]; readonly trouble: boolean }[] {
  return status.books.map((book) => {
    const resyncs = Object.values(book.resyncs).reduce((sum, count) => sum + (count ?? 0), 0)
    const isSynced = book.state === 'synced'
    const price = (value: number | null | undefined): string => (typeof value === 'number' ? formatNumber(value) : '-')
    const cells: Cell[] = [
      { text: `${book.market === 'spot' ? '' : `${book.market} `}${printable(book.symbol)}` },
      { text: book.state, paint: isSynced ? style.green : book.state === 'stale' ? style.red : style.dim },
      { text: price(book.bid), right: true },
      { text: price(book.ask), right: true },
      { text: formatCount(book.applied), right: true },
      { text: formatCount(resyncs), right: true },
      { text: formatDuration(book.staleMs), right: true },
      { text: formatCount(book.buffered), right: true },
    ]
    return { cells, trouble: !isSynced }
  })
}

function connectionLines(status: BriefStatus, style: Style): string[] {
  const { connections, counters } = status
  const open = connections.filter(({ state }) => state === 'open')
  const bytes = connections.reduce((sum, connection) => sum + connection.bytes, 0)
  const pings = open.map(({ pingMs }) => pingMs).filter((ms) => Number.isFinite(ms))
  const parts = [
    `${open.length} open${connections.length > open.length ? ` of ${connections.length}` : ''}`,
    ...(pings.length > 0 ? [`ping ${lagText(Math.max(...pings))}`] : []),
    `${formatBytes(bytes)} received`,
    paintIf(`${counters.lost} lost`, counters.lost > 0, style.yellow),
    ...(counters.silent > 0 ? [style.yellow(`${plural(counters.silent, 'silent stream')}`)] : []),
    ...(counters.refused > 0 ? [style.red(plural(counters.refused, 'refusal'))] : []),
    ...(counters.badFrames > 0 ? [style.yellow(plural(counters.badFrames, 'unreadable frame'))] : []),
    ...(status.backfill.open > 0 ? [style.yellow(`${plural(status.backfill.open, 'repair')} under way`)] : []),
  ]
  return ['', `${style.dim('connections')}  ${parts.join(', ')}`]
}

function diskLines(status: BriefStatus, style: Style): string[] {
  const { spool, flusher, at } = status
  if (!spool) return [`${style.dim('disk')}         nothing is stored`]
  const since = Number.isFinite(flusher.lastFlushAt) ? ` (${formatDuration(at - flusher.lastFlushAt)} ago)` : ''
  const state = spool.state === 'fine' ? '' : style.red(`, ${spool.state === 'full' ? 'too slow' : 'failing'}`)
  const text = `${plural(flusher.stored, 'record')} in the lake${since}, ${formatCount(flusher.pending)} waiting, spool ${formatBytes(spool.disk)}${state}`
  return [`${style.dim('disk')}         ${text}`]
}

/** Series by what their channel's key begins with; those of channels of every symbol by `*` too. */
function groupSeries(status: BriefStatus): Map<string, BriefSeries[]> {
  const groups = new Map<string, BriefSeries[]>()
  const add = (key: string, series: BriefSeries): void => {
    const group = groups.get(key)
    if (group) group.push(series)
    else groups.set(key, [series])
  }
  for (const series of status.series) {
    const { market, kind, symbol, interval } = partsOfKey(series.series)
    add([market, kind, symbol, ...(interval === undefined ? [] : [interval])].join('/'), series)
    add(`${market}/${kind}/*`, series)
  }
  return groups
}

/** `spot/bookDelta/BTCUSDT` of `spot/bookDelta/BTCUSDT/100ms`. */
function groupOf(channelKey: string): string {
  const parts = channelKey.split('/')
  return parts.slice(0, parts[1] === 'candle' ? 4 : 3).join('/')
}

/** At most `space` rows: those in trouble first where not all fit, and a line that counts the others. */
function bounded(
  rows: readonly { readonly cells: Cell[]; readonly trouble: boolean }[],
  space: number,
  what: string,
  style: Style,
): (readonly Cell[] | string)[] {
  if (rows.length <= space) return rows.map(({ cells }) => cells)
  const sorted = [...rows].sort((a, b) => Number(b.trouble) - Number(a.trouble))
  const shown = sorted.slice(0, Math.max(1, space - 1))
  const left = rows.length - shown.length
  return [...shown.map(({ cells }) => cells), style.dim(`… and ${plural(left, `more ${what}`)}`)]
}

function table(
  titles: readonly Title[],
  rows: readonly (readonly Cell[] | string)[],
  columns: number,
  style: Style,
): string[] {
  const widths = titles.map(({ text }, index) =>
    rows.reduce(
      (width, row) => (typeof row === 'string' ? width : Math.max(width, displayWidth(row[index]?.text ?? ''))),
      displayWidth(text),
    ),
  )
  const shown = fitting(titles, widths, columns)
  const line = (cells: readonly Cell[]): string => {
    let left = columns
    return shown
      .map((index) => {
        const { text, right, paint } = cells[index]!
        const width = widths[index]!
        const padded = `${right ? padStart(text, width) : padEnd(text, width)}${index === shown.at(-1) ? '' : '  '}`
        const cell = left <= 0 ? '' : truncate(padded, left)
        left -= displayWidth(padded)
        return paint ? paint(cell) : cell
      })
      .join('')
      .trimEnd()
  }
  return [
    line(titles.map((title) => ({ ...title, paint: style.dim }))),
    ...rows.map((row) => (typeof row === 'string' ? row : line(row))),
  ]
}

/** The columns that fit: the spare ones go first. What then is still too wide is cut off at the right. */
function fitting(titles: readonly Title[], widths: readonly number[], columns: number): number[] {
  const shown = titles.map((_, index) => index)
  const spare = shown.filter((index) => titles[index]!.spare !== undefined)
  spare.sort((a, b) => titles[a]!.spare! - titles[b]!.spare!)
  const isTooWide = (): boolean => shown.reduce((sum, index) => sum + widths[index]! + 2, -2) > columns
  for (const index of spare) if (isTooWide()) shown.splice(shown.indexOf(index), 1)
  return shown
}

const ESCAPE = String.fromCharCode(27)
const PAINT = new RegExp(`(${ESCAPE}\\[[\\d;]*m)`)

/** Cuts a painted line to a display width. */
function cut(line: string, columns: number): string {
  let left = columns
  return line
    .split(PAINT)
    .map((part, index) => {
      if (index % 2 === 1) return part
      const shown = left <= 0 ? '' : truncate(part, left)
      left -= displayWidth(part)
      return shown
    })
    .join('')
}

function paintIf(text: string, when: boolean, paint: (text: string) => string): string {
  return when ? paint(text) : text
}

function rateText(rate: number | undefined): string {
  if (rate === undefined) return '-'
  return rate >= 99.95 ? formatCount(rate) : rate.toFixed(1)
}
