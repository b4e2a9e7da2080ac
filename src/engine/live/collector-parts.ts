import { join } from 'node:path'
import type { BaseDataClient, Exchange } from '../../exchanges/exchange.ts'
import { exchangeOf } from '../../exchanges/index.ts'
import type { LiveExchange, RepairClient } from '../../exchanges/stream.ts'
import { ConfigError } from '../../model/errors.ts'
import { Lake } from '../../store/lake/lake.ts'
import { Spool } from '../../store/spool/index.ts'
import { assertOptions } from './assert-options.ts'
import type { CollectorOptions } from './options.ts'
import { type FrameRecorder, openRecorder, recordingRepair } from './recorder.ts'

/** Folder of a lake for what waits to get into it. */
export const SPOOL_FOLDER = '.spool'

/** What a collector works with, and has to close. */
export interface CollectorParts {
  readonly options: CollectorOptions
  readonly exchange: Exchange
  readonly live: LiveExchange
  readonly client: BaseDataClient
  readonly repair: RepairClient
  readonly lake: Lake | undefined
  readonly spool: Spool | undefined
  readonly recorder: FrameRecorder | undefined
}

/** Makes something of the parts of a collector, which are closed again when that fails. */
export async function withParts<T>(
  options: CollectorOptions,
  signal: AbortSignal | undefined,
  make: (parts: CollectorParts) => T,
): Promise<T> {
  const parts = await openParts(options, signal)
  try {
    return make(parts)
  } catch (error) {
    const { client, spool, recorder } = parts
    await Promise.allSettled([recorder, spool, client].map((part) => part?.[Symbol.asyncDispose]()))
    throw error
  }
}

/**
 * Opens what a collector needs, all of it or nothing.
 * @throws LakeLockedError when another collector has the lake, ConfigError for an exchange without streams and for an
 * option that makes no sense.
 */
async function openParts(options: CollectorOptions, signal: AbortSignal | undefined): Promise<CollectorParts> {
  signal?.throwIfAborted()
  assertOptions(options)
  const exchange = exchangeOf(options.exchange ?? 'binance')
  const { live } = exchange
  if (!live) throw new ConfigError(`${exchange.id} has no live side in ticklake.`)
  for (const channel of options.channels ?? []) live.checkChannel(channel)
  const log = options.log ? { log: options.log } : {}
  const opened: AsyncDisposable[] = []
  const keep = <T extends AsyncDisposable>(part: T): T => {
    opened.push(part)
    return part
  }
  try {
    const client = keep(exchange.createClient({ purpose: 'live', ...options.client, ...log }))
    const { repair } = client
    if (!repair) throw new ConfigError(`${exchange.id} has no REST calls to repair streams with.`)
    const lake =
      options.dataDir === undefined ? undefined : await Lake.open(options.dataDir, { ...options.lake, ...log })
    const spool = lake
      ? keep(
          await Spool.open(join(lake.dataDir, SPOOL_FOLDER), {
            ...options.spool,
            ...log,
            ...(signal ? { signal } : {}),
          }),
        )
      : undefined
    const recorder = options.record === undefined ? undefined : keep(await openRecorder(options.record))
    const asked = recorder ? recordingRepair(repair, recorder) : repair
    return { options, exchange, live, client, repair: asked, lake, spool, recorder }
  } catch (error) {
    await Promise.allSettled(opened.reverse().map((part) => part[Symbol.asyncDispose]()))
    throw error
  }
}
