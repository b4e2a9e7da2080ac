import { promisify } from 'node:util'
import { constants, deflateRaw } from 'node:zlib'
import { countOpens, floorOpen, type Interval, intervalLength } from '../../model/interval.ts'
import { DAY, floorDay, HOUR } from '../../model/time.ts'
import { Breath } from '../breath.ts'
import { ByteWriter } from '../bytes.ts'
import { gridOrigin, isDated, type Listing } from '../market/listing.ts'
import type { LiveAggTrade, LiveTrade } from '../market/live-market.ts'
import { csvRow } from '../market/price-candles.ts'
import { SeededRows } from '../market/rows.ts'
import type { SeededMarket } from '../market/seeded.ts'
import type { SymbolMarket } from '../market/symbol-market.ts'
import { valueScale, worthOf } from '../market/value.ts'
import { futuresFiles } from './futures-files.ts'
import { type ArchiveFile, type ArchiveKind, PRICE_FOLDERS, periodEnd } from './keys.ts'

const deflate = promisify(deflateRaw)

/** Spot files tell microseconds from here on. */
const MICROSECONDS_FROM = Date.UTC(2025, 0, 1)
/** Stretches, and rows of each, that the promised size of files is reckoned from. */
const SAMPLES = 8
const SAMPLE_ROWS = 600

/** What the files of a kind hold. */
export interface SeededFiles {
  /** Futures files have this header row from here on; older ones were never rewritten. Spot files have none. */
  readonly header: string
  /** Of COIN-M, where it has other words. */
  readonly inverseHeader?: string
  readonly headerFrom: number
  /** First instant that a file may be about. */
  start(listing: Listing, interval: Interval | undefined): number
  /** Rows of a file. */
  count(one: SymbolMarket, file: ArchiveFile): number
  /** Up to `max` rows of [from, to) as CSV. */
  rows(
    one: SymbolMarket,
    file: ArchiveFile,
    from: number,
    to: number,
    max: number,
  ): Promise<{ csv: Buffer; rows: number }>
  /** How much of a file is made at a time, ms. */
  step(file: ArchiveFile): number
}

/** The files of every kind of the seeded market. */
export function seededFiles(market: SeededMarket): Readonly<Record<ArchiveKind, SeededFiles>> {
  const writer = new ByteWriter()
  return {
    klines: klines(writer),
    ...priceFiles(market, writer),
    ...futuresFiles(market, writer),
    trades: {
      header: 'id,price,qty,quote_qty,time,is_buyer_maker\n',
      inverseHeader: 'id,price,qty,base_qty,time,is_buyer_maker\n',
      headerFrom: Date.UTC(2022, 7, 11),
      start: ({ listedAt }) => listedAt,
      count: ({ line }, file) => line.countBefore(periodEnd(file) * 1000) - line.countBefore(file.start * 1000),
      async rows({ line, listing }, file, from, to, max) {
        const trades = line.between(line.place(from * 1000), line.place(to * 1000), max)
        for (const trade of trades) writeTrade(writer, listing, trade, unitOf(file))
        return { csv: writer.take(), rows: trades.length }
      },
      step: () => HOUR,
    },
    aggTrades: {
      header: 'agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n',
      headerFrom: Date.UTC(2022, 7, 11),
      start: ({ listedAt }) => listedAt,
      count: ({ line }, file) => {
        const before = (time: number): number => line.aggsBefore(line.finishedAt(line.place(time * 1000)))
        return before(periodEnd(file)) - before(file.start)
      },
      async rows({ line, listing }, file, from, to, max) {
        const [start, end] = [from, to].map((time) => line.finishedAt(line.place(time * 1000)))
        const aggs = line.aggsBetween(start!, end!, max)
        for (const agg of aggs) writeAgg(writer, listing, agg, unitOf(file))
        return { csv: writer.take(), rows: aggs.length }
      },
      step: () => HOUR,
    },
    fundingRate: {
      header: 'calc_time,funding_interval_hours,last_funding_rate\n',
      headerFrom: 0,
      start: ({ symbol, listedAt }) => (isDated(symbol) ? Number.POSITIVE_INFINITY : listedAt),
      count: ({ listing }, file) =>
        market.live.fundings({ ...listing, listed: true }, Math.max(file.start, listing.listedAt), periodEnd(file))
          .length,
      async rows({ listing }, _file, from, to, max) {
        const info = { ...listing, listed: true }
        const hours = market.live.fundingHours(info)
        const paid = market.live.fundings(info, Math.max(from, listing.listedAt), to).slice(0, max)
        for (const { time, rate } of paid) writer.integer(time).byte(44).integer(hours).byte(44).ascii(`${rate}\n`)
        return { csv: writer.take(), rows: paid.length }
      },
      step: (file) => periodEnd(file) - file.start,
    },
  }
}

type PriceFolder = keyof typeof PRICE_FOLDERS

