import type { TimeRange } from '../../model/time.ts'
import type { Listing } from './listing.ts'
import type { BookState, BookUpdate, LiveQuote } from './live-market.ts'
import { hash32, seedOf } from './noise.ts'
import type { SymbolMarket } from './symbol-market.ts'

/** The book changes at most once in a slot of so many ms. */
export const SLOT = 100
/** A slot whose number is a multiple of this always changes something: the last change is never far. */
const HEARTBEAT = 16
/** Cells around the best prices that change fastest, on each side, and how often: once in so many slots. */
const NEAR = 16
const NEAR_PERIOD = 8
/** Width of a cell as a share of the price: each cell has one price level at most. */
const CELL = 1e-5
/** Update ids per slot: enough for a rising id anywhere in it. Futures count all symbols together, so theirs jump. */
const IDS_PER_SLOT = { spot: 40, usdm: 4096, coinm: 4096 }
/** Cells on each side of the best prices; one in eight is empty. REST shows 5000 (spot) or 1000 (futures) at most. */
const DEPTH = { spot: 6000, usdm: 1400, coinm: 1400 }
/** Levels beyond the near ones that change in a slot, of a symbol of activity 1. */
const CHANGES = 40
/** Odd, so that multiplying by it runs through all residues of a power of two. */
const SPREAD = 0x2545f491

/** What a book is made of after a slot. */
interface State {
  /** Slot of the last change: names the state. */
  readonly slot: number
  /** Slot up to which cells have been drawn anew. */
  readonly drawn: number
  readonly bid: number
  readonly ask: number
  readonly bidLots: number
  readonly askLots: number
}

/**
 * The order book of one symbol as a function of time. Prices are cut into cells; a cell holds one level (or none),
 * whose quantity is drawn anew at a pace of its own. The best prices are those of the last trade. A book is thus known
 * at any instant, and so is the difference of any two.
 */
export class SeededBook {
  readonly #one: SymbolMarket
  readonly #seed: number
  readonly #cell: number
  readonly #depth: number
  readonly #lots: number
  readonly #share: number
  readonly #period: number
  readonly #inverse: number
  readonly #idsPerSlot: number
  readonly #idBase: number
  readonly #firstSlot: number
  #outages: readonly TimeRange[] = []
  #latest: { asked: number; state: State } | undefined
  #older: { asked: number; state: State } | undefined
  #prices = new Float64Array(1024)
  #count = 0

  constructor(one: SymbolMarket, seed: number) {
    const { listing } = one
    this.#one = one
    this.#seed = hash32(seedOf(seed, `${listing.market}:${listing.symbol}`), 5)
    this.#cell = Math.max(1, Math.round(listing.anchor * 10 ** listing.tickDecimals * CELL))
    this.#depth = DEPTH[listing.market]
    this.#lots = lotScale(listing)
    this.#share = Math.min(1, 0.3 + listing.activity * 0.8) * 0x100000000
    this.#period = 2 ** Math.ceil(Math.log2((2 * this.#depth) / Math.max(4, CHANGES * Math.min(1, listing.activity))))
    this.#inverse = inverseOf(SPREAD, this.#period)
    this.#idsPerSlot = IDS_PER_SLOT[listing.market]
    this.#idBase = 1 + (this.#seed % 1_000_000)
    this.#firstSlot = Math.ceil(listing.listedAt / SLOT)
  }

  setOutages(outages: readonly TimeRange[]): void {
    this.#outages = outages
    this.#latest = undefined
    this.#older = undefined
  }

