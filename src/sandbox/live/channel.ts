import type { SandboxClock } from '../clock.ts'
import type { SandboxMarket } from '../market/listing.ts'
import type { TimeUnit } from '../market/market.ts'
import { type Due, type EventBatch, PreparedBatch } from './frames.ts'
import type { StreamSpec } from './names.ts'
import { EventWriter, type PeriodicSource, type Source, type SteadySource } from './sources/source.ts'
import type { Subscription } from './subscription.ts'

/** How far ahead, in real ms, a steady stream is made. */
const AHEAD = 200

/** How far behind, ms, a stream may be and still tell everything. */
const MOST_BEHIND = 60_000

const NOTHING: EventBatch = { bytes: Buffer.alloc(0), ends: [], times: [] }

export interface ChannelCalls {
  /** Events are due. */
  due(channel: Channel, due: Due): void
  /** The source is ready, or has made events outside of a call of `advance`. */
  made(): void
  failed(error: unknown): void
}

/** One stream of a market: made once, sent to all who subscribed to it. */
export class Channel {
  readonly market: SandboxMarket
  readonly name: string
  readonly unit: TimeUnit
  readonly spec: StreamSpec | undefined
  readonly subscriptions = new Set<Subscription>()
  readonly #source: Promise<Source | undefined>
  readonly #clock: SandboxClock
  readonly #calls: ChannelCalls
  readonly #writer = new EventWriter(4096)
  #steady: SteadySource | undefined
  #periodic: PeriodicSource | undefined
  #prepared: PreparedBatch
  #at = 0
  /** Events up to here are made. */
  #made: number
  /** Events up to here are sent. */
  #told: number
  #due = Number.POSITIVE_INFINITY
  #busy = false

  constructor(
    stream: { market: SandboxMarket; name: string; unit: TimeUnit; spec: StreamSpec | undefined },
    source: Promise<Source | undefined>,
    clock: SandboxClock,
    calls: ChannelCalls,
  ) {
    this.market = stream.market
    this.name = stream.name
    this.unit = stream.unit
    this.spec = stream.spec
    this.#source = source
    this.#clock = clock
    this.#calls = calls
    this.#prepared = new PreparedBatch(NOTHING, stream.name)
    this.#made = clock.now()
    this.#told = this.#made
    this.#source
      .then((made) => {
        if (made?.mode === 'steady') {
          this.#steady = made
          this.#due = this.#made
        } else if (made) {
          this.#periodic = made
          this.#due = made.next(this.#made)
        }
        calls.made()
      })
      .catch((error: unknown) => calls.failed(error))
  }

  /** When it has something to do next, on the exchange's clock. */
  get due(): number {
    return this.#due
  }

  /** Forgets what was made ahead: the market has changed. */
  renew(): void {
    if (!this.#steady) return
    this.#made = Math.min(this.#made, this.#told)
    this.#setBatch(NOTHING)
    this.#due = this.#made
  }

  /** Sends what is due at `now`. */
  advance(now: number): void {
    if (this.#steady) this.#advanceSteady(this.#steady, now)
    else if (this.#periodic && !this.#busy) this.#advancePeriodic(this.#periodic, now)
  }

  #advanceSteady(source: SteadySource, now: number): void {
    this.#told = Math.max(this.#told, now)
    for (;;) {
      const { times } = this.#prepared.batch
      if (this.#at < times.length) {
        let to = this.#at
        while (to < times.length && times[to]! <= now) to++
        if (to > this.#at) this.#publish(to)
        if (to < times.length) {
          this.#due = times[to]!
          return
        }
      }
      if (this.#made > now) {
        this.#due = this.#made
        return
      }
      // Up to one step at a time, so that a clock that runs fast never makes a batch without bound.
      const until = this.#made + Math.max(1, Math.ceil(AHEAD / this.#clock.realMs(1)))
      const whole = source.produce(this.#made, until, this.#writer)
      this.#made = until
      this.#setBatch(whole ?? this.#writer.batch())
    }
  }

  #advancePeriodic(source: PeriodicSource, now: number): void {
    // Behind by some periods: only the newest is told, or one after the other. A source may also look back by itself.
    const isAll = source.skipsNothing === true && now - this.#due < MOST_BEHIND
    const time = isAll ? this.#due : newestDue(source, this.#due, now)
    this.#busy = true
    this.#due = Number.POSITIVE_INFINITY
    source
      .write(time, this.#writer)
      .then(() => {
        const batch = this.#writer.batch()
        this.#setBatch(batch)
        if (batch.times.length > 0) this.#publish(batch.times.length)
      })
      .catch((error: unknown) => this.#calls.failed(error))
      .finally(() => {
        this.#busy = false
        this.#due = source.next(time)
        this.#calls.made()
      })
  }

  #setBatch(batch: EventBatch): void {
    this.#prepared = new PreparedBatch(batch, this.name)
    this.#at = 0
  }

  #publish(to: number): void {
    const from = this.#at
    this.#at = to
    this.#calls.due(this, { prepared: this.#prepared, from, to })
  }
}

function newestDue(source: PeriodicSource, due: number, now: number): number {
  let time = due
  for (let next = source.next(time); next <= now; next = source.next(time)) {
    time = now - next > 10_000 ? now - 10_000 : next
  }
  return time
}
