import type { BookUpdate, Levels, LiveQuote } from '../../market/live-market.ts'
import type { SymbolInfo } from '../../market/market.ts'
import {
  type EventWriter,
  inUnit,
  nextMultiple,
  type PeriodicSource,
  type SourceContext,
  type SteadySource,
  Texts,
} from './source.ts'

/** `<symbol>@depth`: what has changed in the book. */
export function depthSource(context: SourceContext, info: SymbolInfo, speed: number): SteadySource {
  const texts = new Texts(info)
  return {
    mode: 'steady',
    produce(from, to, out) {
      for (const update of context.live.bookUpdates(info, from, to, speed)) {
        writeUpdate(out, context, texts, update, update.bids, update.asks)
        out.end(update.time)
      }
      return undefined
    },
  }
}

/** `<symbol>@depth5`, 10, 20: the best levels after each update that changed the book. */
export function partialDepthSource(
  context: SourceContext,
  info: SymbolInfo,
  speed: number,
  levels: number,
): SteadySource {
  const texts = new Texts(info)
  return {
    mode: 'steady',
    produce(from, to, out) {
      for (const update of context.live.bookUpdates(info, from, to, speed)) {
        const book = context.live.book(info, update.time, levels)
        if (info.market !== 'spot') writeUpdate(out, context, texts, update, book.bids, book.asks)
        else {
          out.ascii('{"lastUpdateId":').integer(update.lastId).ascii(',"bids":')
          writeLevels(out, texts, book.bids)
          out.ascii(',"asks":')
          writeLevels(out, texts, book.asks)
          out.byte(125)
        }
        out.end(update.time)
      }
      return undefined
    },
  }
}

function writeUpdate(
  out: EventWriter,
  context: SourceContext,
  texts: Texts,
  update: BookUpdate,
  bids: Levels,
  asks: Levels,
): void {
  const { unit } = context
  const futures = texts.info.market !== 'spot'
  out.ascii('{"e":"depthUpdate","E":').integer(inUnit(update.time + context.skew(), unit))
  if (futures) out.ascii(',"T":').integer(update.time)
  out.ascii(',"s":')
  texts.name(out)
  if (futures) {
    out.ascii(',"ps":')
    texts.pairName(out)
  }
  out.ascii(',"U":').integer(update.firstId).ascii(',"u":').integer(update.lastId)
  if (futures) out.ascii(',"pu":').integer(update.previousId)
  out.ascii(',"b":')
  writeLevels(out, texts, bids)
  out.ascii(',"a":')
  writeLevels(out, texts, asks)
  out.ascii(futures ? texts.end : '}')
}

function writeLevels(out: EventWriter, texts: Texts, levels: Levels): void {
  out.byte(91)
  for (let i = 0; i < levels.length; i += 2) {
    if (i > 0) out.byte(44)
    out.byte(91)
    texts.price(out, levels[i]!)
    out.byte(44)
    texts.lots(out, levels[i + 1]!)
    out.byte(93)
  }
  out.byte(93)
}

/** `<symbol>@bookTicker`: each change of the best bid or offer. */
export function quoteSource(context: SourceContext, info: SymbolInfo): SteadySource {
  const texts = new Texts(info)
  return {
    mode: 'steady',
    produce(from, to, out) {
      const skew = context.skew()
      for (const quote of context.live.quotes(info, from, to)) {
        writeQuote(out, texts, quote, skew)
        out.end(quote.time)
      }
      return undefined
    },
  }
}

function writeQuote(out: EventWriter, texts: Texts, quote: LiveQuote, skew: number): void {
  const futures = texts.info.market !== 'spot'
  if (futures) {
    out.ascii('{"e":"bookTicker","u":').integer(quote.updateId)
    out
      .ascii(',"E":')
      .integer(quote.time + skew)
      .ascii(',"T":')
      .integer(quote.time)
      .ascii(',"s":')
  } else out.ascii('{"u":').integer(quote.updateId).ascii(',"s":')
  texts.name(out)
  if (futures) {
    out.ascii(',"ps":')
    texts.pairName(out)
  }
  out.ascii(',"b":')
  texts.price(out, quote.bid)
  out.ascii(',"B":')
  texts.lots(out, quote.bidLots)
  out.ascii(',"a":')
  texts.price(out, quote.ask)
  out.ascii(',"A":')
  texts.lots(out, quote.askLots)
  out.ascii(futures ? texts.end : '}')
}

const ALL_QUOTES_PERIOD = 5000

/** `!bookTicker` of USD-M: one frame a symbol every five seconds. */
export function allQuotesSource(context: SourceContext, symbols: () => Promise<readonly SymbolInfo[]>): PeriodicSource {
  const texts = new Map<string, Texts>()
  return {
    mode: 'periodic',
    next: (after) => nextMultiple(after, ALL_QUOTES_PERIOD),
    async write(time, out) {
      for (const info of await symbols()) {
        let own = texts.get(info.symbol)
        if (!own) {
          own = new Texts(info)
          texts.set(info.symbol, own)
        }
        const book = context.live.book(info, time, 1)
        const [bid, bidLots] = book.bids
        const [ask, askLots] = book.asks
        if (bid === undefined || bidLots === undefined || ask === undefined || askLots === undefined) continue
        writeQuote(out, own, { updateId: book.updateId, time, bid, bidLots, ask, askLots }, context.skew())
        out.end(time)
      }
    },
  }
}
