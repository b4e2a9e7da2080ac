import { resolve } from 'node:path'
import type { Collector } from '../../engine/live/collector.ts'
import type { CollectorReport, CollectorStatus } from '../../engine/live/collector-report.ts'
import type { ControlServer } from '../../engine/live/control.ts'
import { type Channel, channelKey, EVERY_SYMBOL, type LiveExchange } from '../../exchanges/stream.ts'
import { ConfigError } from '../../model/errors.ts'
import type { Log } from '../../model/log.ts'
import { KIND_WORDS } from '../collect/kinds.ts'
import { clientOptions, streamOptions } from '../collect/settings.ts'
import type { LiveView } from '../collect/view.ts'
import type { StatusWatch } from '../collect/watch.ts'
import { partsOfKey } from '../collect/words.ts'
import { span } from '../config/values.ts'
import type { Context } from '../context.ts'
import { chosenExchange } from '../engine.ts'
import { returnMemoryEarly } from '../memory.ts'
import { plural } from '../render/text.ts'
import { readIntervals } from '../select.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface CollectOptions {
  readonly symbols?: readonly string[]
  readonly kinds?: string
  readonly interval?: string
  readonly intervals?: readonly string[]
  readonly depth?: string
  readonly duration?: string
  readonly flush?: string
  readonly record?: string
  readonly report?: string
  readonly store: boolean
}

/** How often the collector is looked at for news, ms. */
const LOOK_MS = 250
/** A stream that brought nothing for this many of its paces, and for so long, was never there. */
const SILENT_PACES = 5
const SILENT_MS = 10_000

