import { ParseError } from '../../../model/errors.ts'
import { isInterval } from '../../../model/interval.ts'
import { RecordFlag } from '../../../model/live/index.ts'
import type { LiveRecord } from '../../../model/live/record.ts'
import type { Market } from '../../../model/series.ts'
import type { FrameParser, FrameSink } from '../../stream.ts'
import { textOf } from './byte-table.ts'
import { type EventCode, Events, eventOf, type StreamName, streamName, symbolName } from './events.ts'
import { parseExact, WideNumber } from './exact-json.ts'
import { Members } from './members.ts'
import * as make from './records.ts'

type Json = Readonly<Record<string, unknown>>

/** USD-M and COIN-M share streams: which of them a row is of. */
const SUBTYPE: Readonly<Partial<Record<Market, number>>> = { usdm: 1, coinm: 2 }

/**
 * Reads frames by `JSON.parse`. It knows every shape, words every problem, and is the reference that the byte scanner is
 * tested against.
 */
export class GeneralParser implements FrameParser {
  readonly #market: Market

  constructor(market: Market) {
    this.#market = market
  }

  parse(bytes: Uint8Array, start: number, end: number, receiveTime: number, sink: FrameSink): void {
    let frame: unknown
    let text = ''
    try {
      text = textOf(bytes, start, end)
      frame = parseExact(text)
    } catch {
      const shown = text.trim() === '' ? 'it is empty' : JSON.stringify(text.slice(0, 80))
      sink.bad(`the frame is not JSON: ${shown}`)
      return
    }
    const { stream, data } = isObject(frame) ? frame : ({} as Json)
    if (typeof stream !== 'string' || data === undefined) this.#payload(frame, undefined, '$', receiveTime, sink)
    else this.#payload(data, streamName(stream), `${stream}: $.data`, receiveTime, sink)
  }

