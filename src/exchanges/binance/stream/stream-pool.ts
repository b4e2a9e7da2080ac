import { TicklakeError, WebSocketConnectionError } from '../../../model/errors.ts'
import type { Market } from '../../../model/series.ts'
import { abortable } from '../../../net/abort.ts'
import { backoffMs } from '../../../net/backoff.ts'
import type {
  ArrivedFrame,
  Channel,
  ChannelStatus,
  ConnectionStatus,
  LiveStream,
  StreamEvent,
  StreamListener,
  StreamOptions,
} from '../../stream.ts'
import { type Route, routeOf, streamName } from '../channels.ts'
import { createBinanceParser } from '../frames/index.ts'
import { streamBases, streamUrl } from '../stream-endpoints.ts'
import { attemptSpacing } from './connection-attempts.ts'
import { Entry } from './entry.ts'
import { rulesOf, type StreamSettings, settingsOf } from './settings.ts'
import { type LinkEnd, type LinkOwner, StreamLink, type Subscription } from './stream-link.ts'
import { Watchdog } from './watchdog.ts'

/** Connections of one market and route. */
interface Group {
  readonly market: Market
  readonly route: Route | undefined
  readonly bases: readonly string[]
  /** Which of the bases is tried next. */
  base: number
  readonly links: Set<StreamLink>
}

/** A pool of connections within Binance's limits that carries channels, whatever happens to single connections. */
export class StreamPool implements LiveStream, LinkOwner {
  readonly settings: StreamSettings
  readonly #listener: StreamListener
  readonly #entries = new Map<string, Entry>()
  readonly #groups = new Map<string, Group>()
  readonly #watchdog: Watchdog
  readonly #overlapTimers = new Set<NodeJS.Timeout>()
  /** Who waits for a connection to be replaced. */
  readonly #replacements = new Map<StreamLink, { resolve: () => void; reject: (error: Error) => void }>()
  readonly #endings = new Set<Promise<void>>()
  #nextConnection = 1
  #overlaps = 0
  #isClosed = false
  #isPaused = false
  /** When reading went on, monotonic ms. */
  #pausedTo = Number.NEGATIVE_INFINITY
  #closing: Promise<void> | undefined

