import type { EventBus } from '../../bus/event-bus.ts'
import { topicOf } from '../../bus/topics.ts'
import type { Channel, StreamEvent } from '../../exchanges/stream.ts'
import type { Interval } from '../../model/interval.ts'
import type { LiveKind, LiveRecord } from '../../model/live/index.ts'
import { type SeriesId, seriesKey } from '../../model/series.ts'
import { positionOf } from './feed-window.ts'
import { timeOf } from './live-series.ts'

/**
 * Whether a series is being told. `live`: its connection carries data; `stale`: it is connected but silent for longer
 * than its pace allows; `down`: nothing carries it now.
 */
export type FeedState = 'live' | 'stale' | 'down'

export interface LatestData<Item extends LiveRecord = LiveRecord> {
  readonly record: Item
  /** Time since it reached us, by the local clock, ms. */
  readonly ageMs: number
  readonly state: FeedState
}

interface Slot {
  record: LiveRecord | undefined
  /** Local clock, epoch ms. */
  at: number
  readonly stop: () => void
}

/** Kinds that come with the channel of another kind. */
const CARRIER: Readonly<Partial<Record<LiveKind, LiveKind>>> = { fundingRate: 'markPrice', bookSnapshot: 'bookDelta' }

/** The last record of each series that is followed, and whether its channel is alive. */
export class LatestValues {
  readonly #slots = new Map<string, Slot>()
  readonly #states = new Map<string, FeedState>()

  /** Series with a value. */
  get size(): number {
    let size = 0
    for (const { record } of this.#slots.values()) if (record) size++
    return size
  }

  /** Begins to keep the last record of a series. */
  follow(bus: EventBus, series: SeriesId): void {
    const key = seriesKey(series)
    if (this.#slots.has(key)) return
    const { market, interval } = series
    const slot: Slot = {
      record: undefined,
      at: Number.NaN,
      stop: bus.on(topicOf(series.kind as LiveKind, series.symbol), (record) => {
        if (record.market !== market || (record.kind === 'candle' && record.interval !== interval)) return
        if (slot.record !== undefined && isBehind(record, slot.record)) return
        slot.record = record
        slot.at = record.receiveTime > 0 ? record.receiveTime : Date.now()
      }),
    }
    this.#slots.set(key, slot)
  }

  /** Forgets a series. */
  leave(series: SeriesId): void {
    const key = seriesKey(series)
    this.#slots.get(key)?.stop()
    this.#slots.delete(key)
  }

  /** Forgets the values, and goes on. */
  clear(): void {
    for (const slot of this.#slots.values()) slot.record = undefined
  }

  get(series: SeriesId): LatestData | undefined {
    const slot = this.#slots.get(seriesKey(series))
    if (slot?.record === undefined) return undefined
    return { record: slot.record, ageMs: Math.max(0, Date.now() - slot.at), state: this.state(series) }
  }

  state(series: SeriesId): FeedState {
    const { market, kind, symbol, interval } = series
    const own = this.#states.get(stateKey(market, kind, symbol, interval))
    const carrier = CARRIER[kind as LiveKind]
    if (own !== undefined || carrier === undefined) return own ?? 'down'
    return this.#states.get(stateKey(market, carrier, symbol, undefined)) ?? 'down'
  }

  /** Takes note of what happens on the connections. */
  event(event: StreamEvent): void {
    if (event.type === 'live') this.#set(event.channel, 'live')
    else if (event.type === 'silent') this.#set(event.channel, 'stale')
    else if (event.type === 'closed') for (const channel of event.channels) this.#set(channel, 'down')
    else if (event.type === 'refused') for (const channel of event.channels) this.#set(channel, 'down')
  }

  /** Nothing is told any more. */
  down(): void {
    this.#states.clear()
  }

  /** Forgets all, as if nothing had ever been followed. */
  leaveAll(): void {
    for (const { stop } of this.#slots.values()) stop()
    this.#slots.clear()
    this.down()
  }

  #set({ market, kind, symbol, interval }: Channel, state: FeedState): void {
    this.#states.set(stateKey(market, kind, symbol, interval), state)
  }
}

/** So much later than a record with a higher id comes none, unless the exchange began to count anew, ms. */
const ANEW = 5000

/** What REST fills in, and what a second connection tells late, lies behind what is known. */
function isBehind(record: LiveRecord, known: LiveRecord): boolean {
  return positionOf(record) < positionOf(known) && !(timeOf(record) > timeOf(known) + ANEW)
}

function stateKey(market: string, kind: string, symbol: string, interval: Interval | undefined): string {
  return `${market}/${kind}/${symbol}/${interval ?? ''}`
}
