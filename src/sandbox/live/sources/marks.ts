import type { SymbolInfo } from '../../market/market.ts'
import { type EventWriter, nextMultiple, type PeriodicSource, type SourceContext, Texts } from './source.ts'

/** `<symbol>@markPrice`, and `!markPrice@arr` as a list of all symbols. */
export function markSource(
  context: SourceContext,
  symbols: () => Promise<readonly SymbolInfo[]>,
  speed: number,
  asList: boolean,
): PeriodicSource {
  return {
    mode: 'periodic',
    // The truth has every one of them, also those that a machine out of breath is late with.
    skipsNothing: true,
    next: (after) => nextMultiple(after, speed),
    async write(time, out) {
      let first = true
      if (asList) out.byte(91)
      for (const info of await symbols()) {
        if (!first) out.byte(44)
        first = false
        const mark = context.live.mark(info, time)
        out.text(
          `{"e":"markPriceUpdate","E":${time + context.skew()},"s":${JSON.stringify(info.symbol)},"p":"${mark.markPrice}","ap":"${mark.markPrice}","i":"${mark.indexPrice}","P":"${mark.settlePrice}","r":"${mark.fundingRate}","T":${mark.nextFundingTime},"st":${info.market === 'coinm' ? 2 : 1}}`,
        )
      }
      if (asList) out.byte(93)
      if (asList || !first) out.end(time)
    },
  }
}

const LIQUIDATION_PERIOD = 1000

/** `<symbol>@forceOrder` and `!forceOrder@arr`: at most one per symbol and second, the last one. */
export function liquidationSource(
  context: SourceContext,
  symbols: () => Promise<readonly SymbolInfo[]>,
): PeriodicSource {
  let told = -1
  return {
    mode: 'periodic',
    next: (after) => nextMultiple(after, LIQUIDATION_PERIOD),
    async write(time, out) {
      const from = told < 0 ? time - LIQUIDATION_PERIOD : told
      told = time
      for (const info of await symbols()) {
        const texts = new Texts(info)
        let slot = -1
        const found = context.live.liquidations(info, from, time)
        for (const [i, one] of found.entries()) {
          const next = found[i + 1]
          slot = Math.floor(one.time / LIQUIDATION_PERIOD)
          if (next && Math.floor(next.time / LIQUIDATION_PERIOD) === slot) continue
          writeOrder(out, texts, one.side, one.price, one.averagePrice, one.lots, one.time, context.skew())
          out.end(time)
        }
      }
    },
  }
}

function writeOrder(
  out: EventWriter,
  texts: Texts,
  side: string,
  price: number,
  average: number,
  lots: number,
  time: number,
  skew: number,
): void {
  out
    .ascii('{"e":"forceOrder","E":')
    .integer(time + skew)
    .ascii(',"o":{"s":')
  texts.name(out)
  out.ascii(`,"S":"${side}","o":"LIMIT","f":"IOC","q":`)
  texts.lots(out, lots)
  out.ascii(',"p":')
  texts.price(out, price)
  out.ascii(',"ap":')
  texts.price(out, average)
  out.ascii(',"X":"FILLED","l":')
  texts.lots(out, lots)
  out.ascii(',"z":')
  texts.lots(out, lots)
  // COIN-M tells the pair inside of the order.
  const isInverse = texts.info.market === 'coinm'
  out.ascii(',"T":').integer(time)
  if (!isInverse) out.byte(125)
  texts.pairName(out.ascii(',"ps":'))
  if (isInverse) out.byte(125)
  out.ascii(texts.end)
}
