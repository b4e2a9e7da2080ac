import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Lake } from '../../src/store/lake/lake.ts'
import { runBin } from '../cli/bin.ts'
import { leftovers } from '../helpers/kills.ts'
import { tempFolder } from '../helpers/temp.ts'
import { Bench, request, seriesOf } from './help.ts'

const run = promisify(execFile)
const bench = new Bench()
const NOW = Date.UTC(2024, 2, 10, 0, 0, 30)
const FROM = '2024-01-20'
const TO = '2024-03-04'
const BTC = seriesOf('BTCUSDT', '5m')
const ETH = seriesOf('ETHUSDT', '5m')
const canMount = await tryMount()

/** Small file systems can be made by root only, and not in every container. */
async function tryMount(): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  await using folder = await tempFolder('mount')
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder.path])
    await run('umount', [folder.path])
    return true
  } catch {
    return false
  }
}

/** A file system of its own for the lake, as long as the test lasts. */
async function mounted(path: string, options: string): Promise<AsyncDisposable> {
  await mkdir(path, { recursive: true })
  await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path])
  return {
    async [Symbol.asyncDispose]() {
      await run('umount', ['-l', path])
    },
  }
}

const lakeFile = async (index = 0): Promise<string> => {
  const lake = await bench.manager().lake()
  return join(lake.folder(BTC), (await lake.coverage(BTC))!.files[index]!.name)
}

describe(`a disk ${canMount ? '' : '(skipped where no file system can be mounted: needs root)'}`, () => {
  it.skipIf(!canMount)(
    'that is full: a clear error, nothing torn, and the next run completes when there is space',
    async () => {
      await bench.start({ now: NOW })
      const path = bench.folder.join('lake')
      await using _disk = await mounted(path, 'size=700k')
      // Something else takes the space.
      await writeFile(join(path, 'ballast'), Buffer.alloc(480 * 1024))
      const reports = await bench.manager().download([request(BTC, FROM, TO), request(ETH, FROM, TO)])
      const failed = reports.filter((report) => report.error !== undefined)
      expect(failed.length).toBeGreaterThan(0)
      for (const report of failed) {
        expect(report.error).toMatch(/the disk is full\. Free some space/)
        expect(report.error).toContain(path)
        expect(report.complete).toBe(false)
      }
      for (const report of await bench.manager().verify([BTC, ETH])) expect(report.problems).toEqual([])
      const truth = new Set((await bench.truth(BTC, FROM, TO)).map((row) => row.join()))
      for (const row of await bench.stored(BTC)) expect(truth.has(row.join())).toBe(true)
      await rm(join(path, 'ballast'))
      await run('mount', ['-o', 'remount,size=64m', path])
      const next = await bench.manager().download([request(BTC, FROM, TO), request(ETH, FROM, TO)])
      expect(next.map((report) => [report.error, report.complete])).toEqual([
        [undefined, true],
        [undefined, true],
      ])
      await bench.expectTruth(BTC, FROM, TO)
      await bench.expectTruth(ETH, FROM, TO)
      expect(await leftovers(path)).toEqual([])
    },
  )

  it.skipIf(!canMount)(
    'that is full before files worth a partial copy arrive: the same error, and no copy',
    async () => {
      await bench.start({ now: NOW, tradesPerSecond: 0.2 })
      const path = bench.folder.join('lake')
      await using _disk = await mounted(path, 'size=64k')
      const minutes = seriesOf('BTCUSDT', '1m')
      const [full] = await bench.manager().download([request(minutes, '2024-01-01', '2024-02-01')])
      expect(full!.bytes).toBeGreaterThan(1024 * 1024)
      expect(full!.error).toContain(path)
      expect(full!.error).toMatch(
        /the disk is full\. Free some space, or choose another --data-dir; the next run goes on/,
      )
      expect((await readdir(path, { recursive: true })).filter((name) => /[.]part$/.test(name))).toEqual([])
      await run('mount', ['-o', 'remount,size=64m', path])
      const [next] = await bench.manager().download([request(minutes, '2024-01-01', '2024-02-01')])
      expect(next).toMatchObject({ complete: true })
      await bench.expectTruth(minutes, '2024-01-01', '2024-02-01')
    },
  )

  it.skipIf(!canMount)('that is read-only: a clear error, and what is there can be read', async () => {
    await bench.start({ now: NOW })
    const path = bench.folder.join('lake')
    await using _disk = await mounted(path, 'size=16m')
    await bench.download(BTC, FROM, '2024-02-01')
    await run('mount', ['-o', 'remount,ro', path])
    const [more, fresh] = await bench.manager().download([request(BTC, FROM, TO), request(ETH, FROM, TO)])
    for (const report of [more!, fresh!]) {
      expect(report.error).toMatch(/read-only\. Choose another --data-dir/)
      expect(report.error).toContain(path)
    }
    await bench.expectTruth(BTC, FROM, '2024-02-01')
    expect((await bench.manager().verify([BTC]))[0]!.ok).toBe(true)
  })

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'folder that we may not write: a clear error (skipped for root, who may)',
    async () => {
      await bench.start({ now: NOW })
      const path = bench.folder.join('lake')
      await mkdir(path)
      await chmod(path, 0o555)
      const report = await bench.download(BTC, FROM, TO)
      expect(report.error).toMatch(/permission denied\. Check the owner and mode/)
      await chmod(path, 0o755)
    },
  )
})

