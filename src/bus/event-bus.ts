import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LiveKind, LiveRecord, RecordOf } from '../model/live/index.ts'
import type { Log } from '../model/log.ts'
import { sleep } from '../net/abort.ts'
import { watch } from '../net/listener.ts'
import { BoundedQueue, type Overflow } from './bounded-queue.ts'
import { parseTopic } from './topics.ts'

export type Handler<Item extends LiveRecord = LiveRecord> = (record: Item) => void

export interface SubscribeOptions {
  /** Records that may wait for the reader. Default 10,000. */
  readonly bound?: number
  /** What happens at the bound. Default `error`: a hole that nobody knows of is the worst outcome. */
  readonly overflow?: Overflow
  readonly signal?: AbortSignal
}

/** Records of one reader; leaving the loop, `return()` or disposing it ends the subscription. */
export interface Subscription<Item extends LiveRecord = LiveRecord>
  extends AsyncIterableIterator<Item, undefined>,
    AsyncDisposable {
  /** Records that wait to be read. */
  readonly size: number
  /** Records lost at the bound, where the overflow choice allows that. */
  readonly dropped: number
}

/** The part of a topic that a record type can be told from: `market_data.trade.BTCUSDT` carries trades. */
export type TopicRecord<Topic extends string> = Topic extends `market_data.${infer Rest}`
  ? Rest extends `${infer Kind}.${string}`
    ? Kind extends LiveKind
      ? RecordOf<Kind>
      : LiveRecord
    : Rest extends LiveKind
      ? RecordOf<Rest>
      : LiveRecord
  : never

/** Turns of the event loop in which slow readers are looked after before time is given to them. */
const QUICK_TRIES = 8
/** How long the room of slow readers is not looked at, at most, ms. */
const LONGEST_WAIT = 20

interface KindRoutes {
  readonly every: Set<Handler>
  readonly bySymbol: Map<string, Set<Handler>>
}

/**
 * Hands records to whoever wants them, inside one process and at once. Handlers are called in the order of
 * subscription and must be short; one that throws is reported and stays subscribed. Readers that take their time
 * (`subscribe` without a handler) have a buffer with a bound, and state what happens at it.
 */
export class EventBus {
  readonly #kinds = new Map<string, KindRoutes>()
  readonly #every = new Set<Handler>()
  readonly #everyBySymbol = new Map<string, Set<Handler>>()
  readonly #queues = new Set<BoundedQueue<LiveRecord>>()
  readonly #log: Log | undefined
  #published = 0
  #isClosed = false
  #handlerErrors = 0

  constructor(options: { log?: Log } = {}) {
    this.#log = options.log
  }

  /** Records published so far. */
  get published(): number {
    return this.#published
  }

  /** Exceptions that handlers threw. */
  get handlerErrors(): number {
    return this.#handlerErrors
  }

  /** Open subscriptions with a buffer. */
  get readers(): number {
    return this.#queues.size
  }

