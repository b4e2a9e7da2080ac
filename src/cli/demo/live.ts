import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Collector } from '../../engine/live/collector.ts'
import type { CollectorStatus } from '../../engine/live/collector-report.ts'
import type { SeriesProof } from '../../engine/live/proof.ts'
import type { Channel } from '../../exchanges/stream.ts'
import { HttpError } from '../../model/errors.ts'
import { sleep } from '../../net/abort.ts'
import { proofLines } from '../collect/proof.ts'
import { newsLine } from '../collect/view.ts'
import { newsOfBook, StatusWatch } from '../collect/watch.ts'
import { type News, newsOfEvent } from '../collect/words.ts'
import { seriesLabel } from '../progress/state.ts'
import { formatCount, formatDuration, plural } from '../render/text.ts'
import type { DemoPart, Show } from './part.ts'
import { startSandboxProcess } from './sandbox-process.ts'

const CHANNELS: readonly Channel[] = [
  { market: 'spot', kind: 'trade', symbol: 'BTCUSDT' },
  { market: 'spot', kind: 'bookDelta', symbol: 'BTCUSDT' },
  { market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1s' },
]
const TRADES_PER_SECOND = 100
const BEFORE_MS = 2_500
const CUT_MS = 1_000
const AFTER_MS = 1_500
/** More than enough for everything to be right again after the cut. */
const LONGEST_MS = 15_000

/** Live collection: a cut of every connection, what it tore, and how that is mended; proved in the end. */
export const live: DemoPart = {
  title: 'Live: trades, order book and 1s candles, while every connection is cut for a second',

  async run(context, show) {
    const dataDir = context.common.dataDir ?? join(await mkdtemp(join(tmpdir(), 'ticklake-demo-')), 'live')
    await using sandbox = await startSandboxProcess(
      ['--trades-per-second', String(TRADES_PER_SECOND), '--symbols', 'BTCUSDT'],
      context.signal,
    )
    const { Collector } = await import('../../engine/live/collector.ts')
    const watch = new StatusWatch()
    const tell = (news: readonly News[]): void => {
      for (const { at, event, text, fields, tone } of news)
        if (text !== undefined)
          void show.result(
            'live-event',
            { event, at, ...plainFields(fields) },
            newsLine({ at, event, text, fields, tone }, { errStyle: context.style }),
          )
    }
    const collector = await Collector.open(
      {
        dataDir,
        channels: CHANNELS,
        client: { endpoint: sandbox.endpoint },
        stream: { reconnectDelayMs: 250, maxReconnectDelayMs: 1_000 },
        onEvent: (event) => tell([newsOfEvent(event)]),
        onBook: (change) => tell([newsOfBook(change)]),
      },
      context.signal,
    )
    const looking = setInterval(() => tell(watch.news(collector.status())), 100)
    let wasRepaired: boolean
    let report: Awaited<ReturnType<Collector['stop']>>
    try {
      await collector.start(context.signal)
      await sleep(BEFORE_MS, context.signal)
      await show.head(`Every connection is cut, and nobody may connect for ${formatDuration(CUT_MS)}`)
      const holes = holesOf(collector.status())
      await cut(sandbox.endpoint, context.signal)
      wasRepaired = await untilRepaired(collector, holes, context.signal)
      await sleep(AFTER_MS, context.signal)
    } finally {
      clearInterval(looking)
      report = await collector.stop()
    }
    tell(watch.news(report))

    await show.head('What the collector says of itself')
    for (const line of proofLines(report, [], context.style).slice(0, -1)) await show.text(line)

    await show.head('Proof: every record against what really happened on the exchange')
    const proofs = await prove(context, show, dataDir, sandbox.endpoint)
    const kept = proofs.filter(({ series }) => series.kind === 'trade' || series.kind === 'candle')
    const { isRight } = await import('../../engine/live/proof.ts')
    const ok = wasRepaired && proofs.every(isRight) && kept.every(({ lost, stored }) => lost === 0 && stored > 0)
    await show.text(`look at it: ticklake coverage --data-dir ${dataDir}`)
    await show.text('the real exchange: ticklake collect BTCUSDT --kinds trade,depth')
    await show.result('live', { ok, dataDir }, '')
    return ok
  },
}

async function cut(endpoint: string, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify([{ type: 'disconnect', refuseMs: CUT_MS, times: 1 }])
  const response = await fetch(new URL('/sandbox/faults', endpoint), { method: 'POST', body, signal })
  if (!response.ok) throw new HttpError(response.url, response.status, await response.text())
}

function holesOf(status: CollectorStatus): number {
  return status.series.reduce((sum, series) => sum + series.holesFound, 0)
}

/** Waits until the cut has been noticed, everything flows again and no hole is open. False when that never happens. */
async function untilRepaired(collector: Collector, holesBefore: number, signal: AbortSignal): Promise<boolean> {
  const end = performance.now() + LONGEST_MS
  while (performance.now() < end) {
    await sleep(100, signal)
    const status = collector.status()
    const flows = status.counters.lost > 0 && status.channels.every(({ state }) => state === 'live')
    const whole = holesOf(status) > holesBefore && status.series.every(({ missing }) => missing === 0)
    if (flows && whole && status.books.every(({ state }) => state === 'synced')) return true
  }
  return false
}

async function prove(
  context: Parameters<DemoPart['run']>[0],
  show: Show,
  dataDir: string,
  endpoint: string,
): Promise<SeriesProof[]> {
  const [{ isRight }, { proveLake }, { Lake }] = await Promise.all([
    import('../../engine/live/proof.ts'),
    import('../../engine/live/prove.ts'),
    import('../../store/lake/lake.ts'),
  ])
  const lake = await Lake.open(dataDir)
  const kinds = ['trade', 'bookDelta', 'bookSnapshot', 'candle']
  const series = (await lake.list()).filter(
    ({ market, symbol, kind, interval }) =>
      market === 'spot' && symbol === 'BTCUSDT' && kinds.includes(kind) && (interval ?? '1s') === '1s',
  )
  const proofs: SeriesProof[] = []
  for await (const proof of proveLake(lake, series, endpoint, context.signal)) {
    proofs.push(proof)
    const { series: id, problems, ...counts } = proof
    const lost =
      counts.lost === 0
        ? ''
        : `; ${formatCount(counts.lost)} of the cut are on record as a gap, for no exchange gives updates of books twice`
    const words = isRight(proof)
      ? context.style.green('all as it happened')
      : context.style.red(problems[0] ?? 'not what happened')
    const what =
      id.kind === 'bookSnapshot'
        ? `${plural(counts.books, 'book')} compared level by level, stored and rebuilt`
        : `${formatCount(counts.stored)} of ${formatCount(counts.truth)}`
    await show.result(
      'live-proof',
      { ...id, ...counts, equal: isRight(proof) },
      `${seriesLabel(id)}: ${what}, ${words}${lost}`,
    )
  }
  return proofs
}

/** Ids may be bigints, which JSON does not know. */
function plainFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]),
  )
}
