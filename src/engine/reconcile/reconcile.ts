import type { Batch } from '../../model/batch.ts'
import { CandleFlag } from '../../model/candle.ts'
import type { Gap } from '../../model/coverage.ts'
import { isTicklakeError, StorageError } from '../../model/errors.ts'
import { ceilOpen, countOpens, floorOpen, nextOpen } from '../../model/interval.ts'
import { kindOf } from '../../model/kinds.ts'
import { intersectRanges, subtractRanges } from '../../model/ranges.ts'
import type { SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import { gridOf } from '../../store/lake/next-coverage.ts'
import { compareCandles, type Mismatch } from './compare.ts'
import { settle } from './settle.ts'
import { type Findings, keptOf, placeOf, type ReconcileContext, type RemoteWitness, type Subject } from './subject.ts'
import { type Difference, MAX_SHOWN, type Reconciliation } from './types.ts'
import { comparableRanges, type LakeWitness, wholeCandles, windowsOf, witnessesOf } from './witnesses.ts'

/** Differences that are judged one by one; more mean that something is wrong with all of it, and are counted only. */
const MAX_JUDGED = 2000
/** Candles that are compared with REST or the archive at once. */
const REMOTE_WINDOW = 45_000

const REMOTE_WORDS: Readonly<Record<RemoteWitness, string>> = {
  rest: 'REST',
  archive: 'the other files of the archive',
}

/** What came of holding a series against its witnesses. */
export interface Reconciled {
  readonly reports: readonly Reconciliation[]
  /** Witnesses that could not be asked, each with the reason. */
  readonly unanswered: readonly string[]
}

/** Holds the candles of a series against every witness that there is. None for kinds that are no candles. */
export async function reconcile(series: SeriesId, context: ReconcileContext): Promise<Reconciled> {
  const reports: Reconciliation[] = []
  const unanswered: string[] = []
  const kind = kindOf(series.kind)
  const coverage = kind.hasInterval ? await context.lake.coverage(series) : undefined
  if (!coverage || coverage.files.length === 0) return { reports, unanswered }
  const subject: Subject = { series, kind, coverage, grid: gridOf(coverage) }
  const hold = async (words: string, find: () => Promise<Findings | undefined>): Promise<void> => {
    try {
      const findings = await find()
      if (findings && findings.compared > 0) reports.push(await judge(subject, findings, context))
    } catch (error) {
      context.signal?.throwIfAborted()
      // One who is silent keeps nobody else from being asked.
      if (!isTicklakeError(error)) throw error
      unanswered.push(`${words}: ${error.message}`)
    }
  }
  for (const witness of await witnessesOf(context.lake, series))
    await hold(witness.words, () =>
      inLake(subject, witness, context).catch((error: unknown) => {
        // Files of the witness that cannot be read stand in the report of its own series.
        if (!(error instanceof StorageError)) throw error
        return undefined
      }),
    )
  const remotes = [...new Set(context.compare)]
  // One source does not wait for the other, but where a repair changes what the next one is held against.
  const asked = context.repair ? [] : remotes.map((against) => remote(subject, against, context))
  for (const one of asked) one.catch(() => {})
  for (const [index, against] of remotes.entries())
    await hold(REMOTE_WORDS[against], () => asked[index] ?? remote(subject, against, context))
  return { reports, unanswered }
}

async function inLake(subject: Subject, witness: LakeWitness, context: ReconcileContext): Promise<Findings> {
  const findings: Findings = {
    ...{ against: witness.against, words: witness.words, lake: witness },
    ...{ compared: 0, range: undefined, mismatches: [] },
  }
  const count = witness.windowOf(subject.series.interval!)
  const windows = comparableRanges(subject.grid, subject.coverage, witness.coverage).flatMap((range) => [
    ...windowsOf(subject.grid, range, count),
  ])
  const told = teller(subject, findings.words, windows, context)
  for (const window of windows) {
    context.signal?.throwIfAborted()
    const stored = await load(subject, window, context)
    add(subject, findings, stored, await witness.candles(subject.grid, window, context.signal), window)
    told(window)
  }
  return findings
}

async function remote(subject: Subject, against: RemoteWitness, context: ReconcileContext): Promise<Findings> {
  const findings: Findings = { against, words: REMOTE_WORDS[against], compared: 0, range: undefined, mismatches: [] }
  const { grid, coverage } = subject
  const ofArchive = coverage.covered.filter(({ source }) => source === 'archive')
  const ranges = subtractRanges(
    ofArchive.map(({ from, to }) => ({ from: ceilOpen(grid, from), to: floorOpen(grid, to) })),
    coverage.gaps,
  ).filter(({ from, to }) => from < to)
  const windows = ranges.flatMap((range) => [...windowsOf(grid, range, REMOTE_WINDOW)])
  const told = teller(subject, findings.words, windows, context)
  for await (const [window, { batch, known }] of ahead(windows, (one) => ask(subject, against, one, context))) {
    const stored = await load(subject, window, context)
    for (const part of intersectRanges(known, [window]))
      add(subject, findings, clip(subject, stored, part), clip(subject, batch, part), part)
    told(window)
  }
  return findings
}

/** What a source has of a range, and of which parts of it it knows. */
async function ask(
  { series, coverage }: Subject,
  against: RemoteWitness,
  window: TimeRange,
  context: ReconcileContext,
): Promise<{ readonly batch: Batch; readonly known: readonly TimeRange[] }> {
  context.signal?.throwIfAborted()
  if (against === 'rest') return { batch: await context.rest(series, window), known: [window] }
  const { batch, ranges } = await context.archive(series, coverage, window)
  return { batch, known: ranges }
}

/** Answers in order, the next one asked for while one is looked at: no more than two are in memory. */
async function* ahead<Asked, Answer>(
  wanted: readonly Asked[],
  ask: (one: Asked) => Promise<Answer>,
): AsyncGenerator<readonly [Asked, Answer], void, void> {
  const begin = (index: number): Promise<Answer> | undefined => {
    const asked = index < wanted.length ? ask(wanted[index]!) : undefined
    // Whoever waits for it hears of a failure; nobody may be waiting yet.
    asked?.catch(() => {})
    return asked
  }
  let next = begin(0)
  for (const [index, one] of wanted.entries()) {
    const answer = await next!
    next = begin(index + 1)
    yield [one, answer]
  }
}

/** Tells how many candles of all windows are compared each time one of them is. */
function teller(
  { grid }: Subject,
  words: string,
  windows: readonly TimeRange[],
  { onProgress }: ReconcileContext,
): (window: TimeRange) => void {
  const total = windows.reduce((sum, window) => sum + countOpens(grid, window), 0)
  let done = 0
  return (window) => {
    done += countOpens(grid, window)
    onProgress?.(words, done, total)
  }
}

function add({ kind }: Subject, findings: Findings, stored: Batch, witness: Batch, window: TimeRange): void {
  const { against } = findings
  const isTrades = against === 'trade' || against === 'aggTrade'
  const isSum = isTrades || against === 'candle'
  const { compared, mismatches } = compareCandles(stored, witness, { kind, isSum })
  if (compared === 0) return
  findings.compared += compared
  findings.range = { from: findings.range?.from ?? window.from, to: window.to }
  findings.mismatches.push(...mismatches)
}

async function load({ series, kind }: Subject, range: TimeRange, { lake, signal }: ReconcileContext): Promise<Batch> {
  const columns = kind.columns.map(({ name }) => name)
  return lake.load(series, { ...range, columns, ...(signal ? { signal } : {}) })
}

function clip({ kind }: Subject, batch: Batch, { from, to }: TimeRange): Batch {
  const keys = batch.columns[kind.sortKey]!
  const start = keys.findIndex((time) => time >= from)
  const first = start < 0 ? batch.length : start
  const end = keys.findIndex((time) => time >= to)
  const last = end < 0 ? batch.length : end
  const columns = Object.entries(batch.columns).map(([name, values]) => [name, values.subarray(first, last)])
  return { length: Math.max(0, last - first), columns: Object.fromEntries(columns) }
}

/** Says of each difference whose candle is kept and why; with `repair` REST is asked about what nobody can explain. */
async function judge(subject: Subject, findings: Findings, context: ReconcileContext): Promise<Reconciliation> {
  const { mismatches, against, words, compared, range } = findings
  const flags = await flagsOf(subject, mismatches.slice(0, MAX_JUDGED), context)
  const judged = mismatches.slice(0, MAX_JUDGED).map((mismatch): Difference => {
    const flag = flags.get(mismatch.time) ?? 0
    const reason = explain(subject, findings, mismatch, flag)
    return {
      ...mismatch,
      kept: keptOf(flag),
      why: reason ?? 'both are as they were published; nobody has said yet which one is right',
      resolved: reason !== undefined,
    }
  })
  const open = judged.filter(({ resolved }) => !resolved)
  const settled = context.repair && open.length > 0 ? await settle(subject, findings, open, context) : open
  const differences = [...settled, ...judged.filter(({ resolved }) => resolved)]
  const rest = mismatches.length - judged.length
  return {
    against,
    witness: words,
    range,
    compared,
    differing: mismatches.length,
    unresolved: differences.filter(({ resolved }) => !resolved).length + rest,
    differences: differences
      .sort((a, b) => Number(a.resolved) - Number(b.resolved) || a.time - b.time)
      .slice(0, MAX_SHOWN),
  }
}

/** Why stored candles stand although the witness says otherwise; undefined where nobody knows. */
function explain(subject: Subject, findings: Findings, mismatch: Mismatch, flag: number): string | undefined {
  const { coverage, grid, series } = subject
  const { against, lake } = findings
  const known = coverage.defects.find(
    ({ type, time, where }) => type === 'difference' && time === mismatch.time && where === placeOf(findings),
  )
  if (known) return `settled before: ${known.detail}`
  const candle = { from: mismatch.time, to: nextOpen(grid, mismatch.time) }
  const gap = lake?.coverage.gaps.find((one) => touches(wholeCandles(grid, one), candle))
  if (gap) return `${reasonOf(gap)}: the exchange's own candle stands`
  if (against === 'archive') return undefined
  if (against === 'rest') {
    if ((flag & CandleFlag.unverified) !== 0) return undefined
    return 'it is in an archive file whose hash is the published one; REST rounds and restates'
  }
  if (series.market !== 'spot' && against !== 'candle' && isMore(mismatch))
    return 'candles of futures count trades that the exchange withholds (insurance fund, deleveraging)'
  return undefined
}

function reasonOf({ cause, note }: Gap): string {
  return note === undefined ? cause : `${cause}, ${note}`
}

function touches(a: TimeRange, b: TimeRange): boolean {
  return a.from < b.to && b.from < a.to
}

/** Whether the stored candle is the witness's and something more. */
function isMore({ values }: Mismatch): boolean {
  return Object.entries(values).every(([name, [stored, witness]]) => {
    if (stored === null) return false
    if (witness === null || name === 'open' || name === 'close') return true
    return name === 'low' ? stored <= witness : stored >= witness
  })
}

/** Flags of the stored rows that differ. */
async function flagsOf(
  { series, grid }: Subject,
  mismatches: readonly Mismatch[],
  { lake, signal }: ReconcileContext,
): Promise<Map<number, number>> {
  const flags = new Map<number, number>()
  const first = mismatches[0]
  if (!first) return flags
  const wanted = new Set(mismatches.map(({ time }) => time))
  const range = { from: first.time, to: nextOpen(grid, mismatches.at(-1)!.time) }
  const options = { ...range, columns: ['open_time', 'flags'], ...(signal ? { signal } : {}) }
  for await (const batch of lake.read(series, options))
    for (let row = 0; row < batch.length; row++) {
      const time = batch.columns.open_time![row]!
      if (wanted.has(time)) flags.set(time, batch.columns.flags![row]!)
    }
  return flags
}
