import { rulesOf, type StreamSettings } from './settings.ts'
import type { StreamLink, Subscription } from './stream-link.ts'

export interface WatchdogOwner {
  links(): Iterable<StreamLink>
  /** Monotonic time up to which nothing was read on purpose: now while paused; -Infinity when it never was. */
  pausedTo(now: number): number
  /** These channels of a connection are silent for longer than their pace allows. */
  silent(link: StreamLink, subscriptions: readonly Subscription[]): void
  /** The connection is so old that the exchange will soon end it. */
  old(link: StreamLink): void
}

const LOOK_EVERY = 1000
/** A look that comes this much later than it should says that we slept, not the exchange. */
const LATE = 3
/** Connections made together must not be replaced together: each goes within the last tenth of its time. */
const SPREAD = 0.1

/** Looks at every channel of every connection once a second: who is silent, what is old, which server stopped pinging. */
export class Watchdog {
  readonly #settings: StreamSettings
  readonly #owner: WatchdogOwner
  readonly #everyMs: number
  #timer: NodeJS.Timeout | undefined
  #last = Number.NaN

  constructor(settings: StreamSettings, owner: WatchdogOwner) {
    this.#settings = settings
    this.#owner = owner
    this.#everyMs = Math.max(
      5,
      Math.min(LOOK_EVERY, (settings.silenceMs ?? LOOK_EVERY * 4) / 4, settings.rotateAfterMs / 10),
    )
  }

  start(): void {
    if (this.#timer) return
    this.#last = performance.now()
    this.#timer = setInterval(() => this.#look(performance.now()), this.#everyMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(now: number): void {
    const elapsed = now - this.#last
    // Who does not read hears nothing either.
    const slept = elapsed > LATE * this.#everyMs + 1000 || this.#owner.pausedTo(now) >= this.#last
    this.#last = now
    for (const link of [...this.#owner.links()]) {
      if (link.state !== 'open') continue
      this.#lookAt(link, now, elapsed, slept)
      const share = 1 - SPREAD * ((link.id * 0.618_033_988_749) % 1)
      if (now - link.openedTick >= this.#settings.rotateAfterMs * share) this.#owner.old(link)
    }
  }

  #lookAt(link: StreamLink, now: number, elapsed: number, slept: boolean): void {
    const silent: Subscription[] = []
    let lastData = link.openedTick
    for (const subscription of link.subscriptions.values()) {
      if (subscription.state !== 'acked') continue
      const { entry } = subscription
      const frames = subscription.frames - subscription.seenFrames
      subscription.seenFrames = subscription.frames
      if (frames > 0) {
        if (subscription.isLive) entry.pace.learn(frames, elapsed, now - subscription.quietSince)
        subscription.quietSince = now
        entry.silentOn = entry.silentOn === link ? undefined : entry.silentOn
      } else if (slept) {
        subscription.quietSince = Math.max(subscription.quietSince, now - entry.pace.limitMs / 2)
      } else {
        entry.pace.learn(0, elapsed, 0)
        if (!link.isDraining && now - subscription.quietSince > entry.pace.limitMs) silent.push(subscription)
      }
      lastData = Math.max(lastData, subscription.quietSince)
    }
    if (silent.length > 0) this.#owner.silent(link, silent)
    // A front that answers our pings may have lost what is behind it: then the server's own pings and the data stop.
    const limit = rulesOf(link.market).pingSilenceMs
    if (!slept && link.serverPings > 0 && now - Math.max(link.lastServerPing, lastData) > limit) {
      link.fail(`neither a ping of the server nor data for ${Math.round(limit / 1000)} s`)
    }
  }
}
