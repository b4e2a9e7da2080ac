import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { archiveTree } from './archive-tree.ts'
import { findRealData } from './real-data.ts'
import { recordedCandles, unzipOnly } from './recorded-candles.ts'

const tree = await archiveTree()

describe.skipIf(tree.skip)(`the archive tree of recorded data ${tree.skip ?? ''}`, () => {
  it('is laid out as the archive is, with a checksum beside each file', async () => {
    const folder = join(tree.path!, 'data', 'spot', 'monthly', 'klines', 'BTCUSDT', '1h')
    const names = await readdir(folder)
    const zips = names.filter((name) => name.endsWith('.zip'))
    expect(zips.length).toBeGreaterThan(30)
    expect(names.length).toBe(2 * zips.length)
    for (const name of zips) expect(names).toContain(`${name}.CHECKSUM`)
  })

  it('holds the recorded rows', async () => {
    const zip = await readFile(join(tree.path!, 'data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01.zip'))
    const lines = unzipOnly(zip).toString('utf8').trim().split('\n')
    const recorded = recordedCandles(findRealData()!).find(({ path }) => path.endsWith('BTCUSDT-1h-2025-01.csv'))!
    expect(lines.map((line) => line.split(','))).toEqual(recorded.rows())
  })

  it('is built once', async () => {
    expect(await archiveTree()).toBe(tree)
  })
})
