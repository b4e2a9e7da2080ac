import { STREAM_OPTIONS } from '../../exchanges/stream.ts'
import { ConfigError } from '../../model/errors.ts'
import { assertKnownOptions, type OptionNames } from '../../model/options.ts'
import type { CollectorOptions } from './options.ts'

/** Least values of the numbers; those of `COUNTS` are whole. */
const LEAST = {
  flushMs: 1,
  flushRecords: 1,
  holdMs: 0,
  compactMs: 1,
  snapshotMs: 0,
  bookDepth: 5,
  maxBackfill: 0,
} as const satisfies Partial<Record<keyof CollectorOptions, number>>
const COUNTS: ReadonlySet<string> = new Set(['flushRecords', 'bookDepth', 'maxBackfill'])

/** Where the exchange is: options that other classes have at the top, and where they stand here. */
const PART_OF = { endpoint: 'client', restUrl: 'client', testnet: 'client', apiKey: 'client', wsUrl: 'stream' } as const

const OPTIONS: OptionNames<CollectorOptions> = {
  exchange: true,
  dataDir: true,
  channels: true,
  client: true,
  stream: true,
  lake: true,
  spool: true,
  flushMs: true,
  flushRecords: true,
  holdMs: true,
  compactMs: true,
  snapshotMs: true,
  bookDepth: true,
  resume: true,
  maxBackfill: true,
  backfill: true,
  record: true,
  log: true,
  onEvent: true,
  onBook: true,
}

/**
 * Refuses misspelt options, and numbers and folders that make no sense, before anything is opened: a collector that never
 * flushes, or flushes all the time, would look like one that works.
 * @param more options that `what` has beside those of a collector
 * @throws ConfigError naming the option and what it may be.
 */
export function assertOptions(
  options: Omit<CollectorOptions, 'channels'>,
  what = 'Collector',
  more: Readonly<Record<string, true>> = {},
): void {
  const { dataDir } = options as { readonly dataDir?: unknown }
  // An empty one would be the folder in which the program happens to run.
  if (dataDir !== undefined && (typeof dataDir !== 'string' || dataDir.trim() === '')) {
    throw new ConfigError(
      `dataDir is ${JSON.stringify(dataDir)}; use the path of a folder, or leave it out to store nothing.`,
    )
  }
  // Left alone, they would mean the real exchange to somebody who named another.
  for (const [name, part] of Object.entries(PART_OF)) {
    if (Object.hasOwn(options, name)) throw new ConfigError(`${name} stands in ${part}: { ${part}: { ${name} } }.`)
  }
  assertKnownOptions(what, options, { ...OPTIONS, ...more })
  if (options.stream) assertKnownOptions('stream', options.stream, STREAM_OPTIONS)
  for (const name of Object.keys(LEAST) as (keyof typeof LEAST)[]) {
    const value: unknown = options[name]
    if (value === undefined) continue
    const isCount = COUNTS.has(name)
    const fits = isCount ? Number.isSafeInteger(value) : typeof value === 'number' && !Number.isNaN(value)
    if (fits && (value as number) >= LEAST[name]) continue
    throw new ConfigError(
      `${name} is ${String(value)}; use ${isCount ? 'a whole number' : 'milliseconds'} from ${LEAST[name]}.`,
    )
  }
}