export const verb: Verb<CollectOptions> = {
  configure(command) {
    command
      .argument(
        '[symbols...]',
        'symbols in any spelling, or * for all of a market; without any, the pairs of the config',
      )
      .option('--symbols <list...>', 'more symbols')
      .option('--kinds <list>', `what to collect: ${KIND_WORDS.join(', ')} (default: candle,trade)`)
      .option('--interval <list>', 'intervals of candles, e.g. 1s,1m (default: DEFAULT_INTERVAL, 1m)')
      .option('--intervals <list...>', 'intervals, e.g. 1s 1m')
      .option('--depth <n>', 'levels per side that order books are started with (default: DEFAULT_DEPTH, 1000)')
      .option('--duration <time>', 'stop after this long, e.g. 90s, 8h (default: until Ctrl-C)')
      .option('--flush <time>', 'longest time that a record waits for the lake (default: 30s)')
      .option(
        '--record <file>',
        'write every raw frame too, into a new file, for ticklake sandbox --capture; gzipped if it ends in .gz',
      )
      .option('--report <file>', 'write the report here too')
      .option('--no-store', 'store nothing: watch, and record or report')
    command.addHelpText(
      'after',
      `
What is missed is fetched from REST: after a cut, and at the start what was missed since the last run. What no source can
give any more is a gap with its cause. depth collects book changes and keeps a book of each symbol right.
Ctrl-C and SIGTERM store everything and end. Then comes a short proof, and the whole report is in <data-dir>/.reports.
Exit codes: 0 complete, 1 failed, 2 wrong usage, 3 something is missing.
--json gives JSON lines: {"type":"event"…}, {"type":"status"…} every ten seconds, at last {"type":"report"…}.`,
    )
    examples(command, [
      ['ticklake collect BTCUSDT ETHUSDT --kinds trade,depth', 'trades and order books until Ctrl-C'],
      ['ticklake collect BTC/USDT:USDT --kinds trade,markPrice,liquidation', 'a USD-M perpetual'],
      ['ticklake collect BTCUSDT --kinds candle --interval 1s,1m --duration 1h', 'an hour of candles'],
      ['ticklake collect --market usdm "*" --kinds liquidation', 'every liquidation of a market'],
      ['ticklake collect BTCUSDT --kinds depth --record frames.ndjson.gz', 'raw frames too, to play them again'],
    ])
  },

  async run(context, operands, options) {
    readIntervals(options)
    const durationMs = readDuration(options.duration)
    const settings = await context.settings({
      'collect.kinds': options.kinds,
      'collect.depth': options.depth,
      'collect.flush': options.flush,
    })
    const exchange = await chosenExchange(settings)
    await returnMemoryEarly()
    const { planChannels } = await import('../collect/plan.ts')
    const log = await logOf(context)
    const client = { ...clientOptions(settings), log }
    const channels = await (async () => {
      await using asking = exchange.createClient(client)
      return await planChannels(context, exchange, asking, [...operands, ...(options.symbols ?? [])], options)
    })()

    const [{ Collector }, { createLiveView }, { StatusWatch, newsOfBook }, { newsOfEvent }] = await Promise.all([
      import('../../engine/live/collector.ts'),
      import('../collect/view.ts'),
      import('../collect/watch.ts'),
      import('../collect/words.ts'),
    ])
    const { dataDir, maxFileSize, compression } = settings.data
    const [{ serveControl }, { briefStatus }] = await Promise.all([
      import('../../engine/live/control.ts'),
      import('../../engine/live/json.ts'),
    ])
    const shown = await createLiveView(context)
    let control: ControlServer | undefined
    const view: LiveView = {
      everyMs: shown.everyMs,
      status: (status) => shown.status(status),
      news: (news) => {
        shown.news(news)
        for (const one of news) control?.emit(one)
      },
      close: () => shown.close(),
    }
    const watch = new StatusWatch()
    try {
      const collector = await Collector.open(
        {
          exchange: exchange.id,
          ...(options.store ? { dataDir } : {}),
          channels,
          client,
          stream: streamOptions(settings),
          lake: { maxFileSize, compression },
          flushMs: settings.collect.flush,
          snapshotMs: settings.collect.snapshots,
          bookDepth: settings.collect.depth,
          maxBackfill: settings.collect.maxBackfill,
          ...(options.record === undefined ? {} : { record: resolve(context.cwd, options.record) }),
          log,
          onEvent: (event) => view.news([newsOfEvent(event)]),
          onBook: (change) => view.news([newsOfBook(change)]),
        },
        context.signal,
      )
      await using _collector = collector
      control = options.store
        ? await serveControl(dataDir, {
            status: () => briefStatus(collector.status()),
            report: () => collector.report(),
            reconnect: () => collector.reconnect(),
          })
        : undefined
      await using _control = control
      const where = options.store ? `to ${context.shortPath(dataDir)}` : 'without storing'
      context.say(`Collecting ${plural(channels.length, 'stream')} ${where}; Ctrl-C ends it.`)
      const { alive, started } = await follow(context, collector, view, watch, {
        durationMs,
        canReconnect: settings.websocket.autoReconnect,
      })
      const silent = silentChannels(collector.status(), channels, exchange.live!, started)
      if (context.io.signal.aborted) context.say('Stopping: everything is put on disk. Ctrl-C again stops at once.')
      const report = await collector.stop()
      view.news(watch.news(report))
      view.close()
      await tellReport(context, report, silent, options.store ? dataDir : undefined, options.report)
      if (!alive) return ExitCode.failed
      return report.complete && silent.length === 0 ? ExitCode.done : ExitCode.incomplete
    } finally {
      view.close()
    }
  },
}

/** What the log would warn of is told as events anyway: it is for those who ask for it, or who want no events. */
async function logOf(context: Context): Promise<Log> {
  const { logLevel, logFile } = context.common
  if (logLevel !== undefined || logFile !== undefined || context.quiet) return await context.log()
  const { silentLog } = await import('../../model/log.ts')
  return silentLog
}

function readDuration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const type = span(1000, 400 * 86_400_000)
  const value = type.read(text)
  if (value === undefined) throw new ConfigError(`--duration is "${text}"; allowed: ${type.allowed}.`)
  return value
}

