import { describe, expect, it } from 'vitest'
import type { SelectedSymbol, SymbolSelection } from '../../src/engine/select-symbols.ts'
import { InvalidRangeError, InvalidSymbolError } from '../../src/model/errors.ts'
import { Bench, seriesOf } from './help.ts'

const bench = new Bench()
const NOW = Date.UTC(2023, 3, 10, 12)
const NAMES = ['BTCUSDT', 'ETHUSDT', 'ETHBTC', 'SRMUSDT', 'NANOUSDT', 'XNOUSDT', 'BTCUSD_PERP', 'BTCUSD_210625']

async function select(selection: SymbolSelection): Promise<readonly SelectedSymbol[]> {
  return bench.manager().symbols(selection)
}

const names = async (selection: SymbolSelection): Promise<string[]> =>
  (await select(selection)).map(({ symbol }) => symbol).sort()

describe('a selection of symbols', () => {
  it('names them as they are, and by patterns', async () => {
    await bench.start({ now: NOW, symbols: NAMES })
    expect(await select({ symbols: ['btc/usdt', 'ETH*'] })).toEqual([
      { market: 'spot', symbol: 'BTCUSDT', by: 'btc/usdt' },
      { market: 'spot', symbol: 'ETHBTC', by: 'ETH*', isListed: true },
      { market: 'spot', symbol: 'ETHUSDT', by: 'ETH*', isListed: true },
    ])
    expect(await names({ symbols: ['*USDT', 'BTCUSDT'] })).toEqual(['BTCUSDT', 'ETHUSDT', 'XNOUSDT'])
    expect(await names({ symbols: ['cm:*'] })).toEqual(['BTCUSD_PERP'])
    expect(await names({ symbols: ['*'], quote: 'BTC' })).toEqual(['ETHBTC'])
    expect(await names({ quote: ['usdt'] })).toEqual(['BTCUSDT', 'ETHUSDT', 'XNOUSDT'])
    expect(await names({})).toEqual([])
  })

  it('takes in what was delisted: with ALL, or where that is said', async () => {
    await bench.start({ now: NOW, symbols: NAMES })
    const every = ['BTCUSDT', 'ETHBTC', 'ETHUSDT', 'NANOUSDT', 'SRMUSDT', 'XNOUSDT']
    expect(await names({ symbols: ['ALL'] })).toEqual(every)
    expect(await names({ symbols: ['ALL'], delisted: false })).toEqual(['BTCUSDT', 'ETHBTC', 'ETHUSDT', 'XNOUSDT'])
    expect(await names({ symbols: ['*'], delisted: true })).toEqual(every)
    expect(await names({ symbols: ['all'], quote: 'USDT' })).toEqual(every.filter((name) => name !== 'ETHBTC'))
    const gone = (await select({ symbols: ['ALL'] })).filter(({ isListed }) => isListed === false)
    expect(gone.map(({ symbol }) => symbol)).toEqual(['NANOUSDT', 'SRMUSDT'])
    expect(await names({ symbols: ['ALL'], market: 'coinm' })).toEqual(['BTCUSD_210625', 'BTCUSD_PERP'])
  })

  it('takes in what was delisted for ranges in which it traded', async () => {
    await bench.start({ now: NOW, symbols: NAMES })
    const within = (from: string, to: string) => ({ range: { from: Date.parse(from), to: Date.parse(to) } })
    const gone = async (from: string, to: string): Promise<string[]> =>
      (await select({ symbols: ['ALL', 'cm:ALL'], ...within(from, to) }))
        .filter(({ isListed }) => isListed === false)
        .map(({ symbol }) => symbol)
    expect(await gone('2022-03-01', '2022-05-01')).toEqual(['SRMUSDT'])
    expect(await gone('2021-05-01', '2021-05-03')).toEqual(['NANOUSDT', 'SRMUSDT', 'BTCUSD_210625'])
    expect(await gone('2023-01-01', '2023-02-01')).toEqual([])
  })

  it('leaves out what can have nothing of a kind: contracts that end on a date pay no funding', async () => {
    const dated = ['BTCUSD_PERP', 'BTCUSD_210625', 'BTCUSD_230630', 'ETHUSD_PERP']
    await bench.start({ now: NOW, symbols: dated })
    const funding = { symbols: ['ALL'], market: 'coinm', kind: 'fundingRate' } as const
    expect(await names(funding)).toEqual(['BTCUSD_PERP', 'ETHUSD_PERP'])
    expect(await names({ ...funding, kind: 'candle' })).toEqual(dated.toSorted())
    await expect(select({ ...funding, symbols: ['*_23*'] })).rejects.toThrow(
      'None of the 1 symbols of *_23* can have fundingRate.',
    )
    const named = { ...seriesOf('BTCUSD_230630', '1m', 'coinm'), kind: 'fundingRate' }
    const { interval: _, ...series } = named
    expect(await bench.manager().firstAvailable(series)).toBeUndefined()
  })

  it('says what comes near where nothing matches', async () => {
    await bench.start({ now: NOW, symbols: NAMES })
    const failure = async (selection: SymbolSelection): Promise<InvalidSymbolError | InvalidRangeError> =>
      select(selection).then(
        () => expect.fail('nothing was thrown'),
        (error) => error,
      )
    const ending = await failure({ symbols: ['*USTD'] })
    expect(ending).toBeInstanceOf(InvalidSymbolError)
    expect((ending as InvalidSymbolError).suggestions).toEqual(['*USDT'])
    expect(((await failure({ symbols: ['BTT*'] })) as InvalidSymbolError).suggestions[0]).toBe('BTC*')
    const quote = await failure({ quote: 'USTD' })
    expect(quote).toBeInstanceOf(InvalidRangeError)
    expect(quote.message).toMatch(/priced in USTD. Did you mean USDT\?/)
    expect((await failure({ symbols: ['BTC*'], quote: 'BTC' })).message).toMatch(/None of the 1 symbols of BTC\*/)
  })

  it('goes by the archive where REST does not answer', async () => {
    const sandbox = await bench.start({ now: NOW, symbols: NAMES })
    sandbox.addFaults([{ type: 'http-error', status: 503, match: { path: '^/api' } }])
    expect(await names({ symbols: ['*USDT'] })).toEqual(['BTCUSDT', 'ETHUSDT', 'NANOUSDT', 'SRMUSDT', 'XNOUSDT'])
    sandbox.addFaults([{ type: 'http-error', status: 503 }])
    await expect(select({ symbols: ['*USDT'] })).rejects.toThrow(/503/)
  })

  it('of a renamed coin begins where its first name did', async () => {
    await bench.start({ now: NOW, symbols: NAMES })
    const series = { exchange: 'binance', market: 'spot', kind: 'candle', symbol: 'XNOUSDT', interval: '1d' } as const
    expect(await bench.manager().firstAvailable(series)).toBe(Date.UTC(2020, 2, 1))
  })
})
