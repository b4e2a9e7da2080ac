import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type PQueue from 'p-queue'

/** DuckDB's own modules, loaded at first use: 70 MB that `--help` does not need. */
export interface DuckModules {
  readonly api: typeof import('@duckdb/node-api')
  readonly bindings: typeof import('@duckdb/node-bindings')
}

let modules: Promise<DuckModules> | undefined

export function loadDuck(): Promise<DuckModules> {
  modules ??= (async () => {
    const api = await import('@duckdb/node-api')
    const bindings = await import('@duckdb/node-bindings')
    return { api, bindings: bindings.default as unknown as DuckModules['bindings'] }
  })()
  return modules
}

let instance: Promise<DuckDBInstance> | undefined
let writing: Promise<DuckDBInstance> | undefined

/**
 * In-memory DuckDBs of the process. They only ever read and write Parquet files: a database file would lock every
 * other process out of the lake.
 */
async function createInstance(options: Readonly<Record<string, string>> = {}): Promise<DuckDBInstance> {
  const { api } = await loadDuck()
  return api.DuckDBInstance.create(':memory:', {
    // Extensions would be fetched over the network; all that is needed is built in.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    // Files are replaced under their names. Seen: within a second of that, DuckDB took blocks of the former file for the
    // new one's, and gave rows that were gone, "Out of buffer" or "ZSTD Decompression failure".
    enable_external_file_cache: 'false',
    ...options,
  })
}

async function connectTo(shared: Promise<DuckDBInstance>): Promise<DuckDBConnection & Disposable> {
  const connection = await (await shared).connect()
  await connection.run("SET TimeZone = 'UTC'")
  return Object.assign(connection, { [Symbol.dispose]: () => connection.closeSync() })
}

/** A connection of one's own, closed by its owner. Times are shown in UTC whatever the machine's zone. */
export async function connectDuck(): Promise<DuckDBConnection & Disposable> {
  instance ??= createInstance()
  return connectTo(instance)
}

/**
 * A connection for packing rows into files, each by one thread: several are packed at a time, beside the unpacking and
 * parsing of what follows. Where DuckDB splits a write among its threads, those wait for one another in busy loops:
 * measured, that is a third of the processor time of taking a day of trades in.
 */
export async function connectPacker(): Promise<DuckDBConnection & Disposable> {
  writing ??= createInstance({ threads: '1' })
  return connectTo(writing)
}

/** SQL text of a string. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** SQL text of an identifier. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Files written at a time, of candles and events together: each holds its rows a second time while DuckDB packs them. */
const WRITES = 2
let writeQueue: Promise<PQueue> | undefined

/** Runs one of the few writes that are allowed at a time. Never from within another one: both would wait for ever. */
export async function withWriteSlot<T>(work: () => Promise<T>): Promise<T> {
  writeQueue ??= import('p-queue').then(({ default: Queue }) => new Queue({ concurrency: WRITES }))
  return (await (await writeQueue).add(work)) as T
}

/** Writes what a query gives to a Parquet file, when there is a slot for it; the signal ends it at once. */
export async function copyToFile(sql: string, path: string, options: string, signal?: AbortSignal): Promise<void> {
  await withWriteSlot(async () => {
    signal?.throwIfAborted()
    using connection = await connectDuck()
    const stop = (): void => connection.interrupt()
    signal?.addEventListener('abort', stop)
    try {
      await connection.run(`COPY (${sql}) TO ${quote(path)} ${options}`)
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  })
}
