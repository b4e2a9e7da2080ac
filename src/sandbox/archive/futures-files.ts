import { DAY, HOUR, MINUTE, SECOND } from '../../model/time.ts'
import type { ByteWriter } from '../bytes.ts'
import { bandsAt, SAMPLE_STEP } from '../market/depth-samples.ts'
import type { Listing, SandboxMarket } from '../market/listing.ts'
import { LiveText } from '../market/live-text.ts'
import type { SymbolInfo } from '../market/market.ts'
import { METRICS_STEP } from '../market/metrics.ts'
import { hash32 } from '../market/noise.ts'
import type { SeededMarket } from '../market/seeded.ts'
import type { SymbolMarket } from '../market/symbol-market.ts'
import { type ArchiveFile, periodEnd } from './keys.ts'
import type { SeededFiles } from './seeded-files.ts'

/** Kinds whose files have a header from the first one on. */
export type FuturesKind = 'bookTicker' | 'bookDepth' | 'metrics' | 'liquidationSnapshot'

/** Files of quotes end: no day after this one, and of its next month only some hours. */
const QUOTES_END: Readonly<Partial<Record<SandboxMarket, { readonly lastDay: number; readonly cut: number }>>> = {
  usdm: { lastDay: Date.UTC(2024, 2, 30), cut: Date.UTC(2024, 3, 1, 5) },
  coinm: { lastDay: Date.UTC(2024, 9, 14), cut: Date.UTC(2024, 9, 15, 3) },
}
/** Files of liquidations of USD-M end with the month before this. */
const LIQUIDATIONS_END = Date.UTC(2024, 3, 1)
/** USD-M files of metrics label periods by their ends until here. */
const LABELS_SHIFT = Date.UTC(2026, 5, 25)
/** Quotes are told up to so many ms after they were made, those of midnight on the next day. */
const LATENCY = 150
/** At most one quote in so many ms. */
const QUOTE_STEP = 100
/** At most a liquidation in so many ms, on average of any stretch worth speaking of. */
const LIQUIDATION_STEP = 10 * SECOND

/** How long a file's period and its contract's life overlap, ms. */
function lifeIn({ listing }: SymbolMarket, file: ArchiveFile, end = periodEnd(file)): number {
  return Math.max(0, Math.min(end, listing.endsAt) - Math.max(file.start, listing.listedAt))
}

const infoOf = (listing: Listing): SymbolInfo => ({ ...listing, listed: true })

/** `2024-01-31 12:00:05` */
function textTime(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ')
}

/** Takes rows stretch by stretch until there are enough. */
function gather<Row>(
  from: number,
  to: number,
  step: number,
  max: number,
  read: (from: number, to: number) => Row[],
): Row[] {
  const rows: Row[] = []
  for (let start = from; start < to && rows.length < max; start += step)
    for (const row of read(start, Math.min(to, start + step))) rows.push(row)
  return rows.length > max ? rows.slice(0, max) : rows
}

const COMMON = { headerFrom: 0, start: ({ listedAt }: Listing) => listedAt }

/** Files that only futures have, beside those of candles and fundings. Counts are upper bounds: sizes are settled by them. */
export function futuresFiles(market: SeededMarket, writer: ByteWriter): Readonly<Record<FuturesKind, SeededFiles>> {
  const { live } = market
  return {
    bookTicker: {
      ...COMMON,
      header: 'update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n',
      count(one, file) {
        const end = QUOTES_END[file.market]
        if (end && file.start > (file.period === 'daily' ? end.lastDay : end.cut)) return 0
        return Math.ceil(
          lifeIn(one, file, Math.min(periodEnd(file), end?.cut ?? Number.POSITIVE_INFINITY)) / QUOTE_STEP,
        )
      },
      async rows({ listing }, file, from, to, max) {
        const info = infoOf(listing)
        const text = new LiveText(info)
        const cut = QUOTES_END[file.market]?.cut ?? Number.POSITIVE_INFINITY
        const end = file.start <= cut ? Math.min(to, cut) : to
        const quotes = gather(Math.max(from, listing.listedAt), end, MINUTE, max, (start, stop) =>
          live.quotes(info, start - 1, stop - 1),
        )
        for (const { updateId, bid, bidLots, ask, askLots, time } of quotes) {
          writer.integer(updateId).byte(44).ascii(text.priceText(bid)).byte(44).ascii(text.lotsText(bidLots)).byte(44)
          writer.ascii(text.priceText(ask)).byte(44).ascii(text.lotsText(askLots)).byte(44)
          writer
            .integer(time)
            .byte(44)
            .integer(time + (hash32(0x6c61, updateId) % LATENCY))
            .byte(10)
        }
        return { csv: writer.take(), rows: quotes.length }
      },
      step: () => HOUR,
    },
    bookDepth: {
      ...COMMON,
      header: 'timestamp,percentage,depth,notional\n',
      count: (one, file) => Math.ceil(lifeIn(one, file) / SAMPLE_STEP) * bandsAt(periodEnd(file)).length,
      async rows({ listing }, _file, from, to, max) {
        const info = infoOf(listing)
        const rows = gather(from, to, 10 * MINUTE, max, (start, stop) => live.depthSamples(info, start, stop))
        for (const { time, percentage, depth, notional } of rows) {
          // The narrow band came with two digits for all of them.
          const band = bandsAt(time).length > 10 ? percentage.toFixed(2) : String(percentage)
          writer.ascii(`${textTime(time)},${band},${depth},${notional}\n`)
        }
        return { csv: writer.take(), rows: rows.length }
      },
      step: () => HOUR,
    },
    metrics: {
      ...COMMON,
      header:
        'create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n',
      count: (one, file) => Math.floor(lifeIn(one, file) / METRICS_STEP),
      async rows({ listing }, file, from, to, max) {
        const info = infoOf(listing)
        const text = new LiveText(info)
        const rows = live.metrics(info, from, Math.min(to, from + max * METRICS_STEP))
        const late = file.market === 'usdm' && file.start < LABELS_SHIFT ? METRICS_STEP : 0
        for (const row of rows) {
          writer.ascii(`${textTime(row.time + late)},${listing.symbol},${text.lotsText(row.lots)},${row.value},`)
          writer.ascii(`${row.topAccounts}0000,${row.topPositions}0000,${row.accounts}0000,${row.takers}0000\n`)
        }
        return { csv: writer.take(), rows: rows.length }
      },
      step: () => DAY,
    },
    liquidationSnapshot: {
      ...COMMON,
      header:
        'time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,last_fill_quantity,accumulated_fill_quantity\n',
      count(one, file) {
        if (file.market === 'usdm' && file.start >= LIQUIDATIONS_END) return 0
        return Math.ceil(lifeIn(one, file) / LIQUIDATION_STEP)
      },
      async rows({ listing }, _file, from, to, max) {
        const info = infoOf(listing)
        const text = new LiveText(info)
        const rows = gather(Math.max(from, listing.listedAt), to, HOUR, max, (start, stop) =>
          live.liquidations(info, start, stop),
        )
        for (const { time, side, price, averagePrice, lots } of rows) {
          const quantity = text.lotsText(lots)
          writer.ascii(
            `${time},${side},LIMIT,IOC,${quantity},${text.priceText(price)},${text.priceText(averagePrice)},`,
          )
          writer.ascii(`FILLED,${quantity},${quantity}\n`)
        }
        return { csv: writer.take(), rows: rows.length }
      },
      step: () => DAY,
    },
  }
}
