import type { Difference, Reconciliation } from '../../engine/reconcile/types.ts'
import type { Style } from './style.ts'
import { formatCount, plural, printable } from './text.ts'
import { formatInstant } from './time.ts'

/** Differences that are shown per witness; more are counted. */
const MAX_LINES = 5

/** What candles were held against and how they came out of it, a line per witness and one per difference. */
export function reconciliationLines(all: readonly Reconciliation[], style: Style): string[] {
  return all.flatMap((one) => {
    const { compared, differing, unresolved, witness, differences } = one
    if (differing === 0) return [`${style.green('same')}  as ${witness}: ${plural(compared, 'candle')}`]
    const state = unresolved > 0 ? style.red('differs') : style.yellow('explained')
    const open = unresolved > 0 ? `, ${formatCount(unresolved)} of them unresolved` : ''
    const lines = [`${state}  from ${witness}: ${formatCount(differing)} of ${plural(compared, 'candle')}${open}`]
    for (const difference of differences.slice(0, MAX_LINES)) lines.push(`  ${differenceLine(difference)}`)
    if (differing > MAX_LINES) lines.push(`  … and ${formatCount(differing - MAX_LINES)} more`)
    return lines
  })
}

function differenceLine({ time, values, kept, why }: Difference): string {
  const parts = Object.entries(values).map(
    ([name, [stored, other]]) => `${name} ${stored ?? 'none'}, not ${other ?? 'none'}`,
  )
  return `${formatInstant(time)}  ${parts.join('; ')}. Kept: ${kept}; ${printable(why)}`
}
