import type { StreamEvent } from '../../exchanges/stream.ts'
import type { RecordId } from '../../model/live/index.ts'
import { formatDuration, plural, printable } from '../render/text.ts'

/** Something that happened, for people and for programs. */
export interface News {
  /** Local clock, epoch ms. */
  readonly at: number
  /** `closed`, `hole`, `book`, … */
  readonly event: string
  /** What people are told; undefined for what only programs want to know. */
  readonly text: string | undefined
  /** `bad`: something went wrong; `good`: something was put right. */
  readonly tone: 'plain' | 'good' | 'bad'
  readonly fields: Readonly<Record<string, unknown>>
}

/** `BTCUSDT trade`, `usdm BTCUSDT candle 1m`: how people are told of a series or a channel. */
export function streamLabel(of: {
  readonly market: string
  readonly kind: string
  readonly symbol: string
  readonly interval?: string
}): string {
  const market = of.market === 'spot' ? '' : `${of.market} `
  const symbol = of.symbol === '*' ? 'every symbol' : printable(of.symbol)
  return `${market}${symbol} ${of.kind}${of.interval === undefined ? '' : ` ${of.interval}`}`
}

/** The same from a series' key, e.g. `binance-usdm/candle/BTCUSDT/1m`. */
export function labelOfKey(key: string): string {
  const { interval, ...parts } = partsOfKey(key)
  return streamLabel({ ...parts, ...(interval === undefined ? {} : { interval }) })
}

export function partsOfKey(key: string): {
  readonly market: string
  readonly kind: string
  readonly symbol: string
  readonly interval: string | undefined
} {
  const [place = '', kind = '', symbol = '', interval] = key.split('/')
  return {
    market: place.slice(place.lastIndexOf('-') + 1),
    kind,
    symbol,
    interval: interval === '1mo' ? '1M' : interval,
  }
}

/** An id as it is; an open time of candles as a time. */
export function positionText(kind: string, position: RecordId | string | null | undefined): string {
  if (position === undefined || position === null || Number.isNaN(position)) return '-'
  const isTime =
    kind === 'candle' || kind === 'ticker' || kind === 'markPrice' || kind === 'fundingRate' || kind === 'liquidation'
  return isTime ? clockText(Number(position)) : String(position)
}

/** `2026-01-31 12:00:00.250`; the fraction only where it is not 0. UTC. */
export function clockText(time: number): string {
  const text = new Date(time).toISOString()
  return (text.endsWith('.000Z') ? text.slice(0, 19) : text.slice(0, 23)).replace('T', ' ')
}

/** What happened on a connection. */
export function newsOfEvent(event: StreamEvent): News {
  const { at, type, ...fields } = event
  const news = (text: string | undefined, tone: News['tone'] = 'plain'): News => ({
    at,
    event: type,
    text,
    tone,
    fields,
  })
  switch (event.type) {
    case 'open':
      return news(`${event.market}: connection ${event.connection} is open`)
    case 'closed': {
      if (event.planned) return news(undefined)
      const down = event.channels.length > 0 ? `; ${plural(event.channels.length, 'stream')} down` : ''
      const why = event.reason === '' ? `code ${event.code}` : printable(event.reason)
      return news(`${event.market}: connection ${event.connection} was lost (${why})${down}`, 'bad')
    }
    case 'reconnecting': {
      const attempt = event.attempt > 1 ? `, try ${event.attempt}` : ''
      return news(`${event.market}: connecting again in ${formatDuration(event.delayMs)}${attempt}`)
    }
    case 'live':
      return news(undefined)
    case 'silent':
      return news(
        `${streamLabel(event.channel)}: silent for ${formatDuration(event.silentMs)}; moved to another connection`,
        'bad',
      )
    case 'refused':
      return news(
        `${event.channels.map(streamLabel).slice(0, 3).join(', ')}${event.channels.length > 3 ? ', …' : ''}: refused: ${printable(event.reason)}`,
        'bad',
      )
    case 'shutdown':
      return news(`${event.market}: the exchange is about to close connection ${event.connection}; it is replaced`)
    case 'rotated':
      return news(`${event.market}: connection ${event.to} takes over from ${event.from}`)
    case 'bad-frame':
      return news(
        `${event.market}: a frame of connection ${event.connection} can not be read: ${printable(event.problem)}`,
        'bad',
      )
    case 'unknown-event':
      return news(`${event.market}: an event that ticklake does not know: ${printable(event.event)}`)
  }
}
