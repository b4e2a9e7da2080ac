import { type Channel, channelKey, type StreamEvent } from '../../exchanges/stream.ts'
import { WebSocketConnectionError } from '../../model/errors.ts'
import { type SeriesId, seriesKey } from '../../model/series.ts'
import { seriesOfChannel } from './service-series.ts'

/** Series whose connection was lost where none is made again (`autoReconnect: false`): they bring nothing any more. */
export class LostSeries {
  readonly #exchange: string
  readonly #errors = new Map<string, WebSocketConnectionError>()

  constructor(exchange: string) {
    this.#exchange = exchange
  }

  /** Why a series is lost. */
  get(series: SeriesId): WebSocketConnectionError | undefined {
    return this.#errors.get(seriesKey(series))
  }

  /** Takes note of what happens on the connections; gives the series that are lost by it. */
  event(event: StreamEvent): SeriesId[] {
    // Data come again where the user has reconnected.
    if (event.type === 'live') this.found(event.channel)
    return event.type === 'closed' ? event.channels.flatMap((channel) => this.#lose(channel, event)) : []
  }

  /** A channel is asked for anew. */
  found(channel: Channel): void {
    for (const series of seriesOfChannel(this.#exchange, channel)) this.#errors.delete(seriesKey(series))
  }

  #lose(channel: Channel, { reason, code }: { readonly reason: string; readonly code: number }): SeriesId[] {
    const error = new WebSocketConnectionError(
      `The connection that carried ${channelKey(channel)} was lost (${reason || `code ${code}`}), and autoReconnect is off: call collector.reconnect() and subscribe again.`,
      { exchange: this.#exchange, retryable: false },
    )
    const lost = seriesOfChannel(this.#exchange, channel)
    for (const series of lost) this.#errors.set(seriesKey(series), error)
    return lost
  }
}
