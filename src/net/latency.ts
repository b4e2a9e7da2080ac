/** Weight of the newest answer. */
const NEWEST = 0.2
/** A failure counts as an answer that took so many times as long. */
const FAILURE = 2
/** No failure counts for longer than this, ms. */
const LONGEST = 60_000
/** Answers before a host is known: the first one also pays for the connection. */
const ENOUGH = 2
/** Hosts that take no longer than this share of the fastest, and so many ms, are as good as it. */
const ALIKE = 1.25
const ALIKE_MS = 15
/** Every so manieth call goes to the host that was called longest ago, whatever it took then. */
const EXPLORE = 16

/** How long a host takes to answer: a moving average that follows changes and outlives single slow answers. */
export class Latency {
  #ms: number | undefined
  #answers = 0
  /** Number of the last call, in the count of all hosts together. */
  calledAt = -1

  /** Undefined before the first answer. */
  get ms(): number | undefined {
    return this.#ms
  }

  get isKnown(): boolean {
    return this.#answers >= ENOUGH
  }

  answered(ms: number): void {
    this.#answers++
    const before = this.#ms
    if (before === undefined) this.#ms = ms
    else if (this.#answers <= ENOUGH) this.#ms = Math.min(before, ms)
    else this.#ms = before + NEWEST * (ms - before)
  }

  failed(ms: number): void {
    this.#answers++
    this.#ms = Math.min(LONGEST, Math.max(this.#ms ?? 0, ms, 1) * FAILURE)
  }
}

/**
 * The host for call number `turn`: one that is not known yet, else in turn one of the fastest, and now and then the one
 * that was not asked for longest. `hosts` must not be empty.
 */
export function preferred<H extends { readonly latency: Latency }>(hosts: readonly H[], turn: number): H {
  const host = choose(hosts, turn)
  host.latency.calledAt = turn
  return host
}

function choose<H extends { readonly latency: Latency }>(hosts: readonly H[], turn: number): H {
  const unknown = hosts.filter(({ latency }) => !latency.isKnown)
  if (unknown.length > 0) return longestAgo(unknown)
  if (turn % EXPLORE === EXPLORE - 1) return longestAgo(hosts)
  const least = Math.min(...hosts.map(({ latency }) => latency.ms!))
  return longestAgo(hosts.filter(({ latency }) => latency.ms! <= least * ALIKE + ALIKE_MS))
}

function longestAgo<H extends { readonly latency: Latency }>(hosts: readonly H[]): H {
  return hosts.reduce((a, b) => (b.latency.calledAt < a.latency.calledAt ? b : a))
}
