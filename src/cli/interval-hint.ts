import { INTERVALS, type Interval, intervalLength } from '../model/interval.ts'
import { DAY, HOUR, MINUTE, SECOND, WEEK } from '../model/time.ts'
import { didYouMean } from './suggest.ts'

/** Units as people write them; `m` and `M` alone are told apart. */
const UNITS: readonly (readonly [RegExp, 's' | 'm' | 'h' | 'd' | 'w' | 'M', number])[] = [
  [/^(M|mo|mon|months?)$/, 'M', 28 * DAY],
  [/^(s|secs?|seconds?)$/i, 's', SECOND],
  [/^(m|mins?|minutes?)$/, 'm', MINUTE],
  [/^(h|hours?)$/i, 'h', HOUR],
  [/^(d|days?)$/i, 'd', DAY],
  [/^(w|wk|weeks?)$/i, 'w', WEEK],
]

/**
 * What somebody who typed a wrong interval may do, as sentences with a leading blank: the interval under its right name,
 * or those that come nearest and how candles of the wished length are made.
 */
export function intervalHint(word: string): string {
  const form = /^(\d*)\s*([a-zA-Z]+)$/.exec(word.trim())
  // Capitals matter to `M` alone: `4H` means hours.
  const unit = form && UNITS.find(([names]) => names.test(form[2]!) || names.test(form[2]!.toLowerCase()))
  const count = form?.[1] === '' ? 1 : Number(form?.[1])
  if (!unit || count === 0) return didYouMean(word, INTERVALS)
  const [, letter, length] = unit
  const wanted = count * length
  const same = sameAs(count, letter, wanted)
  if (same !== undefined) return ` Did you mean ${same}?`
  const near = [
    INTERVALS.findLast((one) => intervalLength(one) < wanted),
    INTERVALS.find((one) => intervalLength(one) > wanted),
  ]
  const known = near.filter((one) => one !== undefined)
  const base = baseOf(letter, wanted)
  const wish = `${count}${letter}`
  const made =
    base === undefined
      ? ''
      : ` ${wish} can be made of ${base}: ticklake indicators --interval ${base} --resample ${wish}, or CandleResampler.`
  return ` Nearest ${known.length === 1 ? 'is' : 'are'} ${known.join(' and ')}.${made}`
}

/** The interval of that very length. */
function sameAs(count: number, letter: string, wanted: number): Interval | undefined {
  if (letter === 'M') return count === 1 ? '1M' : undefined
  // Thirty days are what some call a month.
  if (letter === 'd' && count === 30) return '1M'
  return INTERVALS.find((one) => one !== '1M' && intervalLength(one) === wanted)
}

/** The largest interval that a length is a multiple of. The grids of 3d, 1w and 1M begin where others do not. */
function baseOf(letter: string, wanted: number): Interval | undefined {
  if (letter === 'M') return '1M'
  if (letter === 'w') return '1w'
  return INTERVALS.findLast(
    (one) => intervalLength(one) <= DAY && intervalLength(one) < wanted && wanted % intervalLength(one) === 0,
  )
}
