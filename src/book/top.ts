import type { QuoteRecord } from '../model/live/quote.ts'
import type { RecordId } from '../model/live/record.ts'
import type { OrderBook } from './order-book.ts'
import type { BookState, BookTop } from './sync-types.ts'

export function topOfBook(book: OrderBook, updateId: RecordId, time: number, state: BookState): BookTop {
  return {
    bidPrice: book.bestBid,
    bidQuantity: book.bestBidQuantity,
    askPrice: book.bestAsk,
    askQuantity: book.bestAskQuantity,
    updateId,
    source: 'book',
    state,
    time,
  }
}

export function topOfQuote(quote: QuoteRecord, state: BookState): BookTop {
  const { bidPrice, bidQuantity, askPrice, askQuantity, updateId } = quote
  const time = Number.isNaN(quote.eventTime) ? quote.receiveTime : quote.eventTime
  return { bidPrice, bidQuantity, askPrice, askQuantity, updateId, source: 'quote', state, time }
}

/** How a quote and the book of the same update id differ, for people; undefined when they agree. */
export function differenceTo(quote: QuoteRecord, book: OrderBook): string | undefined {
  const isSame =
    quote.bidPrice === zeroForNone(book.bestBid) &&
    quote.bidQuantity === zeroForNone(book.bestBidQuantity) &&
    quote.askPrice === zeroForNone(book.bestAsk) &&
    quote.askQuantity === zeroForNone(book.bestAskQuantity)
  if (isSame) return undefined
  const mine = `${book.bestBidQuantity} @ ${book.bestBid} / ${book.bestAskQuantity} @ ${book.bestAsk}`
  const theirs = `${quote.bidQuantity} @ ${quote.bidPrice} / ${quote.askQuantity} @ ${quote.askPrice}`
  return `at update ${quote.updateId} the book has ${mine}, the quote ${theirs}`
}

/** What is impossible in a quote, or undefined. An empty side is written as zeros. */
export function badQuote(quote: QuoteRecord): string | undefined {
  const { bidPrice, bidQuantity, askPrice, askQuantity } = quote
  const isNumbers = bidPrice >= 0 && bidQuantity >= 0 && askPrice >= 0 && askQuantity >= 0
  if (!isNumbers) return `impossible values, ${bidQuantity} @ ${bidPrice} / ${askQuantity} @ ${askPrice}`
  return askPrice > 0 && bidPrice >= askPrice ? `bid ${bidPrice} at or above ask ${askPrice}` : undefined
}

function zeroForNone(value: number): number {
  return Number.isNaN(value) ? 0 : value
}
