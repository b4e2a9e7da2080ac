import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CandleFlag } from '../../src/model/candle.ts'
import { closeTimeOf, type Interval, nextOpen } from '../../src/model/interval.ts'
import type { Kind } from '../../src/model/kind.ts'
import { KINDS, kindOf } from '../../src/model/kinds.ts'
import type { LiveRecord } from '../../src/model/live/index.ts'
import type { Market, SeriesId } from '../../src/model/series.ts'
import { HOUR } from '../../src/model/time.ts'
import { isBookKind } from '../../src/store/lake/event-columns.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { deltaAt, readRows, storeEvents } from '../helpers/events.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'

const START = Date.UTC(2024, 0, 1, 21)
const ROWS = 60

let folder: TempFolder
beforeEach(async () => {
  folder = await tempFolder('round-trip')
})
afterEach(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(args, { cwd: folder.path })
const lakeOf = (dataDir: string) => Lake.open(folder.join(dataDir))

/** A number with up to seventeen digits that follows from two others. */
const odd = (row: number, column: number): number => ((row * 7919 + column * 104_729) % 99_991) / (7 + (column % 5))

/** Records of any kind but books and candles, over midnight: every value its own, some of those that may lack lacking. */
function recordsOf(kind: Kind, series: SeriesId): LiveRecord[] {
  const isCounted = kind.continuity.rule === 'consecutive-id'
  return Array.from({ length: ROWS }, (_, row) => {
    const time = START + row * 5 * 60_000 + (kind.id === 'metrics' ? 0 : 0.125)
    // One hole in the ids, and ids that a number does not hold.
    const id = BigInt(row < 20 ? row : row + 5) + (isCounted ? 9_007_199_254_740_990n : 2n ** 60n)
    const values = kind.columns.map(({ property, name, type, isOptional }, column) => {
      if (type === 'flags') return [property, 2 | (row % 7 === 0 ? 64 : 0)]
      if (name === kind.sortKey || name === kind.timeColumn) return [property, type === 'time' ? time : id]
      if (isOptional && row % 3 === column % 3) return [property, type === 'id' ? -1 : Number.NaN]
      if (type === 'time') return [property, time + column * 1000 + 0.002]
      if (type === 'id') return [property, row * 10 + column]
      if (type === 'boolean') return [property, row % 2 === 0]
      return [property, type === 'integer' ? (row * column) % 1000 : odd(row, column)]
    })
    return { ...Object.fromEntries(values), kind: kind.id, market: series.market, symbol: series.symbol } as LiveRecord
  })
}

function booksOf(kind: Kind): LiveRecord[] {
  if (kind.id === 'bookDelta') return Array.from({ length: ROWS }, (_, n) => deltaAt(n < 20 ? n + 1 : n + 2))
  return Array.from({ length: ROWS }, (_, n) => ({
    ...{ kind: 'bookSnapshot', market: 'spot', symbol: 'BTCUSDT', flags: 1, depth: 5 },
    ...{ lastUpdateId: n * 100, time: START + n * HOUR, eventTime: Number.NaN, receiveTime: START + n * HOUR + 0.5 },
    bids: n % 5 === 0 ? [] : [100 - n / 3, 1.5, 99 - n / 3, 0.1],
    asks: n % 5 === 0 ? [] : [101 + n / 7, 2],
  }))
}

async function storeCandles(lake: Lake, series: SeriesId): Promise<void> {
  const kind = kindOf(series.kind)
  const grid = { interval: series.interval! }
  const opens: number[] = []
  for (let open = START; opens.length < ROWS; open = nextOpen(grid, open)) opens.push(open)
  // Two are missing.
  opens.splice(30, 2)
  const columns = Object.fromEntries(
    kind.columns.map(({ name, type }, column) => [
      name,
      Float64Array.from(opens, (open, row) => {
        if (name === 'open_time') return open
        // As in files since 2025: the last microsecond.
        if (name === 'close_time') return closeTimeOf(grid, open) + (row % 2 ? 0.999 : 0)
        if (type === 'flags') return row % 3 ? 0 : CandleFlag.rest
        if (name === 'high' || name === 'low') return name === 'high' ? 1e6 + odd(row, 1) : 1e-7
        return type === 'integer' ? row * column : odd(row, column) + 1
      }),
    ]),
  )
  await using writer = await lake.writer(series)
  const covered = [{ from: START, to: nextOpen(grid, opens.at(-1)!), source: 'archive' as const }]
  await writer.commit({ batches: [{ length: opens.length, columns }], covered })
}

const MARKETS: Readonly<Record<string, Market>> = {
  candle: 'spot',
  trade: 'spot',
  bookDelta: 'spot',
  bookSnapshot: 'spot',
}

function seriesOf(kind: Kind): SeriesId {
  const market = MARKETS[kind.id] ?? 'usdm'
  const symbol = kind.id === 'continuousCandle' ? 'BTCUSDT_PERPETUAL' : 'BTCUSDT'
  const series = { exchange: 'binance', market, kind: kind.id, symbol }
  return kind.hasInterval ? { ...series, interval: '15m' as Interval } : series
}

async function store(lake: Lake, series: SeriesId): Promise<void> {
  const kind = kindOf(series.kind)
  if (kind.hasInterval) await storeCandles(lake, series)
  else await storeEvents(lake, series, isBookKind(kind) ? booksOf(kind) : recordsOf(kind, series))
}

/** Every row with every column, whatever the kind. */
async function rowsOf(lake: Lake, series: SeriesId, columns: readonly string[]): Promise<object[]> {
  if (!kindOf(series.kind).hasInterval) return readRows(lake, series, columns)
  const rows: object[] = []
  for await (const batch of lake.read(series, { columns }))
    for (let i = 0; i < batch.length; i++)
      rows.push(Object.fromEntries(columns.map((name) => [name, batch.columns[name]![i]])))
  return rows
}

interface Form {
  readonly ending: string
  readonly options?: readonly string[]
}

const FORMS: Readonly<Record<string, Form>> = {
  CSV: { ending: 'csv' },
  'JSON lines': { ending: 'jsonl' },
  Parquet: { ending: 'parquet' },
  Arrow: { ending: 'arrow' },
}

const VARIANTS: Readonly<Record<string, Form>> = {
  'CSV with ISO times, in camel case, gzipped': { ending: 'csv.gz', options: ['--time', 'iso', '--names', 'camel'] },
  'JSON lines with µs, gzipped': { ending: 'jsonl.gz', options: ['--time', 'us'] },
  'Parquet with µs, in camel case': { ending: 'parquet', options: ['--time', 'us', '--names', 'camel'] },
  'Arrow with µs': { ending: 'feather', options: ['--time', 'us'] },
}

/** Kinds that have columns of every type, and records of one row and of several. */
const VARIED = ['candle', 'ticker', 'bookDelta']

// What exchangeInfo counts is of no use without the answers, which lie beside the rows.
const kinds = Object.values(KINDS).filter(({ id }) => id !== 'exchangeInfo')

describe.each(kinds.map((kind) => [kind.id, kind] as const))('%s', (id, kind) => {
  it('is the same after export and import, in every form', async () => {
    const series = seriesOf(kind)
    const own = await lakeOf('ticklake-data')
    await store(own, series)
    const before = (await own.coverage(series))!
    const names = kind.columns.map(({ name }) => name)
    const mine = await rowsOf(own, series, names)
    expect(mine.length).toBeGreaterThanOrEqual(ROWS - 2)
    const chosen = [series.symbol, '--market', series.market, '--kind', id]
    for (const [title, { ending, options = [] }] of Object.entries({
      ...FORMS,
      ...(VARIED.includes(id) ? VARIANTS : {}),
    })) {
      const file = `${series.symbol}-${id}${series.interval ? `-${series.interval}` : ''}.${ending}`
      const exported = await here('export', ...chosen, '--columns', 'all', ...options, '--out', file)
      expect([title, exported.stderr]).toEqual([title, expect.stringContaining(`wrote ${mine.length} rows`)])

      const imported = await here('import', file, '--market', series.market, '--data-dir', title, '--json')
      expect([title, jsonLines(imported.stdout)]).toMatchObject([
        title,
        [{ outcome: 'taken', rows: mine.length, added: mine.length, defects: 0, kind: id, symbol: series.symbol }],
      ])
      expect([title, imported.code]).toEqual([title, 0])
      const other = await lakeOf(title)
      const theirs = await rowsOf(other, series, names)
      // Whatever a row was, it is brought in by the user now.
      expect([title, theirs]).toEqual([
        title,
        mine.map((row) => ({ ...row, flags: (row as Flagged).flags | CandleFlag.user })),
      ])

      const after = (await other.coverage(series))!
      const times = kind.hasInterval ? [START, before.covered.at(-1)!.to] : spanOf(before.files)
      expect([title, after.covered]).toEqual([
        title,
        [{ from: times[0], to: expect.closeTo(times[1]!, 2), source: 'import' }],
      ])
      expect([title, after.ids]).toEqual([title, before.ids])
      expect(after.gaps.map(({ from, to, firstId }) => [from, to, firstId])).toEqual(
        before.gaps.map(({ from, to, firstId }) => [from, to, firstId]),
      )
      expect(after.checks).toMatchObject([{ outcome: 'imported', rows: mine.length, path: folder.join(file) }])
      // Forms differ in what they read, not in what becomes of it.
      if (ending !== 'csv') continue
      const [verified] = jsonLines((await here('verify', '--data-dir', title, '--json')).stdout)
      expect([title, verified]).toMatchObject([title, { kind: id, problems: [] }])

      // A second time there is nothing new.
      const again = await here('import', file, '--market', series.market, '--data-dir', title, '--json')
      expect([title, jsonLines(again.stdout)]).toMatchObject([
        title,
        [{ added: 0, same: mine.length, differing: 0, defects: 0 }],
      ])
    }
  })
})

interface Flagged {
  readonly flags: number
}

function spanOf(files: readonly { readonly first: number; readonly last: number }[]): number[] {
  return [Math.min(...files.map(({ first }) => first)), Math.max(...files.map(({ last }) => last)) + 0.001]
}
