import { type ListedFile, listFiles } from '../../archive/listing.ts'
import { dailyRanges } from '../../archive/plan.ts'
import type { ArchivePeriod, ArchiveSeries, RetryInfo } from '../../exchanges/exchange.ts'
import { InvalidRangeError, isTicklakeError } from '../../model/errors.ts'
import type { TimeRange } from '../../model/time.ts'
import type { DownloadContext } from './context.ts'

/** What the archive is asked with. */
export type ArchiveContext = Pick<DownloadContext, 'archive' | 'http' | 'attempts' | 'signal' | 'log'>

/** What the archive has of one series, as its listing tells. */
export class SeriesArchive {
  readonly #context: ArchiveContext
  readonly #series: ArchiveSeries
  readonly #onRetry: (retry: RetryInfo) => void
  /** First and last instant that the files of the last listing are about. */
  span: TimeRange | undefined
  /** Whether the archive has answered. */
  answered = false

  constructor(context: ArchiveContext, series: ArchiveSeries, onRetry: (retry: RetryInfo) => void) {
    this.#context = context
    this.#series = series
    this.#onRetry = onRetry
  }

  /** First instant that the archive has a file for. */
  async start(): Promise<number | undefined> {
    const whole = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }
    for (const period of ['monthly', 'daily'] as const) {
      const first = (await this.list(period, whole))[0]
      if (first) return first.from
    }
    return undefined
  }

  /** From the first file's start to the last one's end; undefined when there is no file at all. */
  async whole(): Promise<TimeRange | undefined> {
    const everything = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }
    const files = [...(await this.list('monthly', everything)), ...(await this.list('daily', everything))]
    if (files.length === 0) return undefined
    const [from, to] = [Math.min(...files.map((file) => file.from)), Math.max(...files.map((file) => file.to))]
    return { from, to }
  }

  /**
   * The files that may serve the wanted ranges; undefined when REST has to serve them.
   * @param mayAskRest whether the archive is not the only source that was asked for
   * @param restServes whether REST may be asked, and answers
   * @throws what the archive fails with, when nothing else can serve.
   */
  async listing(
    wanted: readonly TimeRange[],
    archiveUntil: number,
    { mayAskRest, restServes }: { readonly mayAskRest: boolean; readonly restServes: boolean },
  ): Promise<{ monthly: ListedFile[]; daily: ListedFile[] } | undefined> {
    const { archive, signal, log } = this.#context
    const { market, symbol, kind, interval } = this.#series
    if (!archive?.layout.has(this.#series)) {
      if (mayAskRest) return undefined
      const what = interval === undefined ? kind : `${interval} ${kind}s`
      throw new InvalidRangeError(`The archive has no ${what} of ${market}. Use --source rest.`)
    }
    try {
      const range = { from: wanted[0]!.from, to: Math.min(wanted.at(-1)!.to, archiveUntil) }
      const monthly = await this.list('monthly', range)
      const daily: ListedFile[] = []
      for (const days of dailyRanges(wanted, monthly, archiveUntil)) daily.push(...(await this.list('daily', days)))
      const all = [...monthly, ...daily]
      if (all.length > 0) {
        this.span = { from: Math.min(...all.map(({ from }) => from)), to: Math.max(...all.map(({ to }) => to)) }
      }
      return { monthly, daily }
    } catch (error) {
      // Without the archive REST can still serve; it is only slower. Whoever asked for the archive alone must know.
      if (signal?.aborted || !isTicklakeError(error) || !restServes) throw error
      log.warn(
        { market, symbol, kind, interval, error: error.message },
        'the archive can not be listed; REST is used instead',
      )
      return undefined
    }
  }

  /** Files of one period that overlap a range; none when the archive keeps nothing of the kind. */
  async list(period: ArchivePeriod, range: TimeRange): Promise<ListedFile[]> {
    const { archive, http, attempts, signal } = this.#context
    if (!archive?.layout.has(this.#series)) return []
    const onRetry = (retry: Omit<RetryInfo, 'what'>): void => this.#onRetry({ ...retry, what: 'the archive listing' })
    const files = await listFiles(
      { url: archive.listUrl, http, retry: { attempts, onRetry }, ...(signal ? { signal } : {}) },
      archive.layout,
      this.#series,
      period,
      range,
    )
    this.answered = true
    return files
  }
}