  /** The book at an instant (ms), at most `levels` a side. */
  at(now: number, levels: number): BookState {
    const state = this.#state(Math.floor(now / SLOT))
    const bids = state.bid > 0 ? [state.bid, state.bidLots] : []
    const asks = [state.ask, state.askLots]
    const middle = this.#cellOf(state.bid)
    const lowest = Math.max(0, middle - this.#depth)
    for (let cell = middle; cell >= lowest && bids.length < levels * 2; cell--) {
      const price = this.#price(cell)
      if (price >= state.bid || price < 1) continue
      const lots = this.#lotsOf(cell, middle, state.drawn)
      if (lots > 0) bids.push(price, lots)
    }
    for (let cell = middle; cell <= middle + this.#depth && asks.length < levels * 2; cell++) {
      const price = this.#price(cell)
      if (price <= state.ask) continue
      const lots = this.#lotsOf(cell, middle, state.drawn)
      if (lots > 0) asks.push(price, lots)
    }
    return { updateId: this.#id(state.slot), time: state.slot * SLOT, bids, asks }
  }

  /** When the last update up to an id was made, epoch ms. */
  timeOf(updateId: number): number {
    const slot = Math.floor((updateId - this.#idBase) / this.#idsPerSlot)
    return (this.#id(slot) > updateId ? slot - 1 : slot) * SLOT
  }

  /** Updates whose slots of `speed` ms end in (from, to]. */
  updates(from: number, to: number, speed: number): BookUpdate[] {
    const updates: BookUpdate[] = []
    const earliest = Math.max(from, this.#firstSlot * SLOT)
    for (let end = (Math.floor(earliest / speed) + 1) * speed; end <= to; end += speed) {
      const before = this.#state(Math.floor((end - speed) / SLOT))
      const after = this.#state(Math.floor(end / SLOT))
      if (before.slot === after.slot) continue
      const previousId = this.#id(before.slot)
      const lastId = this.#id(after.slot)
      const room = this.#one.listing.market === 'spot' ? 1 : Math.min(lastId - previousId, this.#idsPerSlot >> 1)
      const firstId = previousId + 1 + (hash32(this.#seed, before.slot) % room)
      updates.push({ firstId, lastId, previousId, time: end, ...this.#difference(before, after) })
    }
    return updates
  }

  /** Best prices after each update in (from, to]. */
  quotes(from: number, to: number): LiveQuote[] {
    const quotes: LiveQuote[] = []
    const last = Math.floor(to / SLOT)
    for (let slot = Math.max(Math.floor(from / SLOT) + 1, this.#firstSlot); slot <= last; slot++) {
      const state = this.#state(slot)
      if (state.slot === slot) quotes.push(this.#quote(state))
    }
    return quotes
  }

  /** Best prices at an instant (ms). */
  quote(now: number): LiveQuote {
    return this.#quote(this.#state(Math.floor(now / SLOT)))
  }

  #quote({ slot, bid, bidLots, ask, askLots }: State): LiveQuote {
    return { updateId: this.#id(slot), time: slot * SLOT, bid, bidLots, ask, askLots }
  }

  /** Rises from slot to slot, the same at every look. */
  #id(slot: number): number {
    return this.#idBase + slot * this.#idsPerSlot + (hash32(this.#seed ^ 0x6964, slot) % this.#idsPerSlot)
  }

  #state(asked: number): State {
    if (this.#latest?.asked === asked) return this.#latest.state
    if (this.#older?.asked === asked) return this.#older.state
    const state = this.#makeState(asked)
    this.#older = this.#latest
    this.#latest = { asked, state }
    return state
  }

  #makeState(asked: number): State {
    const slot = this.#running(asked)
    let drawn = slot
    while (!this.#isDrawn(drawn)) drawn--
    const last = this.#one.line.lastBefore(slot * SLOT * 1000)
    // Slot n holds what happens from (n - 1) to n, and ends with n.
    const changed = Math.max(drawn, last ? Math.floor(last.time / 1000 / SLOT) + 1 : 0)
    const price = last?.price ?? this.#one.firstPrice
    const key = hash32(this.#seed ^ 0x746f70, changed)
    const width = (key & 7) === 0 ? 1 + ((key >>> 3) & 3) : 1
    // The last taker bought at the ask or sold at the bid.
    const bid = last && !last.buyerIsMaker ? Math.max(0, price - width) : price
    const ask = last && !last.buyerIsMaker ? price : price + width
    return {
      slot: changed,
      drawn,
      bid,
      ask,
      bidLots: this.#bestLots(key, changed),
      askLots: this.#bestLots(hash32(key, 1), changed),
    }
  }

  /** Never the same in two changes that follow each other: every change changes something. */
  #bestLots(key: number, slot: number): number {
    const u = key / 0x100000000
    return 1 + (slot % 32) + 32 * Math.floor((this.#lots * u * u) / 8)
  }

  /** The slot that an instant shows: those of an outage show the one before it. */
  #running(asked: number): number {
    let slot = Math.max(asked, this.#firstSlot)
    const { endsAt } = this.#one.listing
    if (slot * SLOT > endsAt) slot = Math.floor(endsAt / SLOT)
    // From the last outage on: the slot before one may lie in another.
    for (let i = this.#outages.length - 1; i >= 0; i--) {
      const { from, to } = this.#outages[i]!
      if (slot * SLOT > from && slot * SLOT < to) slot = Math.floor(from / SLOT)
    }
    return Math.max(this.#firstSlot, slot)
  }

  #isDrawn(slot: number): boolean {
    if (slot % HEARTBEAT === 0 || slot <= this.#firstSlot) return true
    if (hash32(this.#seed ^ 0x64726177, slot) < this.#share) return true
    // The first one after an outage, so that nobody looks for a change inside.
    return this.#outages.some(({ to }) => slot === Math.ceil(to / SLOT))
  }

  #cellOf(price: number): number {
    return Math.floor(price / this.#cell)
  }

  #price(cell: number): number {
    return this.#cell === 1 ? cell : cell * this.#cell + (hash32(this.#seed, cell) % this.#cell)
  }

  /** Quantity of a cell's level; 0 for none. */
  #lotsOf(cell: number, middle: number, drawn: number): number {
    const distance = cell < middle ? middle - cell : cell - middle
    const period = distance <= NEAR ? NEAR_PERIOD : this.#period
    const phase = Math.imul(cell, SPREAD) & (period - 1)
    const h = hash32(hash32(this.#seed ^ period, cell), Math.floor((drawn - phase) / period))
    if ((h & 7) === 0) return 0
    const u = (h >>> 3) / 0x20000000
    return 1 + Math.floor(this.#lots * u * u * u)
  }

  /** Levels that differ between two states, with their new quantities. */
  #difference(before: State, after: State): { bids: number[]; asks: number[] } {
    this.#count = 0
    const left = this.#cellOf(before.bid)
    const right = this.#cellOf(after.bid)
    const low = Math.min(left, right)
    const high = Math.max(left, right)
    const depth = this.#depth
    for (const price of [before.bid, before.ask, after.bid, after.ask]) this.#push(price)
    if (after.drawn - before.drawn >= this.#period) this.#pushCells(low - depth, high + depth)
    else {
      // Those that the best prices passed or come near to, those at the ends of the book, and those that were due.
      this.#pushCells(low - NEAR, high + NEAR + 1)
      if (low !== high) {
        this.#pushCells(low - depth, Math.min(high - depth - 1, low - NEAR - 1))
        this.#pushCells(Math.max(low + depth + 1, high + NEAR + 2), high + depth)
      }
      for (let slot = before.drawn + 1; slot <= after.drawn; slot++) this.#pushDue(slot, low - depth, high + depth)
    }
    return this.#changes(before, after, this.#prices.subarray(0, this.#count).sort())
  }

  #push(price: number): void {
    if (price < 1) return
    if (this.#count === this.#prices.length) {
      const larger = new Float64Array(this.#count * 2)
      larger.set(this.#prices)
      this.#prices = larger
    }
    this.#prices[this.#count++] = price
  }

  #pushCells(from: number, to: number): void {
    for (let cell = Math.max(0, from); cell <= to; cell++) this.#push(this.#price(cell))
  }

  /** The cells of a stretch that are drawn anew in a slot. */
  #pushDue(slot: number, from: number, to: number): void {
    const period = this.#period
    const residue = Math.imul(slot & (period - 1), this.#inverse) & (period - 1)
    const start = Math.max(0, from)
    for (let cell = start + ((residue - start) & (period - 1)); cell <= to; cell += period)
      this.#push(this.#price(cell))
  }

  #changes(before: State, after: State, prices: Float64Array): { bids: number[]; asks: number[] } {
    const bids: number[] = []
    const asks: number[] = []
    let previous = -1
    const kept: number[] = []
    for (const price of prices) {
      if (price === previous) continue
      previous = price
      // Signed: bids below zero, asks above.
      const old = this.#signed(before, price)
      const now = this.#signed(after, price)
      if (old === now) continue
      if (now > 0 || old > 0) asks.push(price, Math.max(0, now))
      if (now < 0 || old < 0) kept.push(price, Math.max(0, -now))
    }
    for (let i = kept.length - 2; i >= 0; i -= 2) bids.push(kept[i]!, kept[i + 1]!)
    return { bids, asks }
  }

  /** Quantity at a price: negative on the bid side, positive on the ask side, 0 for none. */
  #signed(state: State, price: number): number {
    if (price === state.bid) return -state.bidLots
    if (price === state.ask) return state.askLots
    if (price > state.bid && price < state.ask) return 0
    const cell = this.#cellOf(price)
    const middle = this.#cellOf(state.bid)
    if (cell < middle - this.#depth || cell > middle + this.#depth || this.#price(cell) !== price) return 0
    const lots = this.#lotsOf(cell, middle, state.drawn)
    return price < state.bid ? -lots : lots
  }
}

/** Levels are worth some fifty trades at most. */
function lotScale(listing: Listing): number {
  const value = listing.quote === 'BTC' ? 2 : 120_000
  return Math.max(8, (value / (listing.contractSize ?? listing.anchor)) * 10 ** listing.stepDecimals)
}

/** `x` with `x * odd ≡ 1` modulo a power of two. */
function inverseOf(odd: number, modulus: number): number {
  let inverse = odd
  // Each step of Newton doubles the number of right bits, from three on.
  for (let i = 0; i < 5; i++) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse))
  return inverse & (modulus - 1)
}