describe('a damaged data file', () => {
  const flip = async (path: string): Promise<void> => {
    const handle = await open(path, 'r+')
    const at = Math.floor((await handle.stat()).size / 2)
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, at)
    await handle.write(
      buffer.map((byte) => byte ^ 0xff),
      0,
      4,
      at,
    )
    await handle.close()
  }
  it.each<[string, string, (path: string) => Promise<void>]>([
    ['cut short', 'damaged-file', async (path) => truncate(path, Math.floor((await stat(path)).size / 2))],
    ['with flipped bytes', 'hash-mismatch', flip],
    ['that is gone', 'missing-file', (path) => rm(path)],
    ['that is another file', 'damaged-file', (path) => writeFile(path, 'PAR1 of sorts')],
  ])('%s is noticed by verify, and fetched again by --repair', async (_, type, damage) => {
    await bench.start({ now: NOW })
    await bench.download(BTC, FROM, TO)
    await damage(await lakeFile(1))
    const [noticed] = await bench.manager().verify([BTC])
    expect(noticed).toMatchObject({ ok: false, problems: [{ type, repaired: false }] })
    const [mended] = await bench.manager().verify([BTC], { repair: true })
    expect(mended).toMatchObject({ ok: true, problems: [{ type, repaired: true }] })
    await bench.expectTruth(BTC, FROM, TO)
    expect((await bench.manager().verify([BTC]))[0]).toMatchObject({ ok: true, problems: [] })
    expect((await bench.coverage(BTC)).gaps).toEqual([])
  })

  it('is not given up while nobody can be asked', async () => {
    const sandbox = await bench.start({ now: NOW })
    await bench.download(BTC, FROM, TO)
    const path = await lakeFile(0)
    await flip(path)
    const before = await readFile(path)
    sandbox.addFaults([{ type: 'http-error', status: 503 }])
    const [failed] = await bench.manager().verify([BTC], { repair: true })
    expect(failed).toMatchObject({ ok: false, problems: [{ type: 'hash-mismatch', repaired: false }] })
    expect(await readFile(path)).toEqual(before)
    sandbox.clearFaults()
    expect((await bench.manager().verify([BTC], { repair: true }))[0]).toMatchObject({ ok: true })
    await bench.expectTruth(BTC, FROM, TO)
  })

  it.each([
    ['the next verify still reports what is lost, and repairs it', true],
    ['the next download brings it', false],
  ])('that could not be fetched again stays on record: %s', async (_, byVerify) => {
    const sandbox = await bench.start({ now: NOW })
    await bench.download(BTC, FROM, TO)
    for (const index of [0, 1, 2]) await flip(await lakeFile(index))
    // The clock answers, the data does not.
    sandbox.addFaults([{ type: 'http-error', status: 503, match: { path: 'klines' } }])
    const [failed] = await bench.manager({ attempts: 2 }).verify([BTC], { repair: true })
    expect(failed!.ok).toBe(false)
    expect(failed!.problems.map((problem) => problem.repaired)).toEqual([false, false, false])
    expect(failed!.gaps.reduce((sum, gap) => sum + gap.count!, 0)).toBe(44 * 288)
    const [again] = await bench.manager().verify([BTC])
    expect(again).toMatchObject({ ok: false, problems: [{ type: 'not-covered', repaired: false }] })
    sandbox.clearFaults()
    if (byVerify) {
      const [mended] = await bench.manager().verify([BTC], { repair: true })
      expect(mended).toMatchObject({ ok: true, gaps: [], problems: [{ type: 'not-covered', repaired: true }] })
    } else expect((await bench.download(BTC, FROM, TO)).complete).toBe(true)
    await bench.expectTruth(BTC, FROM, TO)
    expect((await bench.manager().verify([BTC]))[0]).toMatchObject({ ok: true, problems: [] })
  })

  it.each([
    ['cut short', (text: string) => text.slice(0, text.length / 2)],
    ['empty', () => ''],
    ['of another form', () => '{"format":1,"files":"none"}'],
  ])('series.json that is %s is reported, and rebuilt from the data by --repair', async (_, damage) => {
    const sandbox = await bench.start({ now: NOW })
    await bench.download(BTC, FROM, TO)
    const path = join((await bench.manager().lake()).folder(BTC), 'series.json')
    await writeFile(path, damage(await readFile(path, 'utf8')))
    const report = await bench.download(BTC, FROM, TO)
    expect(report.error).toMatch(/series\.json.*verify --repair/)
    const [noticed] = await bench.manager().verify([BTC])
    expect(noticed).toMatchObject({ ok: false, problems: [{ type: 'damaged-coverage', repaired: false }] })
    const [mended] = await bench.manager().verify([BTC], { repair: true })
    expect(mended).toMatchObject({ ok: true, problems: [{ type: 'damaged-coverage', repaired: true }] })
    await bench.expectTruth(BTC, FROM, TO)
    sandbox.resetUsage()
    expect((await bench.download(BTC, FROM, TO)).complete).toBe(true)
    expect(sandbox.usage().archive.files).toBe(0)
  })

  it('stray files are told of and never read', async () => {
    await bench.start({ now: NOW })
    await bench.download(BTC, FROM, TO)
    const folder = (await bench.manager().lake()).folder(BTC)
    await copyFile(await lakeFile(0), join(folder, '2019-01.parquet'))
    await writeFile(join(folder, 'notes.txt'), 'mine')
    const [report] = await bench.manager().verify([BTC], { repair: true })
    expect(report).toMatchObject({ ok: true, problems: [{ type: 'stray-file', repaired: false }] })
    await bench.expectTruth(BTC, FROM, TO)
    expect(await readdir(folder)).toEqual(expect.arrayContaining(['2019-01.parquet', 'notes.txt']))
  })
})

