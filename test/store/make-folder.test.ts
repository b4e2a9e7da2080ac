import { stat, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { makeFolder } from '../../src/store/lake/files.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { runHere } from '../cli/bin.ts'
import { tempFolder } from '../helpers/temp.ts'

describe('a folder is made', () => {
  it('with all that it lies in, and left as it is where it exists', async () => {
    await using folder = await tempFolder('folders')
    const deep = folder.join('a', 'b', 'c')
    await Promise.all([makeFolder(deep), makeFolder(deep), makeFolder(folder.join('a', 'b'))])
    await makeFolder(deep)
    await makeFolder('/')
    expect((await stat(deep)).isDirectory()).toBe(true)
  })

  it('or it is said what stands in the way', async () => {
    await using folder = await tempFolder('folders')
    await writeFile(folder.join('file'), '')
    await expect(makeFolder(folder.join('file'))).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(makeFolder(folder.join('file', 'in', 'it'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  // Node's own way of making folders never comes back from there.
  it.skipIf(process.platform !== 'linux')('or refused at once where there can be none', async () => {
    const refusal = 'no folder can be made in /proc: its file system takes none. Choose another place'
    await expect(makeFolder('/proc/lake/of/mine')).rejects.toThrow(`/proc/lake: ${refusal}`)
    const lake = await Lake.open('/proc/lake')
    const series = { exchange: 'binance', market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1m' } as const
    await expect(lake.writer(series)).rejects.toThrow(refusal)
    const run = await runHere(['init', '/proc/lake'], { cwd: '/' })
    expect(run).toMatchObject({ code: 1, stderr: `error: /proc/lake: ${refusal}\n` })
  })
})