  #payload(payload: unknown, stream: StreamName | undefined, path: string, receiveTime: number, sink: FrameSink): void {
    if (Array.isArray(payload)) {
      for (const [index, row] of (payload as unknown[]).entries()) {
        if (isObject(row)) this.#object(row, stream, `${path}[${index}]`, receiveTime, sink)
        else sink.bad(`${path}[${index}]: expected an object`)
      }
    } else if (isObject(payload)) this.#object(payload, stream, path, receiveTime, sink)
    else sink.bad(`${path}: expected an event`)
  }

  #object(row: Json, stream: StreamName | undefined, path: string, receiveTime: number, sink: FrameSink): void {
    let record: LiveRecord | undefined
    try {
      const members = new Members(row, path)
      record = members.has('e')
        ? this.#event(members, stream, receiveTime, sink)
        : this.#withoutEvent(row, members, stream, receiveTime, sink)
    } catch (error) {
      if (!(error instanceof ParseError)) throw error
      sink.bad(error.message)
    }
    if (record) sink.record(record)
  }

  #event(
    members: Members,
    stream: StreamName | undefined,
    receiveTime: number,
    sink: FrameSink,
  ): LiveRecord | undefined {
    const name = members.text('e')
    const event = eventOf(name)
    if (name === 'serverShutdown') sink.shutdown(members.time('E'))
    else if (event === Events.other) sink.unknown(name)
    else if (event === Events.kline && stream?.zoned) sink.unknown('kline of another time zone')
    else if (event === Events.depthUpdate && stream !== undefined && stream.depth === undefined) {
      sink.unknown(stream.text.slice(stream.text.indexOf('@') + 1))
    } else return this.#record(event, members, stream, receiveTime)
    return undefined
  }

  /** What is told apart by its members: levels of a spot book, spot quotes, replies. */
  #withoutEvent(
    row: Json,
    members: Members,
    stream: StreamName | undefined,
    receiveTime: number,
    sink: FrameSink,
  ): LiveRecord | undefined {
    if (members.has('lastUpdateId')) return this.#spotSnapshot(members, stream, receiveTime)
    if (members.has('u') && members.has('b') && members.has('a')) return this.#quote(members, receiveTime)
    const failure = isObject(row.error) ? row.error : row
    const id = idOf(row.id)
    if (typeof failure.code === 'number') {
      const message = typeof failure.msg === 'string' ? failure.msg : ''
      sink.reply(id, undefined, { code: failure.code, message })
    } else if ('result' in row) sink.reply(id, row.result, undefined)
    else {
      const names = Object.keys(row).slice(0, 8).join(', ')
      throw new ParseError(members.path, `neither an event nor a reply (its members: ${names})`)
    }
    return undefined
  }

  #record(
    event: Exclude<EventCode, 0>,
    members: Members,
    stream: StreamName | undefined,
    receiveTime: number,
  ): LiveRecord | undefined {
    switch (event) {
      case Events.bookTicker:
        return this.#quote(members, receiveTime)
      case Events.forceOrder:
        return this.#liquidation(members, receiveTime)
      case Events.depthUpdate:
        return this.#book(members, stream, receiveTime)
      case Events.kline:
        return this.#candle(members, receiveTime)
      case Events.ticker:
      case Events.miniTicker:
        return this.#ticker(members, event === Events.miniTicker, receiveTime)
      case Events.markPrice:
        return this.#markPrice(members, receiveTime)
      case Events.trade:
        return this.#trade(members, receiveTime)
      case Events.aggTrade:
        return this.#aggTrade(members, receiveTime)
    }
  }

  /** The symbol; undefined for a row of the other futures market. */
  #symbol(members: Members, row = members): string | undefined {
    const symbol = symbolName(row.filledText('s'))
    const mine = SUBTYPE[this.#market]
    if (mine === undefined) return symbol.text
    const subtype = members.optional('st') ?? (symbol.isCoinM ? 2 : 1)
    return subtype === mine ? symbol.text : undefined
  }

  #trade(members: Members, receiveTime: number): LiveRecord | undefined {
    const symbol = this.#symbol(members)
    if (symbol === undefined) return undefined
    const eventTime = members.time('E')
    const [id, time] = [members.id('t'), members.time('T')]
    const [price, quantity] = [members.decimal('p'), members.decimal('q')]
    // Not from the order book: it has an id that the ledger must see, and no price that means anything.
    const special = this.#market !== 'spot' && members.has('X') && members.text('X') !== 'MARKET'
    const flags = members.flags(RecordFlag.stream) | (special ? RecordFlag.suspect : 0)
    const maker = members.flag('m')
    return make.tradeRecord(this.#market, symbol, eventTime, receiveTime, flags, id, time, price, quantity, maker)
  }

  #aggTrade(members: Members, receiveTime: number): LiveRecord | undefined {
    const symbol = this.#symbol(members)
    if (symbol === undefined) return undefined
    const eventTime = members.time('E')
    const [id, time] = [members.id('a'), members.time('T')]
    const [price, quantity] = [members.decimal('p'), members.decimal('q')]
    const [first, last] = [members.id('f', -1), members.id('l', -1)]
    const maker = members.flag('m')
    const flags = members.flags(RecordFlag.stream)
    return make.aggTradeRecord(
      this.#market,
      symbol,
      eventTime,
      receiveTime,
      flags,
      id,
      time,
      price,
      quantity,
      first,
      last,
      maker,
    )
  }

  #candle(members: Members, receiveTime: number): LiveRecord | undefined {
    const symbol = this.#symbol(members)
    if (symbol === undefined) return undefined
    const eventTime = members.time('E')
    const k = members.inner('k')
    const interval = k.text('i')
    if (!isInterval(interval)) throw new ParseError(`${k.path}.i`, `"${interval.slice(0, 20)}" is no interval`)
    const [openTime, closeTime] = [k.time('t'), Math.floor(k.time('T'))]
    if (closeTime < openTime) throw new ParseError(`${k.path}.T`, `${closeTime} is before the open time ${openTime}`)
    const trades = k.count('n')
    const closed = k.flag('x')
    const [open, high, low, close] = [k.decimal('o'), k.decimal('h'), k.decimal('l'), k.decimal('c')]
    const [volume, quoteVolume, takerBuyVolume, takerBuyQuoteVolume] = [
      k.decimal('v'),
      k.decimal('q'),
      k.decimal('V'),
      k.decimal('Q'),
    ]
    return make.candleRecord(
      this.#market,
      symbol,
      eventTime,
      receiveTime,
      k.flags(RecordFlag.stream),
      interval,
      closed,
      openTime,
      closeTime,
      open,
      high,
      low,
      close,
      volume,
      quoteVolume,
      trades,
      takerBuyVolume,
      takerBuyQuoteVolume,
    )
  }

  #book(members: Members, stream: StreamName | undefined, receiveTime: number): LiveRecord | undefined {
    const symbol = this.#symbol(members)
    if (symbol === undefined) return undefined
    const isSpot = this.#market === 'spot'
    const eventTime = members.time('E')
    const transactionTime = isSpot ? Number.NaN : members.time('T')
    const [first, last] = [members.id('U'), members.id('u')]
    if (last < first) throw new ParseError(`${members.path}.u`, `${last} is before the first update ${first}`)
    const previous = isSpot ? -1 : members.id('pu', -1)
    const [bids, asks] = [members.levels('b'), members.levels('a')]
    const flags = members.flags(RecordFlag.stream)
    const depth = stream?.depth
    // Diff and partial have one shape; without a stream name the common one is meant.
    return typeof depth === 'number'
      ? make.snapshotRecord(
          this.#market,
          symbol,
          eventTime,
          receiveTime,
          flags,
          last,
          transactionTime,
          depth,
          bids,
          asks,
        )
      : make.deltaRecord(
          this.#market,
          symbol,
          eventTime,
          receiveTime,
          flags,
          first,
          last,
          previous,
          transactionTime,
          bids,
          asks,
        )
  }

  #spotSnapshot(members: Members, stream: StreamName | undefined, receiveTime: number): LiveRecord {
    if (!stream || typeof stream.depth !== 'number') {
      throw new ParseError(members.path, `levels of a book without a stream name to tell the symbol by`)
    }
    const last = members.id('lastUpdateId', -1)
    const [bids, asks] = [members.levels('bids'), members.levels('asks')]
    const flags = members.flags(RecordFlag.stream)
    const { symbol, depth } = stream
    return make.snapshotRecord(
      this.#market,
      symbol,
      Number.NaN,
      receiveTime,
      flags,
      last,
      receiveTime,
      depth as number,
      bids,
      asks,
    )
  }

  #quote(members: Members, receiveTime: number): LiveRecord | undefined {
    const symbol = this.#symbol(members)
    if (symbol === undefined) return undefined
    const eventTime = members.has('E') ? members.time('E') : Number.NaN
    const transactionTime = members.has('T') ? members.time('T') : Number.NaN
    const id = members.id('u')
    const [bid, bidQuantity] = [members.decimal('b'), members.decimal('B')]
    const [ask, askQuantity] = [members.decimal('a'), members.decimal('A')]
    return make.quoteRecord(
      this.#market,
      symbol,
      eventTime,
      receiveTime,
      members.flags(RecordFlag.stream),
      id,
      bid,
      bidQuantity,
      ask,
      askQuantity,
      transactionTime,
    )
  }

  #ticker(members: Members, isMini: boolean, receiveTime: number): LiveRecord | undefined {
    const symbol = this.#symbol(members)
    if (symbol === undefined) return undefined
    const eventTime = members.time('E')
    const core = {
      open: members.decimal('o'),
      high: members.decimal('h'),
      low: members.decimal('l'),
      last: members.decimal('c'),
      volume: members.decimal('v'),
      quoteVolume: members.decimal('q'),
    }
    const rest = isMini
      ? make.MINI
      : {
          priceChange: members.decimal('p'),
          priceChangePercent: members.decimal('P'),
          weightedAverage: members.decimal('w'),
          lastQuantity: members.decimal('Q'),
          bidPrice: members.decimalOrNaN('b'),
          bidQuantity: members.decimalOrNaN('B'),
          askPrice: members.decimalOrNaN('a'),
          askQuantity: members.decimalOrNaN('A'),
          openTime: members.time('O'),
          closeTime: members.time('C'),
          firstTradeId: members.id('F', -1),
          lastTradeId: members.id('L', -1),
          trades: members.count('n'),
        }
    return make.tickerRecord(this.#market, symbol, eventTime, receiveTime, members.flags(RecordFlag.stream), core, rest)
  }

  #markPrice(members: Members, receiveTime: number): LiveRecord | undefined {
    const symbol = this.#symbol(members)
    if (symbol === undefined) return undefined
    const eventTime = members.time('E')
    const [mark, index] = [members.decimal('p'), members.decimalOrNaN('i')]
    const [settle, rate] = [members.decimalOrNaN('P'), members.decimalOrNaN('r')]
    const next = members.timeOrNaN('T')
    const flags = members.flags(RecordFlag.stream)
    return make.markPriceRecord(this.#market, symbol, eventTime, receiveTime, flags, mark, index, settle, rate, next)
  }

  #liquidation(members: Members, receiveTime: number): LiveRecord | undefined {
    const o = members.inner('o')
    const symbol = this.#symbol(members, o)
    if (symbol === undefined) return undefined
    const eventTime = members.time('E')
    const side = o.text('S')
    if (side !== 'BUY' && side !== 'SELL') throw new ParseError(`${o.path}.S`, `"${side.slice(0, 20)}" is no side`)
    const time = o.time('T')
    const [price, average, quantity] = [o.decimal('p'), o.decimal('ap'), o.decimal('q')]
    const [lastFilled, filled] = [o.decimal('l'), o.decimal('z')]
    return make.liquidationRecord(
      this.#market,
      symbol,
      eventTime,
      receiveTime,
      o.flags(RecordFlag.stream),
      time,
      side === 'BUY' ? 1 : 2,
      price,
      average,
      quantity,
      lastFilled,
      filled,
    )
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof WideNumber)
}

function idOf(value: unknown): number | string | null {
  if (value instanceof WideNumber) return value.text
  return typeof value === 'number' || typeof value === 'string' ? value : null
}
