import type { Channel } from '../../stream.ts'
import { ChannelPace } from './channel-pace.ts'
import type { StreamLink } from './stream-link.ts'

interface Waiter {
  resolve(): void
  reject(error: Error): void
}

/** A channel that is wanted, over whatever connections it comes. */
export class Entry {
  /** As it was asked for. */
  readonly channel: Channel
  /** Binance's name of the stream. */
  readonly name: string
  /** Key of the connections that can carry it: market and route. */
  readonly group: string
  readonly pace: ChannelPace
  /** Connections that have it, acknowledged or not. More than one while it moves. */
  readonly links: Set<StreamLink>
  frames = 0
  lastFrameAt = Number.NaN
  /** Overdue on this connection, and being moved away from it. */
  silentOn: StreamLink | undefined
  isWanted = true
  /** The exchange acknowledged it, on a connection that is still there. */
  isAcknowledged = false
  readonly #waiters = new Set<Waiter>()

  /** `overlaps` is told when the channel begins (+1) and ends (-1) to have more than one connection. */
  constructor(
    channel: Channel,
    name: string,
    group: string,
    silenceMs: number | undefined,
    overlaps: (change: 1 | -1) => void,
  ) {
    this.channel = channel
    this.name = name
    this.group = group
    this.pace = new ChannelPace(channel, silenceMs)
    this.links = new CountedSet(overlaps)
  }

  /** Waits until it is acknowledged, or gone when it is not wanted any more. */
  wait(): Promise<void> {
    const waiting = new Promise<void>((resolve, reject) => this.#waiters.add({ resolve, reject }))
    // Whoever stopped waiting must not make a later failure count as unhandled.
    waiting.catch(() => {})
    return waiting
  }

  settle(error?: Error): void {
    for (const waiter of this.#waiters) {
      if (error) waiter.reject(error)
      else waiter.resolve()
    }
    this.#waiters.clear()
  }
}

class CountedSet<Item> extends Set<Item> {
  readonly #changed: (change: 1 | -1) => void

  constructor(changed: (change: 1 | -1) => void) {
    super()
    this.#changed = changed
  }

  override add(item: Item): this {
    const before = this.size
    super.add(item)
    if (before === 1 && this.size === 2) this.#changed(1)
    return this
  }

  override delete(item: Item): boolean {
    const before = this.size
    const did = super.delete(item)
    if (before === 2 && this.size === 1) this.#changed(-1)
    return did
  }
}
