import { randomBytes } from 'node:crypto'
import { access, constants, mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { availableParallelism, freemem, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { isTicklakeError } from '../../model/errors.ts'
import { type Setting, settingEntries } from '../config/settings.ts'
import type { Context } from '../context.ts'
import { formatBytes } from '../render/text.ts'
import { exchangeChecks } from './exchange.ts'
import { budgetCheck, parallelCheck } from './sharing.ts'

/** One finding of `ticklake doctor`. */
export interface Check {
  readonly group: string
  readonly name: string
  /** `info` only tells. */
  readonly state: 'ok' | 'warn' | 'fail' | 'info'
  readonly detail: string
  /** What to do about it. */
  readonly todo?: string
}

const OLDEST_NODE = [20, 18, 1] as const
const LITTLE_MEMORY = 1e9
const LITTLE_SPACE = 2e9

/** Every check in order, each as soon as its result is there. */
export async function* runChecks(context: Context, options: { offline?: boolean }): AsyncGenerator<Check, void, void> {
  yield* machineChecks()
  yield* moduleChecks()
  yield await cacheCheck()
  const dataDir = yield* settingChecks(context)
  if (dataDir === undefined) return
  yield await parallelCheck(context)
  yield await budgetCheck(context)
  yield* lakeChecks(dataDir, context)
  if (!options.offline) yield* exchangeChecks(context)
}

function* machineChecks(): Generator<Check, void, void> {
  const group = 'Machine'
  const version = process.versions.node.split('.').map(Number)
  const older = OLDEST_NODE.findIndex((part, index) => (version[index] ?? 0) !== part)
  const tooOld = older >= 0 && (version[older] ?? 0) < OLDEST_NODE[older]!
  yield {
    group,
    name: 'Node.js',
    state: tooOld ? 'fail' : 'ok',
    detail: `${process.versions.node} on ${process.platform} ${process.arch}`,
    ...(tooOld ? { todo: `Install Node.js ${OLDEST_NODE.join('.')} or newer.` } : {}),
  }
  yield { group, name: 'cores', state: 'ok', detail: String(availableParallelism()) }
  const free = freemem()
  yield {
    group,
    name: 'memory',
    state: free < LITTLE_MEMORY ? 'warn' : 'ok',
    detail: `${formatBytes(free)} free of ${formatBytes(totalmem())}`,
    ...(free < LITTLE_MEMORY ? { todo: 'Downloads need up to 300 MB; close other programs if they are slow.' } : {}),
  }
}

async function* moduleChecks(): AsyncGenerator<Check, void, void> {
  const group = 'Native modules'
  const loaders: readonly (readonly [name: string, use: string, load: () => Promise<string>])[] = [
    [
      '@duckdb/node-api',
      'Parquet files and SQL',
      async () => {
        const { connectDuck } = await import('../../store/lake/duckdb.ts')
        using connection = await connectDuck()
        const result = await connection.runAndReadAll('SELECT version()')
        return `DuckDB ${String(result.getRows()[0]?.[0])}`
      },
    ],
    [
      'koffi',
      'locks and memory-mapped files',
      async () => {
        const { default: koffi } = await import('koffi')
        return `koffi ${koffi.version}`
      },
    ],
  ]
  for (const [name, use, load] of loaders) {
    try {
      yield { group, name, state: 'ok', detail: `${await load()}, for ${use}` }
    } catch (error) {
      yield {
        group,
        name,
        state: 'fail',
        detail: `does not load: ${(error as Error).message}`,
        todo: `Install again (npm ci) on this machine and platform; ${use} need it.`,
      }
    }
  }
}

async function cacheCheck(): Promise<Check> {
  const { mappingSupport } = await import('../../store/cache/mmap.ts')
  const { mapped, detail } = await mappingSupport()
  return { group: 'Native modules', name: 'cache', state: mapped ? 'ok' : 'info', detail }
}

/** Reads the settings and gives the lake's folder; undefined when they can't be used. */
async function* settingChecks(context: Context): AsyncGenerator<Check, string | undefined, void> {
  const group = 'Settings'
  try {
    const { settings, origins, configFile, dotenv } = await context.load()
    const { chosenExchange } = await import('../engine.ts')
    await chosenExchange(settings)
    const { loadPairs } = await import('../config/pairs.ts')
    const pairs = await loadPairs(settings, origins.get('download.pairs')?.from !== 'default')
    yield {
      group,
      name: 'config file',
      state: 'ok',
      detail: configFile === undefined ? 'none (ticklake init writes an example)' : context.shortPath(configFile),
    }
    yield { group, name: '.env', state: 'ok', detail: dotenv ? 'read' : 'none' }
    yield {
      group,
      name: 'pairs',
      state: 'ok',
      detail: `${pairs.pairs.length} pairs, ${pairs.intervals.join(', ')}, ${pairs.months} months (${pairs.from})`,
    }
    for (const { key, setting } of settingEntries()) {
      const origin = origins.get(key)!
      const usual = origin.from === 'default' || setting.type.show(origin.value) === showDefault(setting)
      if (usual && key !== 'data.dataDir') continue
      const value = origin.secret ? mask(String(origin.value)) : setting.type.show(origin.value)
      yield { group, name: key, state: 'info', detail: `${value} (${origin.from})` }
      if (origin.secret && configFile !== undefined && origin.from.endsWith('.yaml'))
        yield* secretFileCheck(configFile, key, context)
    }
    return settings.data.dataDir
  } catch (error) {
    if (!isTicklakeError(error)) throw error
    yield {
      group,
      name: 'settings',
      state: 'fail',
      detail: error.message,
      todo: 'Mend them; `ticklake init` in an empty folder shows every setting.',
    }
    return undefined
  }
}

function showDefault(setting: Setting<unknown>): string | undefined {
  return setting.default === undefined ? undefined : setting.type.show(setting.default)
}

async function* secretFileCheck(file: string, key: string, context: Context): AsyncGenerator<Check, void, void> {
  const { mode } = await stat(file)
  if (process.platform === 'win32' || (mode & 0o077) === 0) return
  yield {
    group: 'Settings',
    name: key,
    state: 'warn',
    detail: `stands in ${context.shortPath(file)}, which other users of this machine can read`,
    todo: `chmod 600 ${context.shortPath(file)}, or move it to .env.`,
  }
}

/** Enough of a secret to recognise it, too little to use it. */
export function mask(secret: string): string {
  return secret.length >= 16
    ? `${secret.slice(0, 3)}…${secret.slice(-2)} (${secret.length} letters)`
    : `set (${secret.length} letters)`
}

async function* lakeChecks(dataDir: string, context: Context): AsyncGenerator<Check, void, void> {
  const group = 'Lake'
  const name = context.shortPath(dataDir)
  const existing = await nearestFolder(dataDir)
  const isThere = existing === dataDir
  const info = await stat(existing)
  if (!info.isDirectory()) {
    yield { group, name: 'folder', state: 'fail', detail: `${name} is a file`, todo: 'Choose another --data-dir.' }
    return
  }
  const problem = await tryWrite(existing)
  yield {
    group,
    name: 'folder',
    state: problem === undefined ? 'ok' : 'fail',
    detail:
      problem === undefined
        ? `${name} ${isThere ? 'is writable' : 'does not exist yet and can be made'}`
        : `${name}: ${problem}`,
    ...(problem === undefined ? {} : { todo: 'Change the permissions, or choose another --data-dir.' }),
  }
  const { bavail, bsize } = await statfs(existing)
  const free = bavail * bsize
  yield {
    group,
    name: 'disk space',
    state: free < LITTLE_SPACE ? 'warn' : 'ok',
    detail: `${formatBytes(free)} free`,
    ...(free < LITTLE_SPACE
      ? { todo: 'Ten years of 1m candles of one symbol take about 250 MB, of 1s candles about 10 GB.' }
      : {}),
  }
  if (problem === undefined) yield await lockCheck(existing)
  if (!isThere) return
  const { Lake } = await import('../../store/lake/lake.ts')
  try {
    const lake = await Lake.open(dataDir)
    const series = await lake.list()
    let rows = 0
    let bytes = 0
    const damaged: string[] = []
    for (const id of series) {
      try {
        const stats = await lake.stats(id)
        rows += stats?.rows ?? 0
        bytes += stats?.bytes ?? 0
      } catch (error) {
        damaged.push((error as Error).message)
      }
    }
    yield {
      group,
      name: 'content',
      state: damaged.length === 0 ? 'ok' : 'fail',
      detail:
        damaged.length === 0
          ? `${series.length} series, ${rows.toLocaleString('en-US')} rows, ${formatBytes(bytes)}`
          : damaged.join('; '),
      ...(damaged.length === 0 ? {} : { todo: 'Run: ticklake verify --repair' }),
    }
  } catch (error) {
    if (!isTicklakeError(error)) throw error
    yield { group, name: 'content', state: 'fail', detail: error.message, todo: 'Run: ticklake verify --repair' }
  }
}

async function nearestFolder(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const found = await access(at, constants.F_OK).then(
      () => true,
      () => false,
    )
    if (found || dirname(at) === at) return at
  }
}

async function tryWrite(folder: string): Promise<string | undefined> {
  const probe = join(folder, `.ticklake-probe-${randomBytes(6).toString('hex')}`)
  try {
    await writeFile(probe, 'probe', { flag: 'wx' })
    return undefined
  } catch (error) {
    return `cannot be written (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`
  } finally {
    await rm(probe, { force: true }).catch(() => {})
  }
}

/** Whether one writer keeps another out on this file system: some network file systems do not. */
async function lockCheck(folder: string): Promise<Check> {
  const group = 'Lake'
  const probe = join(folder, `.ticklake-probe-${randomBytes(6).toString('hex')}`)
  const { lockFile } = await import('../../store/lake/lock.ts')
  try {
    await mkdir(probe)
    const path = join(probe, 'lock')
    await using _first = await lockFile(path, { waitMs: 0 })
    const second = await lockFile(path, { waitMs: 0 }).catch(() => undefined)
    if (second === undefined) return { group, name: 'locks', state: 'ok', detail: 'one writer keeps another out' }
    await second[Symbol.asyncDispose]()
    return {
      group,
      name: 'locks',
      state: 'fail',
      detail: 'this file system does not keep a second writer out',
      todo: 'Put the lake on a local disk.',
    }
  } catch (error) {
    return {
      group,
      name: 'locks',
      state: 'fail',
      detail: (error as Error).message,
      todo: 'Put the lake on a local disk.',
    }
  } finally {
    await rm(probe, { recursive: true, force: true }).catch(() => {})
  }
}
