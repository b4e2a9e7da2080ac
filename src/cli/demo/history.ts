import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DownloadEvent, SeriesReport } from '../../engine/types.ts'
import type { Interval } from '../../model/interval.ts'
import type { Market, SeriesId } from '../../model/series.ts'
import { DAY } from '../../model/time.ts'
import type { FaultSpec } from '../../sandbox/index.ts'
import { createProgressView } from '../progress/show.ts'
import { seriesLabel } from '../progress/state.ts'
import { buildHeatMap, renderHeatMap } from '../render/heatmap.ts'
import { renderTable } from '../render/table.ts'
import { formatBytes, formatCount, formatDuration, plural } from '../render/text.ts'
import { explainGap, gridOf } from '../summary.ts'
import type { DemoPart } from './part.ts'
import { type Proof, proveSeries } from './proof.ts'
import { startSandboxProcess } from './sandbox-process.ts'

/** The exchange's clock: mid-month, so that months, days and REST all have something to do; 2025 begins inside the year. */
const NOW = Date.UTC(2025, 6, 15, 12, 34)
const YEAR = { from: Date.UTC(2024, 6, 15), to: NOW }
const WEEK = { from: NOW - 7 * DAY, to: NOW }

function series(market: Market, symbol: string, interval: Interval): SeriesId {
  return { exchange: 'binance', market, kind: 'candle', symbol, interval }
}

const WANTED = [
  { series: series('spot', 'BTCUSDT', '1m'), ...YEAR },
  { series: series('spot', 'ETHUSDT', '1m'), ...YEAR },
  { series: series('usdm', 'BTCUSDT', '1m'), ...YEAR },
  { series: series('spot', 'SOLUSDT', '1s'), ...WEEK },
]

/** What goes wrong on the way, each with the words that the demo uses for it. */
const FAULTS: readonly (readonly [about: string, fault: FaultSpec])[] = [
  [
    'REST and archive answer 503 now and then',
    { type: 'http-error', status: 503, probability: 0.02, match: { path: '^/(api|data)/' } },
  ],
  ['a transfer is cut in the middle', { type: 'cut', times: 2, match: { path: 'BTCUSDT-1m-2024-1[01]' } }],
  ['a published checksum is wrong', { type: 'wrong-checksum', match: { path: 'ETHUSDT-1m-2024-09' } }],
  [
    'a zip is damaged',
    { type: 'corrupt-zip', match: { path: 'futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-02' } },
  ],
  [
    'a month is missing in the archive',
    { type: 'missing-file', month: '2024-12', match: { path: 'spot/monthly/klines/BTCUSDT/1m' } },
  ],
  [
    'three hours are missing in an archive file',
    { type: 'missing-rows', from: '2025-03-03T03:00:00Z', to: '2025-03-03T06:00:00Z', match: { symbol: 'ETHUSDT' } },
  ],
  [
    'the exchange itself stands still for two hours',
    { type: 'outage', market: 'spot', from: '2024-10-27T01:00:00Z', to: '2024-10-27T03:00:00Z' },
  ],
]

const SQL = `SELECT strftime(open_time, '%Y-%m') AS month, symbol, count(*) AS candles,
       max(high) AS high, min(low) AS low, round(sum(volume)) AS volume
FROM candle
WHERE market = 'spot' AND interval = '1m' AND open_time >= '2025-01-01'
GROUP BY ALL ORDER BY ALL LIMIT 8`

