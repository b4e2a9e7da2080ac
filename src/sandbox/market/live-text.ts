import { ByteWriter } from '../bytes.ts'
import type { Levels } from './live-market.ts'
import type { SymbolInfo } from './market.ts'
import { valueScale, worthOf } from './value.ts'

/** Digits after the point in which quantities are written. */
export const quantityDecimals = (info: SymbolInfo): number => (info.market === 'spot' ? 8 : info.stepDecimals)

/** Writes ticks and lots of one symbol as the decimal text of its market. */
export class LiveText {
  readonly #info: SymbolInfo
  readonly #quantity: number
  readonly #value: number
  readonly #scale: number
  readonly #worth: (ticks: number, lots: number) => number
  readonly #own = new ByteWriter(64)

  constructor(info: SymbolInfo) {
    this.#info = info
    this.#quantity = quantityDecimals(info)
    this.#scale = valueScale(info)
    this.#worth = worthOf(info)
    this.#value = Math.max(info.market === 'spot' ? 8 : 0, this.#scale)
  }

  /** `"62000.10"`, quotes included. */
  price(out: ByteWriter, ticks: number): ByteWriter {
    return out.byte(34).fixed(ticks, this.#info.tickDecimals, this.#info.priceDecimals).byte(34)
  }

  lots(out: ByteWriter, lots: number): ByteWriter {
    return out.byte(34).fixed(lots, this.#info.stepDecimals, this.#quantity).byte(34)
  }

  /** Price times quantity, exact; of COIN-M what it is in the base asset. */
  value(out: ByteWriter, ticks: number, lots: number): ByteWriter {
    return out.byte(34).fixed(this.#worth(ticks, lots), this.#scale, this.#value).byte(34)
  }

  /** `[["62000.10","0.5"],…]` */
  levels(out: ByteWriter, levels: Levels): ByteWriter {
    out.byte(91)
    for (let i = 0; i < levels.length; i += 2) {
      if (i > 0) out.byte(44)
      out.byte(91)
      this.price(out, levels[i]!).byte(44)
      this.lots(out, levels[i + 1]!).byte(93)
    }
    return out.byte(93)
  }

  /** Without quotes. */
  priceText(ticks: number): string {
    return this.#own.fixed(ticks, this.#info.tickDecimals, this.#info.priceDecimals).take().toString()
  }

  lotsText(lots: number): string {
    return this.#own.fixed(lots, this.#info.stepDecimals, this.#quantity).take().toString()
  }
}