/**
 * Runs until the time is up or the user wants to stop. `alive` is false when nothing can come any more, `started` when the
 * exchange never took the subscriptions.
 */
async function follow(
  context: Context,
  collector: Collector,
  view: LiveView,
  watch: StatusWatch,
  options: { readonly durationMs: number | undefined; readonly canReconnect: boolean },
): Promise<{ readonly alive: boolean; readonly started: boolean }> {
  const { briefStatus } = await import('../../engine/live/json.ts')
  const stop = new AbortController()
  const signal = AbortSignal.any([context.signal, stop.signal])
  const end = performance.now() + (options.durationMs ?? Number.POSITIVE_INFINITY)
  let alive = true
  let started = false
  let shownAt = performance.now()
  const look = (): void => {
    if (performance.now() >= end) stop.abort()
    const status = collector.status()
    view.news(watch.news(status))
    if (!options.canReconnect && status.channels.length > 0 && status.channels.every(({ state }) => state === 'down')) {
      context.warn('every connection is lost, and websocket.autoReconnect is off.')
      alive = false
      stop.abort()
    }
    if (performance.now() - shownAt < view.everyMs) return
    shownAt = performance.now()
    view.status(briefStatus(status))
  }
  const timer = setInterval(look, LOOK_MS)
  try {
    await collector.start(signal)
    started = !signal.aborted
    await new Promise<void>((done) => whenAborted(signal, done))
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    clearInterval(timer)
  }
  // Who stops it at once has not waited for the streams.
  return { alive, started: started || context.signal.aborted }
}

function whenAborted(signal: AbortSignal, done: () => void): void {
  if (signal.aborted) done()
  else signal.addEventListener('abort', done, { once: true })
}

/** Streams that should have brought something by now and never did: refused, or acknowledged and silent. */
function silentChannels(
  status: CollectorStatus,
  channels: readonly Channel[],
  live: LiveExchange,
  started: boolean,
): string[] {
  const ranMs = status.at - status.startedAt
  const heard = new Set<string>()
  for (const { series, lastReceiveTime } of status.series) {
    if (!Number.isFinite(lastReceiveTime)) continue
    const { market, kind, symbol, interval } = partsOfKey(series)
    heard.add(channelOf(market, kind, symbol, interval)).add(channelOf(market, kind, EVERY_SYMBOL, undefined))
  }
  return channels.flatMap((channel) => {
    const pace = live.pace(channel)
    const isOverdue = ranMs >= Math.max(SILENT_MS, SILENT_PACES * (pace ?? 0))
    if (started && (pace === undefined || !isOverdue)) return []
    const { market, kind, symbol, interval } = channel
    return heard.has(channelOf(market, kind, symbol, interval)) ? [] : [channelKey(channel)]
  })
}

function channelOf(market: string, kind: string, symbol: string, interval: string | undefined): string {
  return `${market}/${kind}/${symbol}/${interval ?? ''}`
}

async function tellReport(
  context: Context,
  report: CollectorReport,
  silent: readonly string[],
  dataDir: string | undefined,
  file: string | undefined,
): Promise<void> {
  const { reportPath, writeReport } = await import('../collect/report-file.ts')
  const paths = [
    ...(dataDir === undefined ? [] : [reportPath(dataDir, report)]),
    ...(file === undefined ? [] : [resolve(context.cwd, file)]),
  ]
  for (const path of paths) await writeReport(path, report)
  if (context.json) {
    const { liveJson } = await import('../../engine/live/json.ts')
    await context.out.line(liveJson({ type: 'report', ...report, silent }))
    return
  }
  const { proofLines } = await import('../collect/proof.ts')
  for (const line of proofLines(report, silent, context.style)) await context.out.line(line)
  for (const path of paths) context.say(`The report is in ${context.shortPath(path)}`)
}
