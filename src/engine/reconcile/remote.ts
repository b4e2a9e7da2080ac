import type { VisionClient } from '../../archive/vision-client.ts'
import type { ArchivePeriod, BaseDataClient } from '../../exchanges/exchange.ts'
import { exchangeOf } from '../../exchanges/index.ts'
import { type Batch, concatBatches, mergeBatches } from '../../model/batch.ts'
import { kindOf } from '../../model/kinds.ts'
import { intersectRanges, normaliseRanges, subtractRanges } from '../../model/ranges.ts'
import type { Market, SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import type { SeriesCoverage } from '../../store/lake/coverage-file.ts'
import { restPieces } from '../download/rest-fill.ts'
import type { ReconcileContext } from './subject.ts'

/** Where witnesses that are not in the lake are asked. Nothing is opened before it is needed. */
export interface RemoteParts {
  readonly client: () => BaseDataClient
  readonly vision: () => VisionClient
  /** The exchange's clock, epoch ms. */
  readonly now: (market: Market) => Promise<number>
  readonly signal: AbortSignal
}

/** REST and the archive, as a reconciliation asks them. */
export function remoteWitnesses(parts: RemoteParts): Pick<ReconcileContext, 'rest' | 'archive'> {
  const { signal } = parts
  return {
    async rest(series, range) {
      const kind = kindOf(series.kind)
      const facts = { grid: { interval: series.interval! }, now: await parts.now(series.market) }
      const batches: Batch[] = []
      const request = { ...series, interval: series.interval!, ...range, signal }
      for await (const { batch } of restPieces(parts.client(), request, facts))
        if (batch.length > 0) batches.push(batch)
      return concatBatches(kind, batches)
    },
    async archive(series, coverage, range) {
      const kind = kindOf(series.kind)
      let batch = concatBatches(kind, [])
      const ranges: TimeRange[] = []
      // Days that follow one another are asked for together: one month's file may be about all of them.
      for (const [taken, other] of [
        ['monthly', 'daily'],
        ['daily', 'monthly'],
      ] as const)
        for (const part of intersectRanges([range], normaliseRanges(filesOf(series, coverage, taken)))) {
          const { market, symbol, kind: id } = series
          const wish = { market, symbol, kind: id, interval: series.interval!, ...part, period: other, signal }
          const rows = await parts.vision().fetch(wish)
          batch = mergeBatches(kind, rows.batch, batch)
          ranges.push(...subtractRanges([part], rows.missing))
        }
      return { batch, ranges: ranges.sort((a, b) => a.from - b.from) }
    },
  }
}

/** What the archive files of a period are about that were taken into the lake. */
function filesOf(series: SeriesId, coverage: SeriesCoverage, period: ArchivePeriod): TimeRange[] {
  const layout = exchangeOf(series.exchange).archive
  return coverage.checks
    .flatMap(({ path, outcome }) => {
      const about = outcome === 'missing' || outcome === 'unreadable' ? undefined : layout?.parseFile(path)
      return about?.period === period ? [{ from: about.from, to: about.to }] : []
    })
    .sort((a, b) => a.from - b.from)
}
