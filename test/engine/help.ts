import { afterEach, beforeEach, expect } from 'vitest'
import { DataSourceManager, type DataSourceManagerOptions } from '../../src/engine/data-source-manager.ts'
import type { DownloadRequest, SeriesReport, SourceChoice } from '../../src/engine/types.ts'
import type { Interval } from '../../src/model/interval.ts'
import { type SeriesId, seriesKey } from '../../src/model/series.ts'
import { parseTime } from '../../src/model/time.ts'
import { type Sandbox, type SandboxMarket, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts'
import type { SeriesCoverage } from '../../src/store/lake/coverage-file.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { firstDifference, truthValues, valuesOf } from '../helpers/truth.ts'

export function seriesOf(symbol: string, interval: Interval, market: SandboxMarket = 'spot'): SeriesId {
  return { exchange: 'binance', market, kind: 'candle', symbol, interval }
}

/** A sandbox, a lake and a manager between them, anew for each test. */
export class Bench {
  #folder: TempFolder | undefined
  #sandbox: Sandbox | undefined
  readonly #managers: DataSourceManager[] = []

  constructor(prepare = true) {
    if (!prepare) return
    beforeEach(async () => {
      this.#folder = await tempFolder('engine')
    })
    afterEach(async () => {
      await this.close()
      await this.#folder?.[Symbol.asyncDispose]()
    })
  }

  async close(): Promise<void> {
    for (const manager of this.#managers.splice(0)) await manager[Symbol.asyncDispose]()
    await this.#sandbox?.[Symbol.asyncDispose]()
    this.#sandbox = undefined
  }

  get folder(): TempFolder {
    return this.#folder!
  }

  get sandbox(): Sandbox {
    return this.#sandbox!
  }

  async start(options: SandboxOptions = {}): Promise<Sandbox> {
    this.#sandbox = await startSandbox({ symbols: ['BTCUSDT', 'ETHUSDT'], tradesPerSecond: 0.02, ...options })
    return this.#sandbox
  }

  /** A manager of the lake; a new one knows nothing of what an earlier one saw. */
  manager(options: Partial<DataSourceManagerOptions> = {}): DataSourceManager {
    const manager = new DataSourceManager({
      dataDir: this.folder.join('lake'),
      endpoint: this.sandbox.endpoint,
      timeoutMs: 1000,
      stallMs: 300,
      attempts: 3,
      ...options,
    })
    this.#managers.push(manager)
    return manager
  }

  /** Downloads one series. */
  async download(
    series: SeriesId,
    from: string | number,
    to: string | number,
    options: { source?: SourceChoice; manager?: DataSourceManager } = {},
  ): Promise<SeriesReport> {
    const [report] = await (options.manager ?? this.manager()).download([
      request(series, from, to, options.source ?? 'auto'),
    ])
    return report!
  }

  async coverage(series: SeriesId): Promise<SeriesCoverage> {
    return (await (await this.manager().lake()).coverage(series))!
  }

  async stored(series: SeriesId): Promise<number[][]> {
    return valuesOf(await (await this.manager().lake()).load(series))
  }

  async flags(series: SeriesId): Promise<number[]> {
    const batch = await (await this.manager().lake()).load(series, { columns: ['flags'] })
    return [...batch.columns.flags!]
  }

  async truth(series: SeriesId, from: string | number, to: string | number): Promise<number[][]> {
    const { market, symbol, interval } = series
    const [start, end] = [parseTime(from), parseTime(to)]
    return truthValues(await this.sandbox.truthCandles(market as SandboxMarket, symbol, interval!, start, end))
  }

  /** The lake holds the truth of a range, and nothing else. */
  async expectTruth(series: SeriesId, from: string | number, to: string | number): Promise<void> {
    const truth = await this.truth(series, from, to)
    expect(truth.length).toBeGreaterThan(0)
    expect(firstDifference(await this.stored(series), truth), seriesKey(series)).toBeUndefined()
  }
}

export function request(
  series: SeriesId,
  from: string | number,
  to: string | number,
  source: SourceChoice = 'auto',
): DownloadRequest {
  return { series, from: parseTime(from), to: parseTime(to), source }
}

/** Requests for candles that a sandbox answered. */
export function klineRequests(sandbox: Sandbox): number {
  return Object.entries(sandbox.usage().paths)
    .filter(([path]) => path.endsWith('/klines'))
    .reduce((sum, [, count]) => sum + count, 0)
}
