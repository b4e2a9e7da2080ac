export { OrderBook, type OrderBookOptions } from './order-book.ts'
