import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ArrowCache } from '../../../src/store/cache/arrow-cache.ts'
import { LakeCache } from '../../../src/store/cache/lake-cache.ts'
import { loadMapper, mappingSupport } from '../../../src/store/cache/mmap.ts'
import { makeBatch } from '../../helpers/candles.ts'
import { repositoryRoot } from '../../helpers/real-data.ts'
import { tempFolder } from '../../helpers/temp.ts'
import { Lake, seriesOf, store } from './help.ts'

const JAN = Date.UTC(2024, 0, 1)
const mapper = await loadMapper()

/** Runs a mode of process.mjs to its end. */
async function run(mode: string, ...args: readonly string[]): Promise<Record<string, number | boolean>> {
  if (!existsSync(join(repositoryRoot, 'dist', 'store', 'cache'))) throw new Error('dist/ is stale: npm run build')
  const script = join(import.meta.dirname, 'process.mjs')
  const child = spawn(process.execPath, ['--expose-gc', script, mode, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code, signal] = await new Promise<[number | null, string | null]>((done) =>
    child.on('close', (...end) => done(end)),
  )
  expect([code, signal], stderr).toEqual([0, null])
  return JSON.parse(stdout) as Record<string, number | boolean>
}

describe('processes that share a cache', () => {
  it('never crash and never read a wrong value while months are evicted, replaced, removed and collected under them', async () => {
    await using folder = await tempFolder('cache-torture')
    const lake = await Lake.open(folder.join('lake'))
    for (const [seed, symbol] of ['AUSDT', 'BUSDT', 'CUSDT'].entries())
      await store(lake, seriesOf('1m', symbol), [makeBatch('1m', JAN, 60_000, seed)])
    const runs = ['1', '2'].map((seed) => run('torture', folder.join('lake'), folder.join('cache'), seed))
    for (const { wrong, left, most, mapped } of await Promise.all(runs)) {
      expect(wrong).toBe(0)
      expect(mapped).toBe(mapper !== undefined)
      // Maps end once nothing can reach them; the collector may still find one on the stack.
      expect(left).toBeLessThanOrEqual(2)
      if (mapper) expect(most).toBeGreaterThan(5)
    }
  }, 90_000)
})

describe.runIf(process.platform === 'linux' && mapper !== undefined)('reading ten days of seconds', () => {
  it('takes no memory of its own: the columns are the file', async () => {
    await using folder = await tempFolder('cache-memory')
    const lake = await Lake.open(folder.join('lake'))
    const rows = 10 * 86_400
    await store(lake, seriesOf('1s'), [makeBatch('1s', JAN, rows)])
    await using cache = await ArrowCache.open(folder.join('cache'))
    await new LakeCache(lake, cache, { settleMs: 0 }).prefetch(seriesOf('1s'), { from: JAN, to: JAN + 1 })
    const { bytes, mapped, read, maps } = await run('memory', folder.join('lake'), folder.join('cache'))
    expect(bytes).toBe(rows * 11 * 8)
    expect(maps).toBeGreaterThan(0)
    expect(mapped).toBeLessThan(10e6)
    // The measure itself is right: where files are read, it shows.
    expect(read).toBeGreaterThan((bytes as number) * 0.9)
  }, 60_000)
})

describe('mappingSupport', () => {
  it('says whether files are mapped, and why not where they are not', async () => {
    const { mapped, detail } = await mappingSupport()
    expect(mapped).toBe(mapper !== undefined)
    expect(detail).toMatch(mapped ? /memory-mapped/ : /read into memory: \S/)
  })
})
