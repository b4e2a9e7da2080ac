import type { StreamEvent } from '../../exchanges/stream.ts'

export interface ConnectionCounters {
  readonly opened: number
  /** Connections lost, not planned. */
  readonly lost: number
  readonly rotated: number
  readonly silent: number
  readonly shutdowns: number
  readonly refused: number
  readonly badFrames: number
  readonly unknownEvents: number
}

/** Events kept for the report; older ones are counted only. */
const MAX_EVENTS = 1000
/** Bytes of a bad frame that the report shows. */
const MAX_SHOWN = 512

/** An event as the report shows it. */
export type LoggedEvent = { readonly at: number; readonly type: string } & Readonly<Record<string, unknown>>

/** What happened on the connections: counted, and the last events word for word. */
export class ConnectionLog {
  readonly #events: LoggedEvent[] = []
  #counters = {
    opened: 0,
    lost: 0,
    rotated: 0,
    silent: 0,
    shutdowns: 0,
    refused: 0,
    badFrames: 0,
    unknownEvents: 0,
  }

  get events(): readonly LoggedEvent[] {
    return this.#events
  }

  get counters(): ConnectionCounters {
    return { ...this.#counters }
  }

  note(event: StreamEvent): void {
    switch (event.type) {
      case 'open':
        this.#counters.opened++
        break
      case 'closed':
        if (!event.planned) this.#counters.lost++
        break
      case 'rotated':
        this.#counters.rotated++
        break
      case 'silent':
        this.#counters.silent++
        break
      case 'shutdown':
        this.#counters.shutdowns++
        break
      case 'refused':
        this.#counters.refused++
        break
      case 'bad-frame':
        this.#counters.badFrames++
        break
      case 'unknown-event':
        this.#counters.unknownEvents++
        break
      default:
    }
    // One per channel at the start: they would push everything else out.
    if (event.type === 'live') return
    this.#events.push(shown(event))
    if (this.#events.length > MAX_EVENTS) this.#events.shift()
  }
}

function shown(event: StreamEvent): LoggedEvent {
  if (event.type === 'bad-frame')
    return { ...event, frame: Buffer.from(event.frame.subarray(0, MAX_SHOWN)).toString('latin1') }
  if (event.type === 'closed' || event.type === 'refused') return { ...event, channels: event.channels.length }
  return { ...event }
}
