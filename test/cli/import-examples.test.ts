import { createHash } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DAY, HOUR } from '../../src/model/time.ts'
import { zipOf } from '../../src/sandbox/archive/zip-writer.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { eventSeries, storeEvents, tradesFrom } from '../helpers/events.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { runHere } from './bin.ts'
import { START, seriesOf, storeSeries } from './lake.ts'

let folder: TempFolder
beforeEach(async () => {
  folder = await tempFolder('examples')
})
afterEach(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(args, { cwd: folder.path })

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(folder.join(path)), { recursive: true })
  await writeFile(folder.join(path), content)
}

/** The command lines that `--help` shows, as the shell would hand them over. */
async function examplesOf(verb: string): Promise<string[][]> {
  const lines = (await here(verb, '--help')).stdout
    .split('\n')
    .map((line) => /^\s+ticklake (.*?)(?: {2,}.*)?$/.exec(line)?.[1])
  const files = await readdir(folder.path)
  return lines
    .filter((line) => line !== undefined)
    .map((line) =>
      line
        .replace(/ > \S+$/, '')
        .split(' ')
        .flatMap((word) => (word.includes('*') ? files.filter((file) => matches(word, file)) : [word])),
    )
}

function matches(pattern: string, name: string): boolean {
  const [start = '', end = ''] = pattern.split('*')
  return name.startsWith(start) && name.endsWith(end)
}

/** A day of hourly or minutely candles as the archive has it. */
async function dayZip(path: string, start: number, step: number): Promise<void> {
  const rows = Array.from({ length: DAY / step }, (_, i) => {
    const open = start + i * step
    return `${open},100,101,99,100.5,1,${open + step - 1},100,3,0.5,50,0\n`
  })
  const name = path.split('/').at(-1)!
  const zip = await zipOf(name.replace('.zip', '.csv'), Buffer.from(rows.join('')))
  await put(path, zip)
  await put(`${path}.CHECKSUM`, `${createHash('sha256').update(zip).digest('hex')}  ${name}\n`)
}

describe('the examples of --help', () => {
  it('of import run, on such files', async () => {
    await dayZip('data/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01-01.zip', START, HOUR)
    await dayZip('BTCUSDT-1m-2024-01-01.zip', START, 60_000)
    await dayZip('BTCUSDT-1m-2024-01-02.zip', START + DAY, 60_000)
    const ohlcv = JSON.stringify([[START, 1, 2, 0.5, 1.5, 10]])
    await put('user_data/data/binance/ETH_USDT-1h.json', ohlcv)
    await put('candles.json', JSON.stringify([[START + 30 * DAY, 1, 2, 0.5, 1.5, 10]]))
    const time = Date.UTC(2024, 0, 31) * 1000
    const tardis = `exchange,symbol,timestamp,local_timestamp,id,side,price,amount\nbinance,BTCUSDT,${time},${time},1,buy,100,2\n`
    await put('binance_trades_2024-01-31_BTCUSDT.csv.gz', gzipSync(tardis))
    await storeEvents(await Lake.open(folder.join('other')), eventSeries('trade'), tradesFrom(100, 120))
    await here('export', 'BTCUSDT', '--kind', 'trade', '--data-dir', 'other', '--out', 'trades.parquet')
    const examples = await examplesOf('import')
    expect(examples.length).toBeGreaterThanOrEqual(6)
    for (const args of examples) expect([args, await here(...args)]).toMatchObject([args, { code: 0 }])
  })

  it('of export run, on such a lake', async () => {
    const lake = await Lake.open(folder.join('ticklake-data'))
    const january = { from: START, to: Date.UTC(2024, 1, 1) }
    await storeSeries(lake, seriesOf('BTCUSDT', '1m'), january)
    await storeSeries(lake, seriesOf('BTCUSDT', '1h'), january)
    await storeSeries(lake, seriesOf('BTCUSDT', '1d'), january)
    await storeSeries(lake, seriesOf('BTCUSDT', '1h', 'usdm'), january)
    const june = Date.UTC(2024, 5, 1, 12)
    await storeEvents(lake, eventSeries('trade'), tradesFrom(1, 50, june))
    const examples = await examplesOf('export')
    expect(examples.length).toBeGreaterThanOrEqual(6)
    for (const args of examples) {
      const { code, stderr } = await here(...args)
      expect([args, code, stderr]).toEqual([args, 0, stderr])
    }
  })
})
