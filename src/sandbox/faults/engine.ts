import { parseTime } from '../../model/time.ts'
import type { ArchiveFile } from '../archive/keys.ts'
import type { SandboxMarket } from '../market/listing.ts'
import type { Outage } from '../market/market.ts'
import { hash32 } from '../market/noise.ts'
import type { FaultSpec, FaultType } from './spec.ts'

/** What a fault may be matched against. */
export interface Request {
  readonly method: string
  /** Decoded path and query. */
  readonly path: string
  readonly market: SandboxMarket | undefined
  readonly symbol: string | undefined
  readonly interval: string | undefined
  /** Of the live part only. */
  readonly stream?: string
  readonly connection?: number
}

export type FaultOf<Type extends FaultType> = Extract<FaultSpec, { type: Type }>

/** A fault with its counters. */
export interface FaultEntry {
  readonly spec: FaultSpec
  readonly path: RegExp | undefined
  readonly stream: RegExp | undefined
  readonly index: number
  /** When it shows, on the exchange's clock. */
  readonly from: number
  readonly to: number
  /** Matching requests seen, and those that were hit. */
  seen: number
  hits: number
  /** Fetches per file and part, for the types that change a file together with its checksum. */
  readonly perFile: Map<string, number>
}

/** A fault as `GET /sandbox/faults` tells it. */
export type FaultState = FaultSpec & { readonly seen: number; readonly hits: number }

/** Types that change what an archive file holds; zip and checksum must tell one story. */
export const VARIANT_TYPES = [
  ...(['missing-rows', 'bad-rows', 'shuffled-rows', 'repeated-rows'] as const),
  ...(['blank-cells', 'rows-after-end', 'other-labels'] as const),
  ...(['republished', 'zip-bomb', 'zip-path-entry'] as const),
] as const
export type VariantFault = FaultOf<(typeof VARIANT_TYPES)[number]>

/** Decides which fault shows when. The same requests in the same order meet the same faults. */
export class FaultEngine {
  readonly #seed: number
  readonly #now: () => number
  #entries: FaultEntry[] = []
  #count = 0

  constructor(seed: number, now: () => number) {
    this.#seed = seed
    this.#now = now
  }

