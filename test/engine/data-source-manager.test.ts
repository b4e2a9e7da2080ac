import { describe, expect, it } from 'vitest'
import { DataSourceManager } from '../../src/engine/data-source-manager.ts'
import { ConfigError } from '../../src/model/errors.ts'
import { startSandbox } from '../../src/sandbox/index.ts'
import { tempFolder } from '../helpers/temp.ts'

describe('a manager that was closed', () => {
  it('says so at every call, whatever it had opened before', async () => {
    await using sandbox = await startSandbox({ now: Date.UTC(2025, 0, 20), symbols: ['BTCUSDT'], tradesPerSecond: 0.2 })
    await using folder = await tempFolder('closed')
    const used = new DataSourceManager({
      dataDir: folder.join('lake'),
      cacheDir: folder.join('cache'),
      endpoint: sandbox.endpoint,
    })
    const request = { symbol: 'BTCUSDT', interval: '1h', from: Date.UTC(2025, 0, 1), to: Date.UTC(2025, 0, 2) }
    expect((await used.getData(request)).numRows).toBe(24)
    const untouched = new DataSourceManager({ dataDir: folder.join('lake'), endpoint: sandbox.endpoint })
    for (const manager of [used, untouched]) {
      await manager.close()
      await manager.close()
      const series = manager.series(request)
      const calls: Record<string, () => unknown> = {
        'getData from the lake': () => manager.getData({ ...request, source: 'lake' }),
        'getData from REST': () => manager.getData({ ...request, source: 'rest' }),
        'getData from the archive': () => manager.getData({ ...request, source: 'archive' }),
        getData: () => manager.getData(request),
        getMany: () => manager.getMany({ ...request, symbols: ['BTCUSDT'] }),
        getDataBatches: () => manager.getDataBatches(request).next(),
        download: () => manager.download([{ series, from: request.from, to: request.to, source: 'auto' }]),
        prefetch: () => manager.prefetch(request),
        verify: () => manager.verify([series]),
        symbols: () => manager.symbols({ symbols: ['BTCUSDT'] }),
        firstAvailable: () => manager.firstAvailable(series),
        archivedSymbols: () => manager.archivedSymbols(),
        now: () => manager.now(),
        lake: () => manager.lake(),
        cache: () => manager.cache(),
        client: () => manager.client,
      }
      for (const [name, call] of Object.entries(calls)) {
        const error = await (async () => call())().catch((thrown: unknown) => thrown)
        expect(error, name).toBeInstanceOf(ConfigError)
        expect((error as Error).message, name).toBe('The DataSourceManager was closed. Make a new one.')
      }
    }
  })

  it.each([
    [{ datadir: 'lake' }, 'DataSourceManager has no option "datadir". Did you mean dataDir?'],
    [{ dataDir: 'lake', cachedir: 'cache' }, 'DataSourceManager has no option "cachedir". Did you mean cacheDir?'],
    [{ dataDir: 'lake', colour: 'red' }, 'has no option "colour". There are dataDir, cacheDir, '],
  ])('can not have been made with %j', (options, message) => {
    expect(() => new DataSourceManager(options as never)).toThrow(message)
  })

  it.each([undefined, 'BTCUSDT'])('says of getMany what its symbols are to be, given %j', async (symbols) => {
    await using manager = new DataSourceManager({ dataDir: 'lake' })
    const request = { symbols: symbols as never, interval: '1h', from: 0, to: 1, source: 'lake' } as const
    await expect(manager.getMany(request)).rejects.toThrow(`symbols is ${symbols}; use a list, e.g. ["BTCUSDT"].`)
  })

  it.each([0, 1.5, 101])('can not have been made for %d files at a time', (parallel) => {
    expect(() => new DataSourceManager({ dataDir: 'lake', parallel })).toThrow('use a whole number from 1 to 100.')
  })
})
