import { type Channel, channelKey, type LiveExchange } from '../../exchanges/stream.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import { type Interval, parseInterval } from '../../model/interval.ts'
import type { Market } from '../../model/series.ts'
import { nearestTexts } from '../../model/symbol.ts'
import { assertOneForm } from './forms.ts'

/** A kind that a symbol can be subscribed with. */
export type SubscribableKind = Channel['kind']

/** What is wanted of a symbol. */
export interface SymbolWish {
  readonly kinds: readonly (SubscribableKind | string)[]
  /** Of candles: one interval … */
  readonly interval?: Interval | string
  /** … or several. `1m` when neither is given. */
  readonly intervals?: readonly (Interval | string)[]
  /** Levels per side of `bookSnapshot`: 5, 10 or 20 (the default). Books kept from `bookDelta` have all levels. */
  readonly depth?: number
  /** Time between updates of book kinds and mark prices, ms; the fastest when left out. */
  readonly speed?: number
}

/** What is subscribed of a symbol. */
export interface SymbolState {
  readonly kinds: readonly SubscribableKind[]
  readonly intervals: readonly Interval[]
  readonly depth: number | undefined
  readonly speed: number | undefined
}

const NOTHING: SymbolState = { kinds: [], intervals: [], depth: undefined, speed: undefined }
const DEFAULT_DEPTH = 20

/** The state after a wish: what the wish names takes the place of what was, the rest stays. */
export function changedState(before: SymbolState | undefined, wish: Partial<SymbolWish>): SymbolState {
  const { kinds, intervals, depth, speed } = before ?? NOTHING
  const named = wish.intervals ?? (wish.interval === undefined ? undefined : [wish.interval])
  return {
    kinds: wish.kinds === undefined ? kinds : [...new Set([wish.kinds].flat() as SubscribableKind[])],
    intervals: named === undefined ? intervals : [...new Set(named.map((name) => parseInterval(name)))],
    depth: wish.depth ?? depth,
    speed: wish.speed ?? speed,
  }
}

/** A state that has all of another one, too. */
export function joinedState(a: SymbolState, b: SymbolState): SymbolState {
  return {
    kinds: [...new Set([...a.kinds, ...b.kinds])],
    intervals: [...new Set([...a.intervals, ...b.intervals])],
    depth: b.depth ?? a.depth,
    speed: b.speed ?? a.speed,
  }
}

/** A state with its default named: who asks later for another interval of candles keeps the first. */
export function namedState(state: SymbolState): SymbolState {
  return state.kinds.includes('candle') && state.intervals.length === 0 ? { ...state, intervals: ['1m'] } : state
}

/**
 * The channels of a symbol.
 * @throws InvalidRangeError for a kind, interval, depth or speed that the exchange does not have, and for `bookDelta`
 * together with `bookSnapshot`.
 */
export function channelsOf(live: LiveExchange, market: Market, symbol: string, state: SymbolState): Channel[] {
  const kinds = live.kinds(market)
  const channels: Channel[] = []
  if (state.kinds.length === 0) {
    throw new InvalidRangeError(`${symbol}: kinds is empty. Name at least one of ${kinds.join(', ')}.`)
  }
  for (const kind of state.kinds) {
    if (!kinds.includes(kind)) {
      const [near] = nearestTexts(kind, kinds)
      const hint = near === undefined ? '' : ` Did you mean "${near}"?`
      throw new InvalidRangeError(
        `${symbol}: "${kind}" can not be subscribed on ${market}.${hint} There are ${kinds.join(', ')}.`,
      )
    }
    const paced = kind === 'bookDelta' || kind === 'bookSnapshot' || kind === 'markPrice'
    const speed = paced && state.speed !== undefined ? { speed: state.speed } : {}
    if (kind === 'candle') {
      const intervals: readonly Interval[] = state.intervals.length > 0 ? state.intervals : ['1m']
      for (const interval of intervals) channels.push({ market, kind, symbol, interval })
    } else if (kind === 'bookSnapshot') {
      channels.push({ market, kind, symbol, depth: state.depth ?? DEFAULT_DEPTH, ...speed })
    } else channels.push({ market, kind, symbol, ...speed })
  }
  for (const channel of channels) live.checkChannel(channel)
  assertOneForm(channels)
  return channels
}

/** Channels that somebody wants, and how many do. */
export class WantedChannels {
  readonly #wanted = new Map<string, { readonly channel: Channel; count: number }>()

  get channels(): Channel[] {
    return [...this.#wanted.values()].map(({ channel }) => channel)
  }

  add(channel: Channel): void {
    const key = channelKey(channel)
    const entry = this.#wanted.get(key)
    if (entry) entry.count++
    else this.#wanted.set(key, { channel, count: 1 })
  }

  remove(channel: Channel): void {
    const key = channelKey(channel)
    const entry = this.#wanted.get(key)
    if (entry && --entry.count === 0) this.#wanted.delete(key)
  }

  has(channel: Channel): boolean {
    return this.#wanted.has(channelKey(channel))
  }

  clear(): void {
    this.#wanted.clear()
  }
}
