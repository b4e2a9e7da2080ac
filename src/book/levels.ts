/** A side of a book. */
export type Side = 'bid' | 'ask'

/** One price and what rests there. Price in quote per base, quantity in base (contracts on coinm). */
export interface BookLevel {
  readonly price: number
  readonly quantity: number
}

/** How far into a side to look. */
export type Reach =
  | { readonly levels: number }
  /** Up to so many percent from the mid price. */
  | { readonly percent: number }
  /** Up to a price, that price included. */
  | { readonly price: number }
  /** Until the levels together hold so much. */
  | { readonly quantity: number }
  /** Until price × quantity of the levels together is so much. */
  | { readonly value: number }

/** A part of one side, best first. */
export interface BookDepth {
  readonly levels: readonly BookLevel[]
  /** Sum of the levels' quantities. */
  readonly quantity: number
  /** Sum of price × quantity. */
  readonly value: number
  /** False where it reaches beyond what is known: levels may be missing in it. */
  readonly complete: boolean
}

/** What it takes to buy from the asks or to sell to the bids at once. */
export interface Fill {
  /** Quantity that would be filled; less than asked for when the side ends before. */
  readonly quantity: number
  /** Price × quantity paid or received. */
  readonly value: number
  /** `value / quantity`, the volume-weighted average price; NaN when nothing is filled. */
  readonly averagePrice: number
  /** Price of the last level taken; NaN when nothing is filled. */
  readonly worstPrice: number
  /** Levels touched. */
  readonly levels: number
  /** Whether all that was asked for would be filled. */
  readonly filled: boolean
  /** False where it reaches beyond what is known of the book. */
  readonly complete: boolean
}

/** Levels of a whole book as flat lists: price, quantity, price, quantity, … best first. */
export interface BookLevels {
  readonly bids: readonly number[]
  readonly asks: readonly number[]
  /**
   * Levels per side that were asked for: a side with fewer is known whole, of a full one nothing is known beyond its
   * last level. Undefined when both are known whole.
   */
  readonly depth?: number
}
