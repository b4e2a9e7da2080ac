import { type Channel, EVERY_SYMBOL } from '../../exchanges/stream.ts'
import { InvalidRangeError } from '../../model/errors.ts'

/**
 * Refuses channels that would bring two forms of one thing into one series, in which a row of one could not be told
 * from a row of the other: the small and the full ticker; `bookSnapshot` beside `bookDelta`, which stores the snapshots
 * that its books begin with there, so that a past book would begin with five levels where it could have a thousand.
 * @throws InvalidRangeError naming the symbol and what to leave out.
 */
export function assertOneForm(channels: readonly Channel[]): void {
  for (const one of channels.filter(isSmaller)) {
    const other = channels.find((channel) => areTwoForms(one, channel))
    if (other) throw new InvalidRangeError(`${describe(one, other)} Leave one of them out, or ${ELSEWHERE}.`)
  }
}

const ELSEWHERE = 'collect it into another folder (--data-dir)'

/** Whether two channels fill one series with rows of different forms. */
export function areTwoForms(a: Channel, b: Channel): boolean {
  if (a.market !== b.market || (a.symbol !== b.symbol && a.symbol !== EVERY_SYMBOL && b.symbol !== EVERY_SYMBOL))
    return false
  if (a.kind === 'ticker' && b.kind === 'ticker') return isSmaller(a) !== isSmaller(b)
  return (a.kind === 'bookSnapshot' && b.kind === 'bookDelta') || (a.kind === 'bookDelta' && b.kind === 'bookSnapshot')
}

function isSmaller({ kind, mini }: Channel): boolean {
  return kind === 'bookSnapshot' || (kind === 'ticker' && mini === true)
}

function describe(small: Channel, full: Channel): string {
  const { market, symbol } = small
  if (small.kind === 'bookSnapshot') {
    return `${market} ${symbol}: both bookDelta (depth) and bookSnapshot are wanted, and would mix in one series: bookDelta stores the snapshots that its books begin with.`
  }
  const [one, all] = full.symbol === EVERY_SYMBOL ? [small, full] : [full, small]
  const form = ({ mini }: Channel): string => (mini ? 'small' : 'full')
  const told =
    all.symbol === EVERY_SYMBOL
      ? `"${EVERY_SYMBOL}" brings the ${form(all)} ticker of ${one.symbol === EVERY_SYMBOL ? 'every symbol' : one.symbol} already`
      : `${one.symbol} is wanted in both forms`
  return `${market} ticker: ${told}, and the ${form(one)} one would mix with it in one series.`
}
