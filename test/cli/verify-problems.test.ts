import { once } from 'node:events'
import { mkdir, open, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DAY } from '../../src/model/time.ts'
import { inspectFile } from '../../src/store/lake/inspect.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'
import { candles, START, seriesOf } from './lake.ts'

const SYMBOLS = ['ADAUSDT', 'BTCUSDT', 'ETHUSDT', 'SOLUSDT'] as const

describe('ticklake verify goes on behind what is wrong, and', () => {
  let folder: TempFolder
  let lake: Lake
  let endpoint: string
  /** An exchange that has no answer to anything. */
  const mute = createServer((_, response) => response.writeHead(404).end('{"code":-1000,"msg":"not now"}'))

  const pathOf = (symbol: string, index: number): Promise<string> =>
    lake
      .coverage(seriesOf(symbol, '1m'))
      .then((coverage) => join(lake.folder(seriesOf(symbol, '1m')), coverage!.files[index]!.name))

  beforeAll(async () => {
    await once(mute.listen(0, '127.0.0.1'), 'listening')
    endpoint = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`
    folder = await tempFolder('verify-problems')
    lake = await Lake.open(folder.join('ticklake-data'))
    const range = { from: START + 29 * DAY, to: START + 33 * DAY }
    for (const symbol of SYMBOLS) {
      await using writer = await lake.writer(seriesOf(symbol, '1m'))
      const covered = [{ ...range, source: 'archive' as const }]
      await writer.commit({ batches: [candles('1m', range)], covered })
    }
  })

  afterAll(async () => {
    mute.close()
    await folder[Symbol.asyncDispose]()
  })

  it('tells every file of every series', async () => {
    for (const index of [0, 1]) await rm(await pathOf('ADAUSDT', index))
    // The footer: without it nothing of the file can be read, though it is as long as it was.
    const file = await open(await pathOf('BTCUSDT', 0), 'r+')
    const { size } = await file.stat()
    await file.write(Buffer.alloc(1000, 7), 0, 1000, size - 1000)
    await file.close()
    const place = await pathOf('ETHUSDT', 0)
    await rm(place)
    await mkdir(place)
    await writeFile(join(place, 'notes.txt'), 'mine')
    const args = ['verify', '--compare', 'rest,archive', '--endpoint', endpoint, '--json']
    const run = await runHere(args, { cwd: folder.path })
    const found = jsonLines(run.stdout).map(({ symbol, problems }) => [
      symbol,
      (problems as { type: string; path: string }[]).map(({ type, path }) => `${type} ${path.split('/').at(-1)}`),
    ])
    expect(found).toEqual([
      ['ADAUSDT', ['missing-file 2024-01.parquet', 'missing-file 2024-02.parquet']],
      ['BTCUSDT', ['hash-mismatch 2024-01.parquet']],
      ['ETHUSDT', ['out-of-reach 2024-01.parquet']],
      // Sound; but the exchange did not answer.
      ['SOLUSDT', ['not-checked 1m']],
    ])
    expect(run.code).toBe(1)
    const text = await runHere(['verify'], { cwd: folder.path })
    expect(text.code).toBe(1)
    expect(text.stdout).toContain('something that is no file lies in its place')
    expect(text.stdout).toMatch(/SOLUSDT +1m +2 +5,760 .* ok/)
  })

  it('leaves what is not its own, though it is told to mend', async () => {
    const place = await pathOf('ETHUSDT', 0)
    const run = await runHere(['verify', 'ETHUSDT', '--repair', '--endpoint', endpoint], { cwd: folder.path })
    expect(run.code).toBe(1)
    expect(run.stderr).toContain('What is out of reach was left as it is')
    expect(await readdir(place)).toEqual(['notes.txt'])
  })

  it.skipIf(process.platform !== 'linux')('tells a file that the disk does not give', async () => {
    const series = seriesOf('SOLUSDT', '1m')
    const coverage = (await lake.coverage(series))!
    const [file] = coverage.files
    const other = await tempFolder('unreadable')
    // The memory at address 0 belongs to nobody.
    await symlink('/proc/self/mem', other.join(file!.name))
    expect(await inspectFile(other.path, { ...file!, bytes: 0 }, coverage)).toMatchObject({
      type: 'damaged-file',
      detail: expect.stringContaining('the disk reports an input/output error'),
    })
    await other[Symbol.asyncDispose]()
  })
})