/** History: a year of candles through faults, proved complete, asked for in SQL. */
export const history: DemoPart = {
  title: 'History: a year of 1m candles of three markets and a week of 1s, while things go wrong',

  async run(context, show) {
    const scratch = await mkdtemp(join(tmpdir(), 'ticklake-demo-'))
    const dataDir = context.common.dataDir ?? join(scratch, 'lake')
    const faultFile = join(scratch, 'faults.json')
    await writeFile(faultFile, JSON.stringify(FAULTS.map(([, fault]) => fault)))
    await using sandbox = await startSandboxProcess(['--now', String(NOW), '--faults', faultFile], context.signal)
    await rm(faultFile)
    await show.text(`A sandbox exchange that speaks Binance runs at ${sandbox.endpoint}; no network is used.`)
    await show.text('On the way:')
    for (const [about] of FAULTS) await show.text(`  · ${about}`)

    const { DataSourceManager } = await import('../../engine/data-source-manager.ts')
    const { silentLog } = await import('../../model/log.ts')
    await using manager = new DataSourceManager({ dataDir, endpoint: sandbox.endpoint, stallMs: 5_000, log: silentLog })
    await show.head('Download')
    const retries = { count: 0 }
    const reports = await download(context, manager, retries)
    for (const report of reports) await show.result('download', reportFields(report), describe(report))
    await show.text(`${plural(retries.count, 'request')} had to be tried again; nobody had to watch.`)

    await show.head('Proof: every row against what really happened on the exchange')
    const lake = await manager.lake()
    const proofs: Proof[] = []
    for (const wanted of WANTED)
      proofs.push(await proveSeries(lake, wanted.series, wanted, sandbox.endpoint, context.signal))
    for (const proof of proofs) {
      const { series: id, difference, ...counts } = proof
      const words =
        difference === undefined
          ? context.style.green('equal, row for row and field for field')
          : context.style.red(difference)
      await show.result(
        'proof',
        { market: id.market, symbol: id.symbol, interval: id.interval, ...counts, equal: difference === undefined },
        `${seriesLabel(id)}: ${formatCount(counts.stored)} of ${formatCount(counts.truth)} candles, ${words}`,
      )
    }

    await show.head('Coverage: what is missing, and why; what was wrong, and what was done')
    for (const wanted of WANTED) await showCoverage(context, show, lake, wanted.series)

    await show.head('SQL over the lake')
    for (const line of SQL.split('\n')) await show.text(context.style.dim(line))
    const { openQuery } = await import('../../store/lake/query.ts')
    using query = await openQuery(dataDir)
    const { columns, rows } = await query.run(SQL, { signal: context.signal })
    const table: string[][] = []
    for await (const row of rows) table.push(row.map(String))
    const titles = columns.map(({ name }, index) => ({
      title: name,
      align: index < 2 ? ('left' as const) : ('right' as const),
    }))
    for (const line of renderTable(titles, table)) await show.text(line)

    let bytes = 0
    for (const wanted of WANTED) bytes += (await lake.stats(wanted.series))?.bytes ?? 0
    await show.head('Where it is')
    await show.text(`${dataDir}  (${formatBytes(bytes)} of Parquet, readable by any tool)`)
    await show.text(`look at it:        ticklake coverage --data-dir ${dataDir}`)
    await show.text('the real exchange: ticklake download BTCUSDT ETHUSDT --interval 1m --months 12')
    const ok = proofs.every((proof) => proof.difference === undefined) && reports.every((report) => report.complete)
    await show.result('history', { ok, dataDir, bytes }, '')
    return ok
  },
}

type Show = Parameters<DemoPart['run']>[1]
type DemoContext = Parameters<DemoPart['run']>[0]
type Manager = import('../../engine/data-source-manager.ts').DataSourceManager
type Lake = import('../../store/lake/lake.ts').Lake

async function download(context: DemoContext, manager: Manager, retries: { count: number }): Promise<SeriesReport[]> {
  const view = await createProgressView(context, WANTED.length)
  try {
    return await manager.download(
      WANTED.map((wanted) => ({ ...wanted, source: 'auto' as const })),
      {
        signal: context.signal,
        onEvent: (event: DownloadEvent) => {
          if (event.type === 'retry') retries.count++
          view.event(event)
        },
      },
    )
  } finally {
    view.close()
  }
}

function reportFields(report: SeriesReport): Record<string, unknown> {
  const { series: id, rows, expected, gaps, defects, files, bytes, restRequests, complete, durationMs } = report
  return {
    market: id.market,
    symbol: id.symbol,
    interval: id.interval,
    rows,
    expected,
    gaps,
    defects,
    files: files.length,
    bytes,
    restRequests,
    complete,
    durationMs,
  }
}

function describe(report: SeriesReport): string {
  const state = report.error ?? (report.complete ? 'complete' : 'incomplete')
  return `${seriesLabel(report.series)}: ${formatCount(report.rows)} candles from ${plural(report.files.length, 'archive file')} and ${plural(report.restRequests, 'REST page')} in ${formatDuration(report.durationMs)}, ${state}`
}

async function showCoverage(context: DemoContext, show: Show, lake: Lake, id: SeriesId): Promise<void> {
  const coverage = await lake.coverage(id)
  const grid = coverage ? gridOf(coverage) : undefined
  if (!coverage || !grid) return
  await show.text(context.style.bold(seriesLabel(id)))
  for (const gap of coverage.gaps) {
    const hours = (gap.to - gap.from) / 3_600_000
    await show.text(`  gap of ${formatCount(gap.count ?? 0)} candles (${hours} h): ${explainGap(gap)}`)
  }
  for (const check of coverage.checks.filter(({ outcome }) => outcome !== 'verified')) {
    await show.text(
      `  ${check.outcome}: ${check.path.slice(check.path.lastIndexOf('/') + 1)}${check.note ? `; ${check.note}` : ''}`,
    )
  }
  if (id.symbol === 'BTCUSDT' && id.market === 'spot') {
    for (const line of renderHeatMap(buildHeatMap(grid, coverage.covered, coverage.gaps), context.style))
      await show.text(`  ${line}`)
  }
}
