import type { CheckedEvent, EventContext } from './events.ts'
import type { Stage } from './stage.ts'

/** What a number must be. */
export type Bound = 'positive' | 'not-negative' | 'finite'

/** No price, quantity, value or count of an exchange comes near: such a number is a broken one. */
const ABSURD = 1e21

const FITS: Readonly<Record<Bound, readonly [rule: string, fits: (value: number) => boolean]>> = {
  positive: ['not-positive', (value) => value > 0],
  'not-negative': ['negative', (value) => value >= 0],
  finite: ['not-a-number', () => true],
}

/** The rule that a number breaks. */
function brokenRule(bound: Bound, value: number): string | undefined {
  if (!Number.isFinite(value)) return 'not-a-number'
  const [rule, fits] = FITS[bound]
  if (!fits(value)) return rule
  return Math.abs(value) > ABSURD ? 'absurd' : undefined
}

type Bounds<Row> = { readonly [Name in keyof Row]?: Bound }

/** Numbers lie where they can lie. Of `optional` ones a NaN says that there is none. */
export function numbersStage<Row extends CheckedEvent>(
  meaning: string,
  needed: Bounds<Row>,
  optional: Bounds<Row> = {},
): Stage<Row, EventContext> {
  const bounds = [
    ...Object.entries<Bound | undefined>(needed).map(([name, bound]) => ({ name, bound: bound!, isOptional: false })),
    ...Object.entries<Bound | undefined>(optional).map(([name, bound]) => ({ name, bound: bound!, isOptional: true })),
  ]
  return {
    name: 'values',
    meaning,
    start: () => (row, report) => {
      for (const { name, bound, isOptional } of bounds) {
        const value = (row as Readonly<Record<string, unknown>>)[name] as number | undefined
        if (value === undefined || (isOptional && Number.isNaN(value))) continue
        const rule = brokenRule(bound, value)
        if (rule !== undefined) report(rule, 'error', `${name} is ${value}`)
      }
    },
  }
}

/** A number that is there. */
export function has(value: number | undefined): value is number {
  return value !== undefined && !Number.isNaN(value)
}
