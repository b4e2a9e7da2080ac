import type { Table } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defineTransform, parseTransforms, TransformRegistry, transformRegistry } from '../../src/analysis/index.ts'
import { DataSourceManager } from '../../src/engine/data-source-manager.ts'
import { MINUTE } from '../../src/model/time.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'

const FROM = Date.UTC(2025, 0, 15)
const RANGE = { symbol: 'BTCUSDT', interval: '1m', from: FROM, to: FROM + 1000 * MINUTE } as const
const namesOf = (table: Table): string[] => table.schema.fields.map(({ name }) => name)
const valuesOf = (table: Table, name: string): number[] => Array.from(table.getChild(name)!, Number)

/** Needs the whole: what it adds depends on all rows. */
const share = defineTransform({
  type: 'column',
  name: 'share',
  inputs: ['volume'],
  outputs: ['share'],
  lookAhead: true,
  compute({ volume }) {
    const total = volume!.reduce((sum, value) => sum + value, 0)
    return volume!.map((value) => value / total)
  },
})

describe('transforms of getData', () => {
  let sandbox: Sandbox
  let folder: TempFolder
  let manager: DataSourceManager

  beforeAll(async () => {
    sandbox = await startSandbox({
      now: Date.UTC(2025, 0, 20, 12),
      symbols: ['BTCUSDT', 'ETHUSDT'],
      tradesPerSecond: 1,
    })
    folder = await tempFolder('transformed')
    const [change] = parseTransforms('change = close / prev(close) - 1')
    const transforms = new TransformRegistry().register({ ...change!, name: 'change' }).register(share)
    manager = new DataSourceManager({ dataDir: folder.path, endpoint: sandbox.endpoint, transforms })
  })
  afterAll(async () => {
    await manager[Symbol.asyncDispose]()
    await sandbox.close()
    await folder[Symbol.asyncDispose]()
  })

  it.each(['auto', 'lake', 'rest', 'archive'] as const)(
    'add columns by name, and drop rows, from %s',
    async (source) => {
      const plain = await manager.getData({ ...RANGE, source: source === 'lake' ? 'auto' : source })
      const transforms = ['change', ...parseTransforms('where change > 0')]
      const table = await manager.getData({ ...RANGE, source, transforms })
      expect(namesOf(table)).toEqual([...namesOf(plain), 'change'])
      const close = valuesOf(plain, 'close')
      const rows = close.map((_, row) => row).filter((row) => row > 0 && close[row]! > close[row - 1]!)
      expect(rows.length).toBeGreaterThan(100)
      expect(valuesOf(table, 'open_time')).toEqual(rows.map((row) => valuesOf(plain, 'open_time')[row]))
      expect(valuesOf(table, 'change')).toEqual(rows.map((row) => close[row]! / close[row - 1]! - 1))
      expect(table.schema.metadata.get('ticklake.complete')).toBe('true')
    },
  )

  it('read what they need and give what was asked for', async () => {
    const table = await manager.getData({ ...RANGE, columns: ['openTime'], transforms: ['change', 'share'] })
    expect(namesOf(table)).toEqual(['open_time', 'change', 'share'])
    expect(valuesOf(table, 'share').reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12)
    const replaced = await manager.getData({
      ...RANGE,
      columns: ['close', 'trades'],
      transforms: parseTransforms('trades = trades / 2'),
    })
    const plain = await manager.getData({ ...RANGE, columns: ['trades'] })
    expect(namesOf(replaced)).toEqual(['close', 'trades'])
    expect(valuesOf(replaced, 'trades')).toEqual(valuesOf(plain, 'trades').map((value) => value / 2))
  })

  it('are the same piece by piece, over the seams, and refuse what cannot be', async () => {
    const transforms = ['change', ...parseTransforms('slow = (close + prev(close, 7)) / 2\nwhere slow > close')]
    const whole = await manager.getData({ ...RANGE, transforms })
    const times: number[] = []
    const slow: number[] = []
    for await (const piece of manager.getDataBatches({ ...RANGE, transforms, batchRows: 64 })) {
      times.push(...valuesOf(piece, 'open_time'))
      slow.push(...valuesOf(piece, 'slow'))
    }
    expect(times).toEqual(valuesOf(whole, 'open_time'))
    expect(slow).toEqual(valuesOf(whole, 'slow'))
    const ahead = manager.getDataBatches({ ...RANGE, transforms: ['share'] })
    await expect(ahead.next()).rejects.toThrow('share')
  })

  it('work for many symbols', async () => {
    const { symbol: _, ...range } = RANGE
    const tables = await manager.getMany({ ...range, symbols: ['BTCUSDT', 'ETHUSDT'], transforms: ['change'] })
    for (const [symbol, table] of tables) {
      const one = await manager.getData({ ...range, symbol, transforms: ['change'] })
      expect(valuesOf(table, 'change')).toEqual(valuesOf(one, 'change'))
    }
    expect(tables.size).toBe(2)
  })

  it('tell what is wrong before anything is fetched', async () => {
    await expect(manager.getData({ ...RANGE, transforms: ['chnge'] })).rejects.toThrow('there are change, share')
    await expect(manager.getData({ ...RANGE, transforms: parseTransforms('a = b + 1') })).rejects.toThrow(
      'Unknown column "b"',
    )
    transformRegistry.register(share)
    try {
      await using other = new DataSourceManager({ dataDir: folder.path, endpoint: sandbox.endpoint })
      const table = await other.getData({ ...RANGE, source: 'lake', transforms: ['share'] })
      expect(namesOf(table)).toContain('share')
    } finally {
      transformRegistry.unregister('share')
    }
  })
})
