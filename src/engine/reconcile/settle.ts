import { type Batch, lowerBound, sliceBatch } from '../../model/batch.ts'
import { CandleFlag } from '../../model/candle.ts'
import type { Defect } from '../../model/coverage.ts'
import { isTicklakeError } from '../../model/errors.ts'
import { nextOpen } from '../../model/interval.ts'
import { kindOf } from '../../model/kinds.ts'
import { normaliseRanges } from '../../model/ranges.ts'
import type { TimeRange } from '../../model/time.ts'
import { compareCandles } from './compare.ts'
import { type Findings, placeOf, type ReconcileContext, type Subject } from './subject.ts'
import type { Difference } from './types.ts'
import type { LakeWitness } from './witnesses.ts'

const TAKEN = 'REST gives another candle now, which was taken; the former values are on record'
const CONFIRMED = 'REST gives the stored candle too'

/**
 * Asks REST about candles that differ. Where it gives the stored candle, that stands, and the difference is put on record
 * so that it need not be asked again; where it gives another one, that is taken, and the former value is put on record.
 * The smaller candles of a larger one are asked for too.
 */
export async function settle(
  subject: Subject,
  dispute: Findings,
  open: readonly Difference[],
  context: ReconcileContext,
): Promise<Difference[]> {
  const { grid, series } = subject
  const { lake, words, against } = dispute
  const ranges = normaliseRanges(open.map(({ time }) => ({ from: time, to: nextOpen(grid, time) })))
  const given = new Set<number>()
  let taken: ReadonlySet<number>
  try {
    const asked: Batch[] = []
    for (const range of ranges) asked.push(await context.rest(series, range))
    for (const batch of asked) for (const time of keysOf(subject, batch)) given.add(time)
    taken = await take(subject, asked, context)
    if (lake && against === 'candle') await takeSmaller(lake, ranges, context)
  } catch (error) {
    context.signal?.throwIfAborted()
    if (!isTicklakeError(error)) throw error
    return open.map((one) => ({ ...one, why: `REST could not be asked: ${error.message}` }))
  }
  const still = lake ? await differing(subject, lake, ranges, context) : given
  const settled = open.map((one): Difference => {
    if (!given.has(one.time)) return { ...one, why: 'REST has no candle here either' }
    if (taken.has(one.time)) return { ...one, kept: 'rest', resolved: true, why: TAKEN }
    const mended = `the ${words} were brought up to what REST gives now`
    return { ...one, resolved: true, why: still.has(one.time) ? CONFIRMED : mended }
  })
  await record(
    subject,
    dispute,
    settled.filter(({ time, resolved }) => resolved && still.has(time)),
    context,
  )
  return settled
}

/** Open times at which a witness of the lake still says something else. */
async function differing(
  { kind, series, grid }: Subject,
  witness: LakeWitness,
  ranges: readonly TimeRange[],
  { lake, signal }: ReconcileContext,
): Promise<Set<number>> {
  const still = new Set<number>()
  const columns = kind.columns.map(({ name }) => name)
  for (const range of ranges) {
    const stored = await lake.load(series, { ...range, columns, ...(signal ? { signal } : {}) })
    const candles = await witness.candles(grid, range, signal)
    const options = { kind, isSum: true }
    for (const { time } of compareCandles(stored, candles, options).mismatches) still.add(time)
  }
  return still
}

/** Commits candles of REST that are not the stored ones. @returns their open times. */
async function take(
  { series, kind }: Pick<Subject, 'series' | 'kind'>,
  batches: readonly Batch[],
  { lake, signal }: ReconcileContext,
): Promise<Set<number>> {
  const changed: Batch[] = []
  const times = new Set<number>()
  for (const batch of batches) {
    const keys = keysOf({ kind }, batch)
    if (keys.length === 0) continue
    const columns = kind.columns.map(({ name }) => name)
    const stored = await lake.load(series, { from: keys[0]!, to: keys.at(-1)! + 1, columns })
    const { mismatches } = compareCandles(stored, batch, { kind, isSum: false })
    for (const { time } of mismatches) {
      const row = lowerBound(keys, time)
      if (keys[row] !== time) continue
      times.add(time)
      changed.push(fromRest(sliceBatch(batch, row, row + 1)))
    }
  }
  if (changed.length > 0) {
    await using writer = await lake.writer(series, signal ? { signal } : {})
    await writer.commit({ batches: changed })
  }
  return times
}

async function takeSmaller(
  { series }: LakeWitness,
  ranges: readonly TimeRange[],
  context: ReconcileContext,
): Promise<void> {
  const batches: Batch[] = []
  for (const range of ranges) batches.push(await context.rest(series, range))
  await take({ series, kind: kindOf(series.kind) }, batches, context)
}

/** Puts on record what REST has settled, so that the next look finds it so. */
async function record(
  { series }: Subject,
  dispute: Findings,
  settled: readonly Difference[],
  { lake, signal }: ReconcileContext,
): Promise<void> {
  if (settled.length === 0) return
  const defects = settled.map(({ time, values, kept }): Defect => {
    const parts = Object.entries(values).map(
      ([name, [stored, other]]) => `${name} ${stored}, ${dispute.words} ${other}`,
    )
    const said = kept === 'rest' ? 'the candle of REST stands' : CONFIRMED
    const detail = `${said}; before: ${parts.join('; ')}`
    return { time, type: 'difference', where: placeOf(dispute), detail, kept: kept === 'rest' ? 'rest' : 'archive' }
  })
  await using writer = await lake.writer(series, signal ? { signal } : {})
  await writer.commit({ defects })
}

function fromRest(batch: Batch): Batch {
  const flags = batch.columns.flags?.map((flag) => flag | CandleFlag.rest)
  return flags ? { ...batch, columns: { ...batch.columns, flags } } : batch
}

function keysOf({ kind }: Pick<Subject, 'kind'>, batch: Batch): Float64Array {
  return batch.columns[kind.sortKey]!.subarray(0, batch.length)
}