  add(specs: readonly FaultSpec[]): void {
    const now = this.#now()
    for (const spec of specs) {
      const { path, stream } = spec.match ?? {}
      this.#entries.push({
        spec,
        path: path === undefined ? undefined : new RegExp(path),
        stream: stream === undefined ? undefined : new RegExp(stream),
        index: this.#count++,
        ...spanOf(spec, now),
        seen: 0,
        hits: 0,
        perFile: new Map(),
      })
    }
  }

  clear(): void {
    this.#entries = []
  }

  /** All of them, in the order in which they were added. */
  entries(): readonly FaultEntry[] {
    return this.#entries
  }

  list(): FaultState[] {
    return this.#entries.map(({ spec, seen, hits }) => ({ ...spec, seen, hits }))
  }

  /** How far the told time is off now, in ms. */
  skew(market: SandboxMarket | undefined): number {
    let ms = 0
    for (const { spec } of this.#entries) {
      if (spec.type === 'clock-skew' && (spec.match?.market ?? market) === market) ms += spec.ms
    }
    return ms
  }

  outages(): Outage[] {
    return this.#entries.flatMap(({ spec }) => {
      if (spec.type !== 'outage') return []
      const market = spec.market ?? spec.match?.market
      const symbol = spec.symbol ?? spec.match?.symbol
      return {
        from: parseTime(spec.from),
        to: parseTime(spec.to),
        ...(market === undefined ? {} : { market }),
        ...(symbol === undefined ? {} : { symbol }),
      }
    })
  }

  /** The first fault of these types that hits the request, counted. */
  take<Type extends FaultType>(request: Request, ...types: readonly Type[]): FaultOf<Type> | undefined {
    for (const entry of this.#entries) {
      const { spec } = entry
      if (!(types as readonly FaultType[]).includes(spec.type) || !fits(entry, request)) continue
      if (this.isOn(entry) && this.hit(entry)) return spec as FaultOf<Type>
    }
    return undefined
  }

  isOn(entry: FaultEntry): boolean {
    const now = this.#now()
    return now >= entry.from && now < entry.to
  }

  /** Whether a fault hits something that fits it; counted. */
  hit(entry: FaultEntry): boolean {
    const { spec } = entry
    const turn = entry.seen++
    if (turn < (spec.after ?? 0) || entry.hits >= (spec.times ?? Number.POSITIVE_INFINITY)) return false
    if (spec.probability !== undefined) {
      if (hash32(hash32(this.#seed, entry.index), turn) / 0x100000000 >= spec.probability) return false
    }
    entry.hits++
    return true
  }

  /** Whether a file is left out of listings and answered with 404; `count` for a request for it. */
  missing(request: Request, file: ArchiveFile, count: boolean): boolean {
    for (const entry of this.#entries) {
      const { spec } = entry
      if (spec.type !== 'missing-file' || !fits(entry, request) || !isDated(spec, file)) continue
      if (count ? this.hit(entry) : entry.hits < (spec.times ?? Number.POSITIVE_INFINITY)) return true
    }
    return false
  }

  /** Whether the checksum of a file is left out of listings. */
  checksumMissing(request: Request): boolean {
    return this.#entries.some(
      (entry) =>
        entry.spec.type === 'missing-checksum' &&
        fits(entry, request) &&
        entry.hits < (entry.spec.times ?? Number.POSITIVE_INFINITY),
    )
  }

  /**
   * The fault that shapes the content of a file for this fetch of its zip or its checksum. The n-th fetch of either
   * meets the same content, so that the two agree whichever comes first. `count` tells a new fetch from the rest of one
   * (a range request), `peek` what the next one would get.
   */
  variant(
    request: Request,
    key: string,
    part: 'zip' | 'checksum',
    now: number,
    mode: 'count' | 'continue' | 'peek',
  ): VariantFault | undefined {
    for (const entry of this.#entries) {
      const { spec } = entry
      if (!isVariant(spec) || !fits(entry, request)) continue
      if (spec.type === 'republished' && spec.at !== undefined && now >= parseTime(spec.at)) continue
      const id = `${part}:${key}`
      const fetched = entry.perFile.get(id) ?? 0
      const turn = mode === 'continue' ? Math.max(0, fetched - 1) : fetched
      if (mode === 'count') {
        entry.perFile.set(id, fetched + 1)
        entry.seen++
      }
      const shown = turn - (spec.after ?? 0)
      if (shown < 0 || shown >= (spec.times ?? Number.POSITIVE_INFINITY)) continue
      if (spec.probability !== undefined && this.#drawn(entry, key) >= spec.probability) continue
      if (mode === 'count') entry.hits++
      return spec
    }
    return undefined
  }

  #drawn(entry: FaultEntry, key: string): number {
    let drawn = hash32(this.#seed, entry.index)
    for (let i = 0; i < key.length; i++) drawn = hash32(drawn, key.charCodeAt(i))
    return drawn / 0x100000000
  }
}

function isVariant(spec: FaultSpec): spec is VariantFault {
  return (VARIANT_TYPES as readonly FaultType[]).includes(spec.type)
}

function isDated(spec: FaultOf<'missing-file'>, file: ArchiveFile): boolean {
  if (spec.day === undefined && spec.month === undefined) return true
  const date = file.period === 'daily' ? spec.day : spec.month
  return date !== undefined && parseTime(date) === file.start
}

function spanOf(spec: FaultSpec, now: number): { from: number; to: number } {
  const { at, inMs, forMs } = spec as { at?: string | number; inMs?: number; forMs?: number }
  const from = at !== undefined && spec.type !== 'republished' ? parseTime(at) : inMs === undefined ? 0 : now + inMs
  return { from, to: forMs === undefined ? Number.POSITIVE_INFINITY : Math.max(from, now) + forMs }
}

/** Whether everything that a fault names fits. */
export function fits(entry: FaultEntry, request: Request): boolean {
  const match = entry.spec.match
  if (!match) return true
  if (entry.path && !entry.path.test(request.path)) return false
  if (match.market !== undefined && match.market !== request.market) return false
  if (match.symbol !== undefined && match.symbol !== request.symbol) return false
  if (entry.stream && (request.stream === undefined || !entry.stream.test(request.stream))) return false
  if (match.connection !== undefined && match.connection !== request.connection) return false
  if (match.interval !== undefined && archiveName(match.interval) !== archiveName(request.interval)) return false
  return match.method === undefined || match.method.toUpperCase() === request.method
}

function archiveName(interval: string | undefined): string | undefined {
  return interval === '1M' ? '1mo' : interval
}