function priceFiles(market: SeededMarket, writer: ByteWriter): Record<PriceFolder, SeededFiles> {
  const filesOf = (folder: PriceFolder): SeededFiles => ({
    ...klines(writer),
    // Outages stop trading, not the index: there is a candle for every interval.
    count({ listing }, { interval = '1m', ...file }) {
      const grid = { interval, origin: gridOrigin(listing) }
      const to = Math.min(periodEnd(file), listing.endsAt)
      return countOpens(grid, { from: Math.max(file.start, floorOpen(grid, listing.listedAt)), to })
    },
    async rows({ listing }, { interval = '1m' }, from, to, max) {
      const query = { price: PRICE_FOLDERS[folder], interval, from, to, max }
      const rows = market.live.priceCandles({ ...listing, listed: true }, query)
      for (const row of rows) writer.ascii(`${csvRow(row)}\n`)
      return { csv: writer.take(), rows: rows.length }
    },
  })
  return {
    markPriceKlines: filesOf('markPriceKlines'),
    indexPriceKlines: filesOf('indexPriceKlines'),
    premiumIndexKlines: filesOf('premiumIndexKlines'),
  }
}

function klines(writer: ByteWriter): SeededFiles {
  const intervalOf = (file: ArchiveFile): Interval => file.interval ?? '1m'
  return {
    header:
      'open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n',
    headerFrom: Date.UTC(2022, 5, 1),
    start: (listing, interval = '1m') => floorOpen({ interval, origin: gridOrigin(listing) }, listing.listedAt),
    count: (one, file) => one.count(intervalOf(file), file.start, periodEnd(file)),
    async rows(one, file, from, to, max) {
      const columns = await one.read({ interval: intervalOf(file), from, to, max }, Number.MAX_SAFE_INTEGER)
      const rows = new SeededRows(columns, one.listing)
      for (let row = 0; row < rows.length; row++) {
        rows.writeCsv(writer, row, unitOf(file))
        writer.byte(10)
      }
      return { csv: writer.take(), rows: rows.length }
    },
    step(file) {
      const length = intervalLength(intervalOf(file))
      return length < 60_000 ? HOUR : length < HOUR ? DAY : periodEnd(file) - file.start
    },
  }
}

function unitOf({ market, start }: ArchiveFile): 'ms' | 'us' {
  return market === 'spot' && start >= MICROSECONDS_FROM ? 'us' : 'ms'
}

function writeTrade(out: ByteWriter, listing: Listing, trade: LiveTrade, unit: 'ms' | 'us'): void {
  const { tickDecimals, stepDecimals, priceDecimals, market } = listing
  const scale = valueScale(listing)
  const isSpot = market === 'spot'
  out.integer(trade.id).byte(44)
  out.fixed(trade.price, tickDecimals, isSpot ? Math.max(8, priceDecimals) : priceDecimals).byte(44)
  out.fixed(trade.lots, stepDecimals, isSpot ? 8 : stepDecimals).byte(44)
  out.fixed(worthOf(listing)(trade.price, trade.lots), scale, isSpot ? Math.max(8, scale) : scale).byte(44)
  writeEnd(out, trade, unit, isSpot)
}

function writeAgg(out: ByteWriter, listing: Listing, agg: LiveAggTrade, unit: 'ms' | 'us'): void {
  const { tickDecimals, stepDecimals, priceDecimals, market } = listing
  const isSpot = market === 'spot'
  out.integer(agg.id).byte(44)
  out.fixed(agg.price, tickDecimals, isSpot ? Math.max(8, priceDecimals) : priceDecimals).byte(44)
  out.fixed(agg.lots, stepDecimals, isSpot ? 8 : stepDecimals).byte(44)
  out.integer(agg.firstId).byte(44).integer(agg.lastId).byte(44)
  writeEnd(out, agg, unit, isSpot)
}

/** Time, side, and on spot whether it was the best match. */
function writeEnd(out: ByteWriter, trade: LiveTrade, unit: 'ms' | 'us', isSpot: boolean): void {
  out.integer(unit === 'us' ? trade.time : Math.floor(trade.time / 1000))
  if (isSpot) out.ascii(trade.buyerIsMaker ? ',True,True\n' : ',False,True\n')
  else out.ascii(trade.buyerIsMaker ? ',true\n' : ',false\n')
}

/** The CSV of a file, piece by piece. */
export async function* csvOf(files: SeededFiles, one: SymbolMarket, file: ArchiveFile): AsyncGenerator<Buffer> {
  const header = (file.market === 'coinm' ? files.inverseHeader : undefined) ?? files.header
  if (file.market !== 'spot' && file.start >= files.headerFrom) yield Buffer.from(header)
  const end = periodEnd(file)
  const step = files.step(file)
  const breath = new Breath()
  for (let from = file.start; from < end; from += step) {
    yield (await files.rows(one, file, from, Math.min(end, from + step), Number.MAX_SAFE_INTEGER)).csv
    await breath.take()
  }
}

/** Deflated bytes a row, with room to spare: from stretches at all hours of the day and days of the week. */
export async function sampledRowBytes(files: SeededFiles, one: SymbolMarket, file: ArchiveFile): Promise<number> {
  const first = floorDay(one.listing.listedAt) + 30 * DAY
  // In microseconds, which are longer.
  const sample = { ...file, start: Math.max(file.start, MICROSECONDS_FROM) }
  let deflated = 0
  let rows = 0
  for (let i = 0; i < SAMPLES; i++) {
    const from = first + i * 21 * HOUR
    const found = await files.rows(one, sample, from, from + 14 * DAY, SAMPLE_ROWS)
    deflated += (await deflate(found.csv, { level: 1, finishFlush: constants.Z_SYNC_FLUSH })).length
    rows += found.rows
  }
  return (deflated / Math.max(1, rows)) * 1.06 + 1
}
