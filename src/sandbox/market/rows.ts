import type { ByteWriter } from '../bytes.ts'
import type { CandleColumns } from './columns.ts'
import type { Listing } from './listing.ts'
import type { CandleRows, TimeUnit } from './market.ts'
import { valueScale } from './value.ts'

const QUOTE = 34
const COMMA = 44

/** Writes columns of ticks and lots as the decimal text of their market. */
export class SeededRows implements CandleRows {
  readonly columns: CandleColumns
  readonly #listing: Listing
  /** Futures write an empty volume as `0`, spot as `0.00000000`. */
  readonly #bareZero: boolean

  constructor(columns: CandleColumns, listing: Listing) {
    this.columns = columns
    this.#listing = listing
    this.#bareZero = listing.market !== 'spot'
  }

  get length(): number {
    return this.columns.length
  }

  openTime(row: number): number {
    return this.columns.openTime[row]!
  }

  closeTime(row: number): number {
    return this.columns.closeTime[row]!
  }

  writeJson(into: ByteWriter, row: number, unit: TimeUnit): void {
    into.byte(91)
    this.#write(into, row, unit, true)
    into.byte(93)
  }

  writeCsv(into: ByteWriter, row: number, unit: TimeUnit): void {
    this.#write(into, row, unit, false)
  }

  #write(into: ByteWriter, row: number, unit: TimeUnit, quoted: boolean): void {
    const c = this.columns
    const { stepDecimals, volumeDecimals, quoteDecimals } = this.#listing
    const quoteScale = valueScale(this.#listing)
    into.integer(c.openTime[row]!)
    if (unit === 'us') into.ascii('000')
    this.#price(into, c.open[row]!, quoted)
    this.#price(into, c.high[row]!, quoted)
    this.#price(into, c.low[row]!, quoted)
    this.#price(into, c.close[row]!, quoted)
    this.#volume(into, c.volume[row]!, 0, stepDecimals, volumeDecimals, quoted)
    into.byte(COMMA).integer(c.closeTime[row]!)
    if (unit === 'us') into.ascii('999')
    this.#volume(into, c.quote[row]!, c.quoteHigh[row]!, quoteScale, quoteDecimals, quoted)
    into.byte(COMMA).integer(c.trades[row]!)
    this.#volume(into, c.buyVolume[row]!, 0, stepDecimals, volumeDecimals, quoted)
    this.#volume(into, c.buyQuote[row]!, c.buyQuoteHigh[row]!, quoteScale, quoteDecimals, quoted)
    into.ascii(quoted ? ',"0"' : ',0')
  }

  #price(into: ByteWriter, ticks: number, quoted: boolean): void {
    into.byte(COMMA)
    if (quoted) into.byte(QUOTE)
    into.fixed(ticks, this.#listing.tickDecimals, this.#listing.priceDecimals)
    if (quoted) into.byte(QUOTE)
  }

  #volume(into: ByteWriter, value: number, high: number, scale: number, decimals: number, quoted: boolean): void {
    into.byte(COMMA)
    if (quoted) into.byte(QUOTE)
    if (this.#bareZero && value === 0 && high === 0) into.byte(48)
    else into.fixed(value, scale, decimals, high)
    if (quoted) into.byte(QUOTE)
  }
}
