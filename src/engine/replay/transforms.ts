import type { TransformStream } from '../../analysis/index.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import { kindOf, selectColumns } from '../../model/kinds.ts'
import type { ReplayHolding } from './holdings.ts'
import type { ReplayDefaults, ReplayKind, ReplayOptions, TransformList } from './request.ts'

/**
 * A stream of transforms for each series: what one looks back on are rows of its own series. Undefined without any
 * transforms; a series whose kind has none gets none.
 * @throws ConfigError for a name that is not registered; InvalidRangeError for a kind that is not replayed, a column that a
 * kind does not have, a transform without `lookback`; LookAheadError for one that needs later rows.
 */
export async function transformsOf(
  holdings: readonly ReplayHolding[],
  wanted: ReplayOptions['transforms'],
  { registry }: ReplayDefaults,
): Promise<ReadonlyMap<ReplayHolding, TransformStream | undefined> | undefined> {
  if (wanted === undefined) return undefined
  const kinds = [...new Set(holdings.map(({ series }) => series.kind as ReplayKind))]
  const byKind = isList(wanted) ? Object.fromEntries(kinds.map((kind) => [kind, wanted])) : wanted
  for (const kind of Object.keys(byKind)) {
    if (kinds.includes(kindOf(kind).id as ReplayKind)) continue
    throw new InvalidRangeError(`There are transforms for ${kind}, but only ${kinds.join(', ')} is replayed.`)
  }
  // Only those who transform load what that takes.
  const { inputsOfAll, TransformStream, transformRegistry } = await import('../../analysis/index.ts')
  const streams = new Map<ReplayHolding, TransformStream | undefined>()
  for (const holding of holdings) {
    const kind = kindOf(holding.series.kind)
    const list = (byKind as Readonly<Record<string, TransformList | undefined>>)[kind.id] ?? []
    const transforms = (registry ?? transformRegistry).resolve(list)
    const inputs = inputsOfAll(transforms)
    // Without a name it would mean all columns.
    if (inputs.length > 0) selectColumns(kind, inputs)
    streams.set(holding, transforms.length === 0 ? undefined : new TransformStream(transforms))
  }
  return streams
}

function isList(wanted: NonNullable<ReplayOptions['transforms']>): wanted is TransformList {
  return Array.isArray(wanted)
}