  /** Whether every reader with a buffer can take one more record. */
  get hasRoom(): boolean {
    for (const queue of this.#queues) if (queue.size >= queue.bound) return false
    return true
  }

  /**
   * Waits until every reader with a buffer can take one more record: for those who publish what can wait.
   * @throws the signal's error as soon as it aborts.
   */
  async room(signal: AbortSignal): Promise<void> {
    for (let tries = 0; !this.hasRoom; tries++) {
      // Most readers take what waits in the next turn; those that take longer are looked after less and less often.
      if (tries < QUICK_TRIES) await nextTurn()
      else await sleep(Math.min(LONGEST_WAIT, tries - QUICK_TRIES), signal)
      signal.throwIfAborted()
    }
  }

  publish(record: LiveRecord): void {
    this.#published++
    const routes = this.#kinds.get(record.kind)
    if (routes !== undefined) {
      if (routes.every.size > 0) this.#call(routes.every, record)
      if (routes.bySymbol.size > 0) {
        const handlers = routes.bySymbol.get(record.symbol)
        if (handlers !== undefined) this.#call(handlers, record)
      }
    }
    if (this.#every.size > 0) this.#call(this.#every, record)
    if (this.#everyBySymbol.size > 0) {
      const handlers = this.#everyBySymbol.get(record.symbol)
      if (handlers !== undefined) this.#call(handlers, record)
    }
  }

  /**
   * Calls `handler` with each record of a topic, synchronously. Returns what ends it. What a handler throws, or an async
   * one rejects with, is counted and logged, and reaches nobody else.
   */
  on<Topic extends string>(topic: Topic, handler: Handler<TopicRecord<Topic>>): () => void {
    const { kind, symbol } = parseTopic(topic)
    // One handler may be subscribed twice: each subscription is a function of its own.
    const own: Handler = (record) => (handler as Handler)(record)
    const handlers = this.#handlers(kind, symbol)
    handlers.add(own)
    return () => {
      // Called again, it must not touch those that came after it.
      if (handlers.delete(own) && handlers.size === 0) this.#sweep(kind, symbol)
    }
  }

  /**
   * Records of a topic as an async iterable, with a buffer of its own.
   * A closed bus gives one that is over.
   * @throws ConfigError for a bound or an overflow choice that does not exist.
   * @throws BufferOverflowError from the loop when the reader is too slow and `overflow` is `error`.
   */
  subscribe<Topic extends string>(topic: Topic, options: SubscribeOptions = {}): Subscription<TopicRecord<Topic>> {
    options.signal?.throwIfAborted()
    let leave: () => void = () => {}
    const { signal } = options
    const stop = () => queue.end()
    const queue: BoundedQueue<LiveRecord> = new BoundedQueue({
      name: topic,
      bound: options.bound ?? 10_000,
      overflow: options.overflow ?? 'error',
      onEnd: () => {
        leave()
        signal?.removeEventListener('abort', stop)
        this.#queues.delete(queue)
      },
    })
    leave = this.on(topic, (record) => void queue.push(record))
    if (this.#isClosed) {
      queue.end()
      return queue as unknown as Subscription<TopicRecord<Topic>>
    }
    signal?.addEventListener('abort', stop, { once: true })
    this.#queues.add(queue)
    return queue as unknown as Subscription<TopicRecord<Topic>>
  }

  /** Ends every subscription; readers can still read what waits. */
  close(): void {
    this.#isClosed = true
    for (const queue of [...this.#queues]) queue.end()
    this.#kinds.clear()
    this.#every.clear()
    this.#everyBySymbol.clear()
  }

  #call(handlers: Iterable<Handler>, record: LiveRecord): void {
    for (const handler of handlers) {
      try {
        const result: unknown = handler(record)
        if (result !== undefined) watch(result, (error) => this.#threw(error, record))
      } catch (error) {
        this.#threw(error, record)
      }
    }
  }

  #threw(error: unknown, { kind, symbol }: LiveRecord): void {
    this.#handlerErrors++
    this.#log?.error({ err: error, kind, symbol }, 'a subscriber threw')
  }

  #handlers(kind: string | undefined, symbol: string | undefined): Set<Handler> {
    if (kind === undefined) return symbol === undefined ? this.#every : entry(this.#everyBySymbol, symbol)
    let routes = this.#kinds.get(kind)
    if (!routes) {
      routes = { every: new Set(), bySymbol: new Map() }
      this.#kinds.set(kind, routes)
    }
    return symbol === undefined ? routes.every : entry(routes.bySymbol, symbol)
  }

  #sweep(kind: string | undefined, symbol: string | undefined): void {
    if (symbol === undefined) return
    if (kind === undefined) this.#everyBySymbol.delete(symbol)
    else this.#kinds.get(kind)?.bySymbol.delete(symbol)
  }
}

function entry(map: Map<string, Set<Handler>>, key: string): Set<Handler> {
  let set = map.get(key)
  if (!set) {
    set = new Set()
    map.set(key, set)
  }
  return set
}
