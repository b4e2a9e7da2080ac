import type { CheckedEvent, EventContext } from './events.ts'
import type { Stage } from './stage.ts'

/** What a number must be. */
export type Bound = 'positive' | 'not-negative' | 'finite'

const BROKEN: Readonly<Record<Bound, (value: number) => string | undefined>> = {
  positive: (value) => (value > 0 && value < Number.POSITIVE_INFINITY ? undefined : 'not-positive'),
  'not-negative': (value) => {
    if (value < 0) return 'negative'
    return value < Number.POSITIVE_INFINITY ? undefined : 'not-a-number'
  },
  finite: (value) => (Number.isFinite(value) ? undefined : 'not-a-number'),
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
        const rule = BROKEN[bound](value)
        if (rule !== undefined) report(rule, 'error', `${name} is ${value}`)
      }
    },
  }
}

/** A number that is there. */
export function has(value: number | undefined): value is number {
  return value !== undefined && !Number.isNaN(value)
}
