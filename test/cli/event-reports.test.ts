import { expect, it } from 'vitest'
import { startSandbox } from '../../src/sandbox/index.ts'
import { tempFolder } from '../helpers/temp.ts'
import { runHere } from './bin.ts'

it('a download of events counts no candles', async () => {
  const faults = [{ type: 'bad-rows', kind: 'nan', match: { path: 'trades-2024-05-01' }, rows: 1 } as const]
  await using sandbox = await startSandbox({ now: '2024-06-01', symbols: ['BTCUSDT'], tradesPerSecond: 0.05, faults })
  await using folder = await tempFolder('event-reports')
  const range = ['--from', '2024-03-31', '--to', '2024-04-02', '--endpoint', sandbox.endpoint]
  const args = ['download', 'BTCUSDT', '--market', 'usdm', '--kind', 'liquidation', ...range]
  const { code, stdout, stderr } = await runHere(args, { cwd: folder.path })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^ {2}1 gap never published by the exchange$/m)
  expect(stdout + stderr).not.toContain('candle')
  const trades = ['download', 'BTCUSDT', '--kind', 'trade', '--from', '2024-05-31T22:00', '--to', '2024-05-31T23:00']
  const rest = await runHere([...trades, '--endpoint', sandbox.endpoint], { cwd: folder.path })
  expect(rest.code).toBe(0)
  expect(rest.stderr).toContain('BTCUSDT trade: fetching from REST')
  const day = ['--market', 'usdm', '--kind', 'trade', '--from', '2024-05-01', '--to', '2024-05-02']
  const garbled = await runHere(['download', 'BTCUSDT', ...day, '--endpoint', sandbox.endpoint], { cwd: folder.path })
  expect(garbled.code).toBe(3)
  expect(garbled.stdout).toMatch(/missing {2}2024-05-01 .*, 1 record: archive-defect/)
  expect(garbled.stdout).not.toContain('candle')
})
