import { appendFile, readdir } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { describeError } from '../../src/cli/failure.ts'
import { DAY } from '../../src/model/time.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { canMakeDisks, smallDisk } from '../helpers/small-disk.ts'
import { tempFolder } from '../helpers/temp.ts'
import { runHere } from './bin.ts'
import { candles, START, seriesOf } from './lake.ts'

const disks = await canMakeDisks()
const HINT = 'The disk is full. Free some space, or use another folder; what was stored before is safe.\n'

it.skipIf(!disks)(
  'whatever is written to a disk that is full, the error says so, where, and what to do; nothing is left behind',
  async () => {
    await using folder = await tempFolder('full-disk')
    const lake = await Lake.open(folder.join('ticklake-data'))
    {
      await using writer = await lake.writer(seriesOf('BTCUSDT', '1m'))
      const range = { from: START, to: START + 30 * DAY }
      await writer.commit({ batches: [candles('1m', range)], covered: [{ ...range, source: 'archive' }] })
    }
    await using disk = await smallDisk(folder.join('full'), '8k')
    const exported = async (...args: string[]): Promise<void> => {
      const run = await runHere(['export', 'BTCUSDT', ...args], { cwd: folder.path })
      expect(run.code, args.join(' ')).toBe(1)
      expect(run.stderr, args.join(' ')).toContain(folder.join('full'))
      expect(run.stderr, args.join(' ')).toMatch(/could not be written|cannot be written/)
      expect(run.stderr.endsWith(HINT), run.stderr).toBe(true)
      expect(await readdir(folder.join('full'))).toEqual([])
    }
    for (const format of ['csv', 'csv.gz', 'json', 'parquet', 'arrow']) await exported('--out', `full/all.${format}`)
    // A lake says it in its own words, once.
    await appendFile(folder.join('full', 'ballast'), Buffer.alloc(64 * 1024)).catch(() => {})
    const other = await Lake.open(folder.join('full', 'lake'))
    const told = await other.writer(seriesOf('BTCUSDT', '1m')).then(() => undefined, describeError)
    expect(told).toMatchObject({ exitCode: 1, code: 'ENOSPC' })
    expect(told!.message).toMatch(
      /full\/lake.*: the disk is full\. Free some space, or choose another --data-dir.*on from here$/,
    )
    await disk.resize('16m')
    expect((await runHere(['verify'], { cwd: folder.path })).code).toBe(0)
  },
)
