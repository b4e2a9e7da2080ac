import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts'
import { type TempFolder, tempFolder } from '../../helpers/temp.ts'
import { jsonLines, type Ran, runHere } from '../bin.ts'

describe('ticklake prove', () => {
  let sandbox: Sandbox
  let folder: TempFolder

  beforeAll(async () => {
    // Twenty seconds of the market in one: liquidations are rare.
    sandbox = await startSandbox({ tradesPerSecond: 20, speed: 20 })
    folder = await tempFolder('prove')
  })

  afterAll(async () => {
    await folder[Symbol.asyncDispose]()
    await sandbox.close()
  })

  const cli = (args: readonly string[], endpoint = sandbox.endpoint): Promise<Ran> =>
    runHere([...args, '--endpoint', endpoint], { cwd: folder.path })

  it('is no proof of anything where nothing is', async () => {
    const empty = await cli(['prove', '--data-dir', 'nothing'])
    expect(empty.stderr).toContain('The lake nothing holds nothing yet. Run: ticklake collect BTCUSDT')
    expect(empty.code).toBe(3)
  })

  it('compares liquidations with those that happened, and finds one that was changed', async () => {
    const symbols = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'BNBUSDT']
    const kept = ['--kinds', 'liquidation', '--market', 'usdm', '--duration', '4s', '--data-dir', 'liquidated']
    await cli(['collect', ...symbols, ...kept])
    const ran = await cli(['prove', '--data-dir', 'liquidated', '--json'])
    const proofs = jsonLines(ran.stdout)
    expect(proofs.length).toBeGreaterThan(0)
    for (const proof of proofs) {
      expect(proof).toMatchObject({ kind: 'liquidation', ok: true, truth: proof.stored })
      expect(proof.unproved).toBeUndefined()
    }
    expect(ran.code).toBe(0)
    // The same instants in another market.
    await using other = await startSandbox({ tradesPerSecond: 20, seed: 2, speed: 20 })
    const wrong = await cli(['prove', '--data-dir', 'liquidated'], other.endpoint)
    expect(wrong.stdout).toContain('The lake is not what happened.')
    expect(wrong.code).toBe(1)
  })

  it('asks of quotes of all symbols, which come every five seconds, that each is true', async () => {
    const kept = ['*', '--kinds', 'quote', '--market', 'usdm', '--duration', '3s', '--data-dir', 'sampled']
    expect((await cli(['collect', ...kept])).code).toBe(0)
    const ran = await cli(['prove', 'BTCUSDT', '--data-dir', 'sampled', '--json'])
    const [proof] = jsonLines(ran.stdout)
    expect(proof).toMatchObject({ kind: 'quote', ok: true, missing: 0, extra: 0, truth: proof!.stored })
    expect(proof!.stored).toBeGreaterThan(1)
    await using other = await startSandbox({ symbols: ['BTCUSDT'], seed: 2, speed: 20 })
    expect((await cli(['prove', 'BTCUSDT', '--data-dir', 'sampled'], other.endpoint)).code).toBe(1)
  })

  it('says of each series that cannot be read, and still proves the others', async () => {
    const kept = ['--kinds', 'trade,depth,quote', '--duration', '2s', '--data-dir', 'damaged']
    await cli(['collect', 'BTCUSDT', 'ETHUSDT', ...kept])
    await rm(folder.join('damaged', 'binance-spot', 'quote', 'ETHUSDT', 'series.json'))
    const of = (kind: string): string => folder.join('damaged', 'binance-spot', kind, 'BTCUSDT')
    const fileOf = async (kind: string): Promise<string> => {
      const name = (await readdir(of(kind))).find((one) => one.endsWith('.parquet'))
      return join(of(kind), name as string)
    }
    await rm(await fileOf('trade'))
    const deltas = await fileOf('bookDelta')
    await writeFile(deltas, (await readFile(deltas)).subarray(0, -100))
    const ran = await cli(['prove', '--data-dir', 'damaged'])
    expect(ran.stdout).toMatch(/^wrong {2}BTCUSDT trade: not read whole; .*the data file is missing/m)
    expect(ran.stdout).toMatch(/^wrong {2}BTCUSDT bookDelta: not read whole; .*the data could not be read/m)
    expect(ran.stdout).toMatch(/^wrong {2}ETHUSDT quote: not read whole; .*series\.json is missing/m)
    expect(ran.stdout).toMatch(/^spot +BTCUSDT +quote +([\d,]+) +\1 +0 +0 +0 +0 +0/m)
    expect(ran.stdout).toContain('The lake is not what happened.')
    expect(ran.code).toBe(1)
    const json = jsonLines((await cli(['prove', '--data-dir', 'damaged', '--json'])).stdout)
    expect(json.filter(({ ok }) => ok === false).map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['trade', 'bookDelta']),
    )
  })

  it('claims nothing of what is played from a capture', async () => {
    const kept = ['--kinds', 'trade', '--duration', '1s']
    await cli(['collect', 'BTCUSDT', ...kept, '--record', 'kept.ndjson', '--no-store'])
    await using player = await startSandbox({ seed: 5, capture: [folder.join('kept.ndjson')] })
    await cli(['collect', 'BTCUSDT', ...kept, '--data-dir', 'played'], player.endpoint)
    const ran = await cli(['prove', '--data-dir', 'played'], player.endpoint)
    expect(ran.stdout).toContain('BTCUSDT trade: not compared; the sandbox plays it from a capture')
    expect(ran.stdout).toContain('There was nothing to compare with, so nothing is proved.')
    expect(ran.code).toBe(3)
    const ask = new URL('/sandbox/truth?kind=trade&symbol=BTCUSDT&fromId=1&toId=2', player.endpoint)
    const answer = await fetch(ask)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: expect.stringMatching(/played from a capture/) })
  })
})
