import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Lake } from '../../src/store/lake/lake.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { runHere } from './bin.ts'
import { candles, seriesOf } from './lake.ts'

let folder: TempFolder
beforeEach(async () => {
  folder = await tempFolder('usage')
})
afterEach(() => folder[Symbol.asyncDispose]())

// Nobody listens there: what is refused is refused before anybody is asked.
const here = (...args: string[]) => runHere([...args, '--endpoint', 'http://127.0.0.1:9'], { cwd: folder.path })

describe('wrong usage is refused before anything is done', () => {
  it.each([
    [['download', ''], 'names none'],
    [['download', ' , ', '--interval', '1d'], 'names none'],
    [['collect', ''], 'names none'],
    [['verify', '', '--repair'], 'names none'],
    [['archive', '', '--older-than', '90d', '--to', 'cold'], 'names none'],
    [['compact', ''], 'names none'],
    [['verify', '--keep'], '--keep goes with --archive'],
    [['archive', '--older-than', '90x', '--to', 'cold'], 'use an age such as 36h, 90d'],
    [['download', 'BTCUSDT', '--market', 'spot', '--kind', 'metrics'], 'There is no past metrics of spot'],
    [['download', 'BTCUSDT', '--market', 'spot', '--kind', 'markCandle'], 'There is no past markCandle of spot'],
  ])('%j', async (args, message) => {
    const lake = await Lake.open(folder.join('ticklake-data'))
    const series = seriesOf('BTCUSDT', '1h')
    const range = { from: Date.UTC(2024, 0, 1), to: Date.UTC(2024, 0, 2) }
    {
      await using writer = await lake.writer(series)
      await writer.commit({ batches: [candles('1h', range)], covered: [{ ...range, source: 'archive' }] })
    }
    const before = (await lake.coverage(series))!.revision
    const ran = await here(...args)
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([2, '', expect.stringContaining(message)])
    expect((await lake.coverage(series))!.revision).toBe(before)
    expect(await lake.list()).toEqual([series])
  })
})
