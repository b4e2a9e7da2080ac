import { type Channel, EVERY_SYMBOL, type StreamEvent } from '../../exchanges/stream.ts'
import type { Log } from '../../model/log.ts'
import { tell } from '../../net/listener.ts'
import type { Backfill } from './backfill.ts'
import type { BadFrameFile } from './bad-frames.ts'
import type { BookKeeper } from './book-keeper.ts'
import type { ConnectionLog } from './connection-log.ts'
import type { IntakeSeries } from './intake.ts'
import type { Absence } from './live-series.ts'

export interface StreamEventsParts {
  readonly series: () => Iterable<IntakeSeries>
  readonly books: BookKeeper
  readonly backfill: Backfill
  readonly connections: ConnectionLog
  readonly badFrames: BadFrameFile | undefined
  /** The user's own listener. */
  readonly onEvent: ((event: StreamEvent) => unknown) | undefined
  readonly log: Log
}

/** What becomes of series, books and repairs when something happens on the connections. */
export class StreamEvents {
  readonly #parts: StreamEventsParts
  #isEnding = false

  constructor(parts: StreamEventsParts) {
    this.#parts = parts
  }

  /** What ends from now on ends because we do: it is no outage. */
  end(): void {
    this.#isEnding = true
  }

  take(event: StreamEvent): void {
    const { connections, badFrames, backfill, books, onEvent, log } = this.#parts
    connections.note(event)
    if (event.type === 'bad-frame') badFrames?.note(event)
    if (event.type === 'closed' && event.channels.length > 0 && !this.#isEnding) {
      for (const channel of event.channels) this.down(channel, event.reason || `code ${event.code}`, event.at)
    } else if (event.type === 'silent') {
      this.down(event.channel, `silent for ${Math.round(event.silentMs)} ms`, event.at, 'the stream was silent')
    } else if (event.type === 'open') {
      backfill.wake(event.market)
    } else if (event.type === 'live' && event.channel.kind === 'bookDelta') {
      books.connected(event.channel.market, event.channel.symbol, event.at)
    }
    tell(onEvent, event, (error) => log.error({ err: error }, 'onEvent threw'))
  }

  /** Nothing carries a channel now. What can be counted will show its hole; the rest is noted down. */
  down(channel: Channel, reason: string, at: number, absence: Absence = 'the connection was down'): void {
    const { market, symbol, kind } = channel
    for (const { series } of this.#parts.series()) {
      const { id } = series
      if (id.market !== market || id.kind !== kind || (symbol !== EVERY_SYMBOL && id.symbol !== symbol)) continue
      if (channel.interval === undefined || id.interval === channel.interval) series.down(at, absence)
    }
    if (kind === 'bookDelta') this.#parts.books.disconnected(market, symbol, reason, at)
  }
}
