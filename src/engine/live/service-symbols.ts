import type { BaseDataClient } from '../../exchanges/exchange.ts'
import { InvalidSymbolError } from '../../model/errors.ts'
import type { Log } from '../../model/log.ts'
import type { Market } from '../../model/series.ts'
import { abortError, linkSignals } from '../../net/abort.ts'

/** How long a subscription waits for the list of symbols, ms. The list itself may come later, for the next one. */
const PATIENCE_MS = 3000

/**
 * Asks the exchange whether it has a symbol: a stream of one that does not exist is acknowledged, and silent for ever.
 * While REST can not say in time, the symbol is taken at its word.
 * @throws InvalidSymbolError with the nearest symbols that exist; the signal's error.
 */
export async function assertListed(
  { market, symbol }: { readonly market: Market; readonly symbol: string },
  parts: { readonly client: BaseDataClient; readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  const { client, log, signal } = parts
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new DOMException(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS)
  const linked = linkSignals(signal, late.signal)
  try {
    await client.instrument(market, symbol, linked.signal)
  } catch (error) {
    if (signal.aborted) throw abortError(signal)
    if (error instanceof InvalidSymbolError) throw error
    log.warn({ market, symbol, err: error }, 'the exchange could not be asked whether it has this symbol')
  } finally {
    linked.release()
    clearTimeout(timer)
  }
}
