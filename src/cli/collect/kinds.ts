import { KINDS } from '../../model/kinds.ts'
import type { LiveKind } from '../../model/live/index.ts'
import { type ValueType, words } from '../config/values.ts'
import { didYouMean } from '../suggest.ts'

/** What `--kinds` understands, and the kind that each word stands for. */
const WORDS: Readonly<Record<string, LiveKind>> = {
  candle: 'candle',
  trade: 'trade',
  aggTrade: 'aggTrade',
  depth: 'bookDelta',
  quote: 'quote',
  ticker: 'ticker',
  markPrice: 'markPrice',
  fundingRate: 'fundingRate',
  liquidation: 'liquidation',
  bookDelta: 'bookDelta',
  bookSnapshot: 'bookSnapshot',
}

export const KIND_WORDS: readonly string[] = Object.keys(WORDS).filter(
  (word) => word === 'depth' || Object.hasOwn(KINDS, word),
)

/** Names that the exchange and other tools use. */
const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [/^(k-?lines?|candlesticks?|bars?|ohlcv?)$/i, 'candle'],
  [/^(agg-?trades?|aggregated?-?trades?)$/i, 'aggTrade'],
  [/^(order-?)?books?$|^diff-?depth$|^depth-?updates?$|^l2$/i, 'depth'],
  [/^(partial-?(depth|book)|depth(5|10|20)|snapshots?)$/i, 'bookSnapshot'],
  [/^(book-?tickers?|bbo|best-?bid-?ask|l1)$/i, 'quote'],
  [/^(mini-?tickers?|24h(r)?(-?ticker)?)$/i, 'ticker'],
  [/^(mark|mark-?prices?|index-?price|premium-?index)$/i, 'markPrice'],
  [/^fundings?(-?rates?)?$/i, 'fundingRate'],
  [/^(force-?orders?|liquidations?)$/i, 'liquidation'],
]

/** The kind of a word; capitals do not matter, nor does a plural. */
export function kindOfWord(word: string): LiveKind | undefined {
  const lower = word.toLowerCase()
  const found = Object.keys(WORDS).find((known) => known.toLowerCase() === lower || `${known.toLowerCase()}s` === lower)
  return found === undefined ? undefined : WORDS[found]
}

/** ` Did you mean depth?` for a word that is no kind, or nothing. */
export function suggestKind(word: string): string {
  const elsewhere = ELSEWHERE.find(([form]) => form.test(word))
  return elsewhere ? ` Did you mean ${elsewhere[1]}?` : didYouMean(word, KIND_WORDS)
}

/** A list of kinds, as a setting. */
export const liveKinds: ValueType<readonly LiveKind[]> = {
  allowed: `a list of ${KIND_WORDS.join(', ')} (depth is bookDelta with its books)`,
  read: (input) => {
    const list = words(input).map(kindOfWord)
    if (list.length === 0 || list.some((kind) => kind === undefined)) return undefined
    return [...new Set(list as LiveKind[])]
  },
  suggest: (input) => {
    const wrong = words(input).find((word) => kindOfWord(word) === undefined)
    return wrong === undefined ? '' : suggestKind(wrong)
  },
  show: (value) => `[${value.map((kind) => (kind === 'bookDelta' ? 'depth' : kind)).join(', ')}]`,
}