  constructor(options: StreamOptions, listener: StreamListener) {
    this.settings = settingsOf(options)
    // A bad URL is told here and not at the first subscription.
    streamBases('spot', options)
    this.#listener = listener
    this.#watchdog = new Watchdog(this.settings, {
      links: () => this.#links(),
      pausedTo: (now) => (this.#isPaused ? now : this.#pausedTo),
      silent: (link, subscriptions) => this.#moveSilent(link, subscriptions),
      old: (link) => this.#replace(link),
    })
  }

  /** Whether any channel comes over more than one connection now, so that its records may come twice. */
  get isOverlapping(): boolean {
    return this.#overlaps > 0
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  async subscribe(channels: readonly Channel[], options: { signal?: AbortSignal } = {}): Promise<void> {
    // All are checked before the first is asked for.
    const named = channels.map((channel) => [streamName(channel), channel] as const)
    this.#assertOpen()
    options.signal?.throwIfAborted()
    const asked: Entry[] = []
    const added: Entry[] = []
    for (const [name, channel] of named) {
      const key = `${channel.market}/${name}`
      let entry = this.#entries.get(key)
      if (!entry) {
        entry = this.#newEntry(name, channel)
        this.#entries.set(key, entry)
        added.push(entry)
      }
      asked.push(entry)
    }
    this.#place(added.concat(asked.filter((entry) => entry.links.size === 0 && !added.includes(entry))))
    this.#watchdog.start()
    const acknowledged = asked.filter((entry) => !entry.isAcknowledged).map((entry) => entry.wait())
    try {
      await abortable(Promise.all(acknowledged), options.signal)
    } catch (error) {
      // What was asked for by a call that failed is not kept behind its caller's back.
      if (options.signal?.aborted) for (const entry of added) this.#forget(entry)
      throw error
    }
  }

  async unsubscribe(channels: readonly Channel[], options: { signal?: AbortSignal } = {}): Promise<void> {
    this.#assertOpen()
    const gone: Promise<void>[] = []
    for (const channel of channels) {
      const entry = this.#entries.get(`${channel.market}/${streamName(channel)}`)
      if (!entry) continue
      this.#forget(entry)
      if (entry.links.size > 0) gone.push(entry.wait())
    }
    await abortable(Promise.all(gone), options.signal)
    // Connections that carry nothing any more are gone too when this returns.
    await abortable(Promise.all(this.#endings), options.signal)
  }

  channels(): readonly ChannelStatus[] {
    return [...this.#entries.values()].map((entry) => {
      const links = [...entry.links]
      const on =
        links.find((link) => link.isCarrying(entry.name) && !link.isDraining) ??
        links.find((l) => l.isCarrying(entry.name))
      const isLive = on?.subscriptions.get(entry.name)?.isLive ?? false
      const isFirst = entry.frames === 0 && links.some((link) => link.attempt === 0 && link.state !== 'closed')
      return {
        channel: entry.channel,
        state: entry.silentOn ? 'silent' : isLive ? 'live' : on || isFirst ? 'pending' : 'down',
        connection: on?.id,
        frames: entry.frames,
        lastFrameAt: entry.lastFrameAt,
      }
    })
  }

  connections(): readonly ConnectionStatus[] {
    return [...this.#links()].map((link) => ({
      connection: link.id,
      market: link.market,
      url: link.url,
      state: link.state === 'closed' ? 'closing' : link.state,
      channels: link.subscriptions.size,
      openedAt: link.openedAt,
      frames: link.frames,
      bytes: link.bytes,
      lastFrameAt: link.lastFrameAt,
      pingMs: link.pingMs,
    }))
  }

  async reconnect(): Promise<void> {
    this.#assertOpen()
    const replaced = [...this.#links()]
      .filter((link) => link.state === 'open' && link.subscriptions.size > 0)
      .map(
        (link) =>
          new Promise<void>((resolve, reject) => {
            this.#replacements.set(link, { resolve, reject })
            this.#replace(link)
          }),
      )
    this.#place([...this.#entries.values()].filter((entry) => entry.links.size === 0))
    await Promise.all(replaced)
  }

  pause(): void {
    if (this.#isPaused || this.#isClosed) return
    this.#isPaused = true
    for (const link of this.#links()) link.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#pausedTo = performance.now()
    for (const link of this.#links()) link.resume()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    this.#watchdog.stop()
    for (const timer of this.#overlapTimers) clearTimeout(timer)
    const error = new WebSocketConnectionError('The stream was closed.', { exchange: 'binance', retryable: false })
    for (const entry of this.#entries.values()) entry.settle(error)
    for (const waiter of this.#replacements.values()) waiter.reject(error)
    await Promise.all([...this.#links()].map((link) => link.close()))
    this.#entries.clear()
  }

  #assertOpen(): void {
    if (this.#isClosed) {
      throw new WebSocketConnectionError('The stream is closed. Make a new one.', {
        exchange: 'binance',
        retryable: false,
      })
    }
  }

  *#links(): Generator<StreamLink> {
    for (const group of this.#groups.values()) yield* group.links
  }

  #newEntry(name: string, channel: Channel): Entry {
    const route = routeOf(channel)
    const group = `${channel.market}/${route ?? ''}`
    if (!this.#groups.has(group)) {
      const bases = streamBases(channel.market, this.settings.source)
      this.#groups.set(group, { market: channel.market, route, bases, base: 0, links: new Set() })
    }
    return new Entry(channel, name, group, this.settings.silenceMs, (change) => {
      this.#overlaps += change
    })
  }

  #forget(entry: Entry): void {
    entry.isWanted = false
    entry.silentOn = undefined
    this.#entries.delete(`${entry.channel.market}/${entry.name}`)
    entry.settle(new WebSocketConnectionError(`${entry.name} was unsubscribed.`, { retryable: false }))
    for (const link of [...entry.links]) link.drop(entry)
  }

  #capacity(market: Market): number {
    return Math.min(this.settings.channelsPerConnection, rulesOf(market).maxChannels)
  }

  /** Spreads channels evenly over as many connections as they need. */
  #place(entries: readonly Entry[], avoid?: StreamLink): void {
    for (const [key, group] of this.#groups) {
      const mine = entries.filter((entry) => entry.group === key)
      if (mine.length === 0) continue
      const capacity = this.#capacity(group.market)
      const links = [...group.links].filter(
        (link) => link !== avoid && !link.isDraining && (link.state === 'open' || link.state === 'connecting'),
      )
      const room = links.reduce((sum, link) => sum + Math.max(0, capacity - link.subscriptions.size), 0)
      for (let missing = mine.length - room; missing > 0; missing -= capacity) links.push(this.#newLink(group))
      for (const entry of mine) {
        let best = links[0]!
        for (const link of links) if (link.subscriptions.size < best.subscriptions.size) best = link
        best.add(entry)
      }
    }
  }

  #newLink(
    group: Group,
    from: {
      readonly attempt?: number
      readonly delayMs?: number
      readonly isFirm?: boolean
      readonly downSince?: number
      readonly replaces?: StreamLink | undefined
    } = {},
  ): StreamLink {
    const link = new StreamLink(this, {
      id: this.#nextConnection++,
      market: group.market,
      url: streamUrl(group.bases[group.base % group.bases.length]!, group.route),
      parser: createBinanceParser(group.market),
      attempt: from.attempt ?? 0,
      downSince: from.downSince ?? performance.now(),
      replaces: from.replaces,
    })
    group.links.add(link)
    link.start(from.delayMs ?? 0, from.isFirm ?? false)
    return link
  }

  #groupOf(link: StreamLink): Group {
    for (const group of this.#groups.values()) if (group.links.has(link)) return group
    throw new TicklakeError('UNEXPECTED', `connection ${link.id} belongs to no group`)
  }

  /** Opens a second connection for the channels of one that will end; both run for a while. */
  #replace(link: StreamLink): void {
    if (this.#isClosed || link.isDraining || link.state !== 'open') return
    link.isDraining = true
    const entries = [...link.subscriptions.values()]
      .filter((subscription) => subscription.state !== 'leaving' && subscription.entry.links.size === 1)
      .map((subscription) => subscription.entry)
    if (entries.length === 0) {
      void link.close()
      return
    }
    const next = this.#newLink(this.#groupOf(link), { replaces: link })
    for (const entry of entries) next.add(entry)
  }

  /** The replacement carries all: the old one goes once the overlap is over. */
  #takeOver(link: StreamLink): void {
    const old = link.replaces
    if (old?.state !== 'open' || old.isPlannedEnd) return
    for (const subscription of link.subscriptions.values()) if (subscription.state !== 'acked') return
    const timer = setTimeout(() => {
      this.#overlapTimers.delete(timer)
      if (link.state !== 'open' || old.state !== 'open') return
      this.event({ type: 'rotated', at: Date.now(), from: old.id, to: link.id, market: link.market })
      void old.close(1000, 'rotated')
    }, this.settings.rotateOverlapMs)
    old.isPlannedEnd = true
    this.#overlapTimers.add(timer)
  }

  #moveSilent(link: StreamLink, subscriptions: readonly Subscription[]): void {
    const now = performance.now()
    const moving: Entry[] = []
    for (const subscription of subscriptions) {
      const { entry } = subscription
      const silentMs = now - subscription.quietSince
      subscription.quietSince = now
      entry.pace.moved()
      entry.silentOn = link
      moving.push(entry)
      this.event({ type: 'silent', at: Date.now(), connection: link.id, channel: entry.channel, silentMs })
    }
    // Where it is already on its way to another connection, that one is given its time.
    this.#place(
      moving.filter((entry) => entry.links.size === 1),
      link,
    )
  }

  // What the connections tell.

  opened(link: StreamLink): void {
    if (this.#isPaused) link.pause()
  }

  acknowledged(link: StreamLink, subscription: Subscription): void {
    const { entry } = subscription
    entry.isAcknowledged = true
    entry.settle()
    // It came here from a connection on which it was silent. A rotation ends otherwise: by `#takeOver`.
    for (const other of [...entry.links]) {
      if (other.id < link.id && other !== link.replaces && !other.isDraining) other.drop(entry)
    }
    this.#takeOver(link)
    this.#wakeOthers(link)
  }

  /** One connection to a host got through: those that wait after failures need not wait any more. */
  #wakeOthers(link: StreamLink): void {
    for (const other of this.#links()) {
      if (!other.isWaiting || other.state !== 'connecting') continue
      if (new URL(other.url).host === new URL(link.url).host) other.startNow()
    }
  }

  live(link: StreamLink, subscription: Subscription): void {
    subscription.entry.silentOn = undefined
    this.event({ type: 'live', at: Date.now(), connection: link.id, channel: subscription.entry.channel })
  }

  refused(link: StreamLink, entry: Entry, reason: string): void {
    if (!entry.isWanted) return
    this.event({ type: 'refused', at: Date.now(), channels: [entry.channel], reason })
    const error = new WebSocketConnectionError(`${link.url}: ${entry.name} was refused: ${reason}.`, {
      exchange: 'binance',
      retryable: false,
    })
    entry.settle(error)
    this.#forget(entry)
  }

  left(link: StreamLink, entry: Entry): void {
    if (entry.links.size === 0 && !entry.isWanted) entry.settle()
    if (link.subscriptions.size > 0) this.#takeOver(link)
    else if (link.state === 'open' || link.state === 'connecting') {
      const ending = link.close()
      this.#endings.add(ending)
      void ending.finally(() => this.#endings.delete(ending))
    }
  }

  frame(frame: ArrivedFrame): void {
    if (this.#isClosed) return
    try {
      this.#listener.frame?.(frame)
    } catch (error) {
      this.settings.log.error({ error, connection: frame.connection }, 'the listener of a stream threw on a frame')
    }
  }

  event(event: StreamEvent): void {
    const { type, ...facts } = event
    this.settings.log.debug(facts, `stream ${type}`)
    try {
      this.#listener.event?.(event)
    } catch (error) {
      this.settings.log.error({ error, event: type }, 'the listener of a stream threw on an event')
    }
  }

  shutdown(link: StreamLink): void {
    this.#replace(link)
  }

  ended(link: StreamLink, end: LinkEnd): void {
    const group = this.#groupOf(link)
    group.links.delete(link)
    const { wanted, lost } = this.#leftBy(link)
    if (end.wasOpen) {
      this.event({
        type: 'closed',
        at: Date.now(),
        connection: link.id,
        market: link.market,
        code: end.code,
        reason: end.reason,
        planned: link.isPlannedEnd,
        channels: lost.map((entry) => entry.channel),
        lastFrameAt: link.lastFrameAt,
      })
    } else group.base++
    this.#replacements.get(link)?.resolve()
    this.#replacements.delete(link)
    if (this.#isClosed) return
    // A replacement that failed is tried again for the same connection, as long as that one is there.
    const old = link.replaces?.state === 'open' ? link.replaces : undefined
    const orphans = old
      ? [...link.subscriptions.values()].map(({ entry }) => entry).filter((entry) => entry.isWanted)
      : wanted
    if (old) old.isPlannedEnd = false
    for (const entry of lost) entry.isAcknowledged = false
    if (orphans.length === 0) return
    if (!this.settings.autoReconnect || (end.error instanceof TicklakeError && !end.error.retryable)) {
      if (old) old.isDraining = false
      else this.#giveUp(orphans, end)
      return
    }
    this.#reopen(group, link, end, orphans, old)
  }

  /** Channels that a connection leaves behind: those that no other one will carry, and those that none carries now. */
  #leftBy(link: StreamLink): { wanted: Entry[]; lost: Entry[] } {
    const wanted: Entry[] = []
    const lost: Entry[] = []
    for (const { entry } of link.subscriptions.values()) {
      if (!entry.isWanted) {
        if (entry.links.size === 0) entry.settle()
        continue
      }
      if (entry.silentOn === link) entry.silentOn = undefined
      if (entry.links.size === 0) wanted.push(entry)
      if (![...entry.links].some((other) => other.isCarrying(entry.name))) lost.push(entry)
    }
    return { wanted, lost }
  }

  #reopen(group: Group, link: StreamLink, end: LinkEnd, entries: readonly Entry[], old: StreamLink | undefined): void {
    // Only data prove that the exchange is back: one that accepts and hangs up is not hammered.
    const attempt = link.dataFrames > 0 ? 1 : link.attempt + 1
    const now = performance.now()
    const downSince = attempt === 1 ? now : link.downSince
    const jitter = backoffMs({
      attempt,
      baseMs: this.settings.reconnectDelayMs,
      maxMs: this.settings.maxReconnectDelayMs,
      downMs: now - downSince,
      spacingMs: attemptSpacing(link.url, now),
      // Whoever gets through first tells the others: together they try as often as one would.
      sharedBy: 1 + [...this.#links()].filter((other) => other.isWaiting).length,
    })
    const asked = end.error instanceof WebSocketConnectionError ? (end.error.retryAfterMs ?? 0) : 0
    const delayMs = Math.ceil(Math.max(jitter, asked))
    const reason = end.reason === '' ? `closed with code ${end.code}` : end.reason
    this.event({ type: 'reconnecting', at: Date.now(), market: link.market, attempt, delayMs, reason })
    const next = this.#newLink(group, { attempt, delayMs, isFirm: asked > 0, downSince, replaces: old })
    for (const entry of entries) next.add(entry)
  }

  /** Nothing is tried any more; the channels stay known and `down`. */
  #giveUp(entries: readonly Entry[], end: LinkEnd): void {
    const error =
      end.error ??
      new WebSocketConnectionError(`The connection was lost (${end.reason || end.code}).`, { exchange: 'binance' })
    for (const entry of entries) entry.settle(error)
  }
}
