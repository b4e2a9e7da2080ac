import type { Endpoints } from '../../exchanges/exchange.ts'
import { isTicklakeError } from '../../model/errors.ts'
import type { Context } from '../context.ts'
import { chosenExchange, openEngine } from '../engine.ts'
import { formatCount, formatDuration } from '../render/text.ts'
import type { Check } from './checks.ts'

const GROUP = 'Exchange'
const OFFLINE =
  'The lake works without it: query, export, coverage, stats. Check network, proxy and --endpoint for downloads.'
/** Requests that carry a time are refused when it is further off than this. */
const CLOCK_TOLERANCE_MS = 1_000
const PATIENCE_MS = 5_000

/** Reachability and clock. An exchange that can't be reached is a warning: the lake works without it. */
export async function* exchangeChecks(context: Context): AsyncGenerator<Check, void, void> {
  const settings = await context.settings()
  const exchange = await chosenExchange(settings)
  const { endpoint, restUrl, archiveUrl, testnet } = settings.exchange
  const endpoints: Endpoints = exchange.endpoints({
    testnet,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(restUrl === undefined ? {} : { restUrl }),
    ...(archiveUrl === undefined ? {} : { archiveUrl }),
  })
  const { BinanceClient } = await import('../../exchanges/binance/index.ts')
  const markets = settings.exchange.market === undefined ? exchange.markets : [settings.exchange.market]
  const patience = (): AbortSignal => AbortSignal.any([context.signal, AbortSignal.timeout(PATIENCE_MS)])
  await using engine = await openEngine(context, { attempts: 1, timeoutMs: PATIENCE_MS })
  let told = false
  const todo = (): { todo?: string } => {
    if (told) return {}
    told = true
    return { todo: OFFLINE }
  }
  for (const market of markets) {
    const name = `REST ${market}`
    const url = endpoints.rest[market]?.[0] ?? '?'
    try {
      const started = performance.now()
      const now = await engine.now(market, patience())
      const latency = performance.now() - started
      const left =
        engine.client instanceof BinanceClient
          ? engine.client.getRemainingRequests(1, market === 'spot' ? 'spot' : 'futures')
          : undefined
      const budget = left === undefined ? '' : `, ${formatCount(left)} of weight left this minute`
      yield { group: GROUP, name, state: 'ok', detail: `${url} answers in ${formatDuration(latency)}${budget}` }
      const offset = now - Date.now()
      const far = Math.abs(offset) > CLOCK_TOLERANCE_MS
      yield {
        group: GROUP,
        name: `clock ${market}`,
        state: far ? 'warn' : 'ok',
        detail: `this machine is ${formatDuration(Math.abs(offset))} ${offset > 0 ? 'behind' : 'ahead of'} the exchange`,
        ...(far
          ? { todo: 'Set the clock of this machine (NTP). History is not affected: ticklake goes by the exchange.' }
          : {}),
      }
    } catch (error) {
      context.signal.throwIfAborted()
      yield { group: GROUP, name, state: 'warn', detail: describe(error, url), ...todo() }
    }
  }
  if (endpoints.archiveList === undefined || !exchange.archive) {
    yield { group: GROUP, name: 'archive', state: 'info', detail: testnet ? 'the testnet has none' : 'none' }
    return
  }
  const { HttpClient } = await import('../../net/http.ts')
  await using http = new HttpClient({ timeoutMs: PATIENCE_MS })
  const folder = exchange.archive.symbolsFolder(exchange.markets[0]!, 'monthly')
  const url = `${endpoints.archiveList}?delimiter=/&max-keys=1&prefix=${encodeURIComponent(folder)}`
  try {
    const started = performance.now()
    await http.getBytes(url, { signal: patience(), maxBytes: 16 * 2 ** 20 })
    yield {
      group: GROUP,
      name: 'archive',
      state: 'ok',
      detail: `${endpoints.archive} answers in ${formatDuration(performance.now() - started)}`,
    }
  } catch (error) {
    context.signal.throwIfAborted()
    yield {
      group: GROUP,
      name: 'archive',
      state: 'warn',
      detail: describe(error, endpoints.archiveList),
      todo: OFFLINE,
    }
  }
}

function describe(error: unknown, url: string): string {
  if (isTicklakeError(error)) return error.message
  return error instanceof Error && error.name === 'TimeoutError'
    ? `${url} gives no answer in ${formatDuration(PATIENCE_MS)}`
    : `${url}: ${error instanceof Error ? error.message : String(error)}`
}