describe('two processes', () => {
  it('that download the same series at once both succeed, and the lake holds the truth once', async () => {
    const sandbox = await bench.start({ now: NOW })
    const args = ['download', 'BTCUSDT', '--interval', '5m,1h', '--from', FROM, '--to', TO]
    const common = ['--endpoint', sandbox.endpoint, '--data-dir', bench.folder.join('lake')]
    const ran = await Promise.all([1, 2].map(() => runBin([...args, ...common], { cwd: bench.folder.path })))
    expect(
      ran.map(({ code }) => code),
      ran.map(({ stderr }) => stderr).join(),
    ).toEqual([0, 0])
    await bench.expectTruth(BTC, FROM, TO)
    await bench.expectTruth(seriesOf('BTCUSDT', '1h'), FROM, TO)
    expect((await bench.manager().verify([BTC]))[0]).toMatchObject({ ok: true, problems: [] })
    expect(await leftovers(bench.folder.join('lake'))).toEqual([])
    // Whoever came second waited, and found it done.
    const fetched = Object.entries(sandbox.usage().paths).filter(([path]) => path.endsWith('.zip'))
    expect(fetched.every(([, count]) => count === 1)).toBe(true)
  })

  it('of which one may not wait: it says who writes the series, and goes on with the others', async () => {
    await bench.start({ now: NOW })
    const lake = await Lake.open(bench.folder.join('lake'))
    await using _writer = await lake.writer(BTC)
    const [btc, eth] = await bench
      .manager({ lockWaitMs: 0 })
      .download([request(BTC, '2024-03-01', TO), request(ETH, '2024-03-01', TO)])
    expect(btc!.error).toMatch(new RegExp(`is being written by process ${process.pid} on .*Wait for it to finish`))
    expect(eth!.complete).toBe(true)
  })

  it('never show a reader half a change: what is read while another writes is a state that was', async () => {
    await bench.start({ now: NOW })
    const truth = new Map((await bench.truth(BTC, FROM, TO)).map((row) => [row[0]!, row.join()]))
    const download = bench.download(BTC, FROM, TO)
    let over = false
    void download.finally(() => {
      over = true
    })
    let reads = 0
    while (!over) {
      for (const row of await bench.stored(BTC)) expect(truth.get(row[0]!)).toBe(row.join())
      reads++
      await new Promise((done) => setTimeout(done, 10))
    }
    expect((await download).complete).toBe(true)
    expect(reads).toBeGreaterThan(1)
  })
})

it('what a series holds on disk is what its coverage says: sizes and hashes', async () => {
  await bench.start({ now: NOW })
  await bench.download(BTC, FROM, TO)
  const lake = await bench.manager().lake()
  for (const file of (await bench.coverage(BTC)).files) {
    const bytes = await readFile(join(lake.folder(BTC), file.name))
    expect([bytes.length, createHash('sha256').update(bytes).digest('hex')]).toEqual([file.bytes, file.sha256])
  }
})
