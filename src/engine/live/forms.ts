import { type Channel, EVERY_SYMBOL } from '../../exchanges/stream.ts'
import { InvalidRangeError } from '../../model/errors.ts'

/**
 * Refuses channels that would bring the small and the full form of one ticker: both fill the same series, in which a
 * row of one could not be told from a row of the other.
 * @throws InvalidRangeError naming the symbol and what to leave out.
 */
export function assertOneForm(channels: readonly Channel[]): void {
  const tickers = channels.filter(({ kind }) => kind === 'ticker')
  for (const small of tickers.filter(({ mini }) => mini)) {
    const full = tickers.find(
      ({ market, symbol, mini }) =>
        !mini &&
        market === small.market &&
        (symbol === small.symbol || symbol === EVERY_SYMBOL || small.symbol === EVERY_SYMBOL),
    )
    if (!full) continue
    const [one, all] = full.symbol === EVERY_SYMBOL ? [small, full] : [full, small]
    const told =
      all.symbol === EVERY_SYMBOL
        ? `"${EVERY_SYMBOL}" brings the ${all.mini ? 'small' : 'full'} ticker of ${one.symbol === EVERY_SYMBOL ? 'every symbol' : one.symbol} already`
        : `${one.symbol} is wanted in both forms`
    throw new InvalidRangeError(
      `${full.market} ticker: ${told}, and the ${one.mini ? 'small' : 'full'} one would mix with it in one series. Leave one of them out, or collect it into another folder (--data-dir).`,
    )
  }
}
