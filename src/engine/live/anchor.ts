import type { BaseDataClient } from '../../exchanges/exchange.ts'
import { sameId } from '../../model/live/ids.ts'
import type { LiveRecord, RecordId, TradeRecord } from '../../model/live/index.ts'
import type { Market } from '../../model/series.ts'
import { linkSignals } from '../../net/abort.ts'
import type { LiveSeries } from './live-series.ts'
import { DISORDER } from './renewal.ts'

/** A record that is known: its id, and when it happened, epoch ms. */
export interface Anchor {
  readonly id: RecordId
  readonly time: number
}

/** When a record of a page happened that has the anchor's id; undefined when the page has none. */
export function toldTime(page: readonly LiveRecord[], anchor: Anchor): number | undefined {
  const found = page.find((record) => sameId((record as TradeRecord).id, anchor.id))
  return found && (found as TradeRecord).time
}

/** Whether an id that was seen now means another record: the exchange began anew and has passed the id since. */
export function isOther(anchor: Anchor, told: number | undefined): told is number {
  return told !== undefined && Math.abs(told - anchor.time) > DISORDER
}

/** Asks the exchange for the record with a known id. Undefined when it does not give it. */
export async function askAnchor(
  client: BaseDataClient,
  series: LiveSeries,
  anchor: Anchor,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { market, symbol } = series.id
  const kind = series.kind as 'trade' | 'aggTrade'
  const pages = client.repair?.recordPages({ market, symbol, kind, firstId: anchor.id, lastId: anchor.id, signal })
  for await (const page of pages ?? []) {
    const told = toldTime(page, anchor)
    if (told !== undefined) return told
  }
  return undefined
}

/** Series of a market that are asked for before it is taken for the one that they came from. */
const SAMPLES = 3
/** How long a start waits for that, ms: what streams meanwhile bring of some kinds can not be had again. */
const PATIENCE_MS = 1500

/**
 * Looks, before anything new is taken in, whether the exchange is still the one that stored series came from: one that
 * was reset, or another one at the same address, may count higher by now, so that its ids look like the next ones.
 * What the exchange does not tell in time is found by the repair of the hole that the new ids leave.
 */
export async function proveResumed(
  all: Iterable<{ readonly series: LiveSeries }>,
  client: BaseDataClient,
  signal: AbortSignal | undefined,
): Promise<void> {
  const markets = new Map<Market, LiveSeries[]>()
  for (const { series: one } of all) {
    if (one.renewal || !one.isUnproved) continue
    one.isUnproved = false
    markets.set(one.id.market, [...(markets.get(one.id.market) ?? []), one])
  }
  const late = AbortSignal.timeout(PATIENCE_MS)
  const linked = linkSignals(signal, late)
  try {
    await Promise.all([...markets.values()].map((those) => proveMarket(those, client, linked.signal)))
  } finally {
    linked.release()
  }
  signal?.throwIfAborted()
}

async function proveMarket(series: readonly LiveSeries[], client: BaseDataClient, signal: AbortSignal): Promise<void> {
  const cheapFirst = series
    .filter(({ anchor }) => anchor !== undefined)
    .sort((a, b) => Number(b.kind === 'aggTrade') - Number(a.kind === 'aggTrade'))
  const ask = async (one: LiveSeries): Promise<'same' | 'other' | 'unknown'> => {
    const anchor = one.anchor as Anchor
    const told = await askAnchor(client, one, anchor, signal).catch(() => undefined)
    if (!isOther(anchor, told)) return told === undefined ? 'unknown' : 'same'
    one.contradicted(anchor, told)
    return 'other'
  }
  const samples = await Promise.all(cheapFirst.slice(0, SAMPLES).map(ask))
  if (!samples.includes('other')) return
  const rest: string[] = []
  for (let at = SAMPLES; at < cheapFirst.length; at += SAMPLES)
    rest.push(...(await Promise.all(cheapFirst.slice(at, at + SAMPLES).map(ask))))
  if (samples.includes('same') || rest.includes('same')) return
  // Nothing of it is what it was: then the ids of its books and quotes are others too, though nobody can be asked.
  const { renewal } = cheapFirst.find((one) => one.renewal !== undefined) ?? {}
  if (renewal) for (const one of series) if (!one.renewal) one.renew(renewal)
}
