import { ByteWriter } from './bytes.ts'
import type { Levels } from './market/live-market.ts'
import { LiveText } from './market/live-text.ts'
import type { SymbolInfo } from './market/market.ts'

export type TruthFormat = 'json' | 'csv'

/** Bytes from which on they are handed over. */
const FULL = 256 * 1024

/** Writes rows as a list of lists in JSON, or as lines of CSV; prices and quantities as the market spells them. */
export class TruthWriter {
  readonly #out = new ByteWriter(2 * FULL)
  readonly #text: LiveText
  readonly #csv: boolean
  #rows = 0
  #cells = 0

  constructor(info: SymbolInfo, format: TruthFormat, header: string) {
    this.#text = new LiveText(info)
    this.#csv = format === 'csv'
    this.#out.ascii(this.#csv ? `${header}\n` : '[')
  }

  get isFull(): boolean {
    return this.#out.length >= FULL
  }

  /** Starts a row. */
  row(): this {
    this.#close()
    if (!this.#csv) this.#out.ascii(this.#rows === 0 ? '\n[' : ',\n[')
    this.#rows++
    this.#cells = 0
    return this
  }

  #close(): void {
    if (this.#rows > 0) this.#out.byte(this.#csv ? 10 : 93)
  }

  #cell(): ByteWriter {
    if (this.#cells++ > 0) this.#out.byte(44)
    return this.#out
  }

  integer(value: number): this {
    this.#cell().integer(value)
    return this
  }

  /** A time in µs, as ms with up to three digits after the point. */
  micros(value: number): this {
    const out = this.#cell()
    if (value % 1000 === 0) out.integer(value / 1000)
    else out.fixed(value, 3, 3)
    return this
  }

  price(ticks: number): this {
    const out = this.#cell()
    if (this.#csv) out.ascii(this.#text.priceText(ticks))
    else this.#text.price(out, ticks)
    return this
  }

  lots(lots: number): this {
    const out = this.#cell()
    if (this.#csv) out.ascii(this.#text.lotsText(lots))
    else this.#text.lots(out, lots)
    return this
  }

  /** ASCII text that needs no escape. */
  text(text: string): this {
    const out = this.#cell()
    if (this.#csv) out.ascii(text)
    else out.byte(34).ascii(text).byte(34)
    return this
  }

  flag(value: boolean): this {
    this.#cell().ascii(value ? 'true' : 'false')
    return this
  }

  /** Numbers and both sides of a book: one row in JSON, a row for each level in CSV. */
  levelRows(numbers: readonly number[], bids: Levels, asks: Levels): void {
    if (!this.#csv) {
      this.row()
      for (const number of numbers) this.integer(number)
      this.#text.levels(this.#cell(), bids)
      this.#text.levels(this.#cell(), asks)
      return
    }
    for (const [side, levels] of [
      ['bid', bids],
      ['ask', asks],
    ] as const) {
      for (let i = 0; i < levels.length; i += 2) {
        this.row()
        for (const number of numbers) this.integer(number)
        this.text(side)
          .price(levels[i]!)
          .lots(levels[i + 1]!)
      }
    }
  }

  /** What was written since the last time. */
  take(): Buffer {
    return this.#out.take()
  }

  /** The rest. */
  end(): Buffer {
    this.#close()
    if (!this.#csv) this.#out.ascii('\n]\n')
    return this.#out.take()
  }
}
