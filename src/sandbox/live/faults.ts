import { type FaultEngine, type FaultEntry, type FaultOf, fits, type Request } from '../faults/engine.ts'
import type { FaultType } from '../faults/spec.ts'
import type { SandboxMarket } from '../market/listing.ts'
import type { Connection } from './connection.ts'
import type { Subscription } from './subscription.ts'

/** Faults that end or silence whole connections. */
const CONNECTION_TYPES = ['disconnect', 'half-open', 'close', 'server-shutdown'] as const
/** Faults that look at each event. */
const EVENT_TYPES = [
  ...(['silent-stream', 'drop', 'duplicate', 'reorder', 'delay', 'garbage-frame'] as const),
  ...(['unknown-event', 'unknown-field', 'blanks', 'large-ids'] as const),
]

type ConnectionType = (typeof CONNECTION_TYPES)[number]
export type ConnectionFault = FaultOf<ConnectionType>
export type EventFault = FaultOf<(typeof EVENT_TYPES)[number]>

/** A fault that may hit the events of a stream. */
export interface StreamFault {
  readonly entry: FaultEntry
  readonly spec: EventFault | ConnectionFault
  /** Events seen, for `every`. */
  turn: number
  /** Of a silent stream: whether it is. Undefined until it is drawn. */
  isSilent: boolean | undefined
}

/** A fault that was done. */
export interface FaultRecord {
  /** The exchange's clock, epoch ms. */
  readonly at: number
  readonly fault: FaultType
  readonly connection: number
  readonly stream?: string
  /** First id of the event. */
  readonly id?: number
}

interface Timed {
  readonly entry: FaultEntry
  readonly spec: ConnectionFault
  due: number
}

const MOST_RECORDS = 10_000

/** The faults of the live part: which event, stream and connection they hit, and what was done. */
export class LiveFaults {
  readonly #engine: FaultEngine
  readonly #now: () => number
  readonly #act: (connection: Connection, spec: ConnectionFault) => void
  #timed: Timed[] = []
  #known = new Set<FaultEntry>()
  #records: FaultRecord[] = []
  /** Counts up whenever the list of faults changes. */
  version = 0

  constructor(engine: FaultEngine, now: () => number, act: (connection: Connection, spec: ConnectionFault) => void) {
    this.#engine = engine
    this.#now = now
    this.#act = act
  }

  /** Reads the list anew. */
  changed(): void {
    this.version++
    const entries = new Set(this.#engine.entries())
    const now = this.#now()
    this.#timed = this.#timed.filter((timed) => entries.has(timed.entry))
    for (const entry of entries) {
      const { spec } = entry
      if (this.#known.has(entry) || !isConnectionFault(spec) || isByEvent(spec)) continue
      this.#timed.push({ entry, spec, due: Math.max(now, entry.from) })
    }
    this.#known = entries
  }

  /** When the next fault of connections is due, on the exchange's clock. */
  get due(): number {
    return this.#timed.reduce((least, timed) => Math.min(least, timed.due), Number.POSITIVE_INFINITY)
  }

  /** Does what is due. */
  run(now: number, connections: Iterable<Connection>, refuse: (timed: ConnectionFault) => void): void {
    if (this.due > now) return
    for (const timed of [...this.#timed]) {
      while (timed.due <= now && this.#timed.includes(timed)) {
        const { entry, spec } = timed
        entry.seen++
        entry.hits++
        refuse(spec)
        for (const connection of connections) {
          if (!connection.isClosed && this.#fitsConnection(entry, connection)) this.act(connection, spec)
        }
        timed.due += spec.everyMs ?? Number.POSITIVE_INFINITY
        if (spec.everyMs === undefined || entry.hits >= (spec.times ?? Number.POSITIVE_INFINITY)) {
          this.#timed = this.#timed.filter((one) => one !== timed)
        }
      }
    }
  }

  act(connection: Connection, spec: ConnectionFault): void {
    this.record(spec.type, connection)
    this.#act(connection, spec)
  }

  /** A connection fits if it does itself, or one of its streams. */
  #fitsConnection(entry: FaultEntry, connection: Connection): boolean {
    const { match } = entry.spec
    if (match?.stream === undefined && match?.symbol === undefined && match?.interval === undefined) {
      return fits(entry, requestOf(connection, undefined))
    }
    return [...connection.subscriptions.values()].some((one) => fits(entry, requestOf(connection, one)))
  }

  /** The faults that may hit events of a stream; those of `before` keep their state. */
  of(subscription: Subscription, before: readonly StreamFault[]): StreamFault[] {
    const request = requestOf(subscription.connection, subscription)
    const found: StreamFault[] = []
    for (const entry of this.#engine.entries()) {
      const { spec } = entry
      const concerns = isEventFault(spec) || (isConnectionFault(spec) && isByEvent(spec))
      if (!concerns || !fits(entry, request)) continue
      found.push(before.find((one) => one.entry === entry) ?? { entry, spec, turn: 0, isSilent: undefined })
    }
    // Ids are raised before other faults touch the text.
    return found.sort((a, b) => Number(b.spec.type === 'large-ids') - Number(a.spec.type === 'large-ids'))
  }

  /** Whether a fault hits the next event of its stream; counted. */
  hits(fault: StreamFault): boolean {
    const { entry, spec } = fault
    if (!this.#engine.isOn(entry)) return false
    if (spec.type === 'silent-stream') {
      fault.isSilent ??= this.#engine.hit(entry)
      return fault.isSilent
    }
    const every = 'every' in spec ? spec.every : undefined
    if (every !== undefined && ++fault.turn % every !== 0) return false
    return this.#engine.hit(entry)
  }

  /** A fault that answers an upgrade. */
  refusal(path: string, market: SandboxMarket | undefined): FaultOf<'refuse-upgrade'> | undefined {
    return this.#engine.take({ method: 'GET', path, market, symbol: undefined, interval: undefined }, 'refuse-upgrade')
  }

  record(fault: FaultType, connection: Connection, stream?: string, id?: number): void {
    if (this.#records.length >= MOST_RECORDS) this.#records.splice(0, MOST_RECORDS / 10)
    this.#records.push({
      at: this.#now(),
      fault,
      connection: connection.id,
      ...(stream === undefined ? {} : { stream }),
      ...(id === undefined ? {} : { id }),
    })
  }

  /** What was done, oldest first; the last ten thousand or so. */
  records(): readonly FaultRecord[] {
    return this.#records
  }
}

function isConnectionFault(spec: FaultEntry['spec']): spec is ConnectionFault {
  return (CONNECTION_TYPES as readonly FaultType[]).includes(spec.type)
}

function isEventFault(spec: FaultEntry['spec']): spec is EventFault {
  return (EVENT_TYPES as readonly FaultType[]).includes(spec.type)
}

/** Whether an event sets it off rather than the clock. */
function isByEvent(spec: ConnectionFault): boolean {
  return spec.every !== undefined || spec.after !== undefined || spec.probability !== undefined
}

function requestOf(connection: Connection, subscription: Subscription | undefined): Request {
  const spec = subscription?.channel?.spec
  return {
    method: 'GET',
    path: connection.path,
    market: connection.market,
    symbol: spec?.symbol,
    interval: spec && 'interval' in spec ? spec.interval : undefined,
    connection: connection.id,
    ...(subscription ? { stream: subscription.name } : {}),
  }
}
