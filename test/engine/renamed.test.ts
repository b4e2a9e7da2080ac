import { describe, expect, it } from 'vitest'
import { formerSymbol, RENAMES } from '../../src/exchanges/binance/renames.ts'
import { DAY, HOUR } from '../../src/model/time.ts'
import { Bench, seriesOf } from './help.ts'

const bench = new Bench()
const NOW = Date.UTC(2022, 3, 10, 12, 0, 30)
const ENDED = Date.UTC(2022, 0, 24, 2)
const BEGAN = Date.UTC(2022, 0, 26, 8)
const NAMES = { symbols: ['NANOUSDT', 'XNOUSDT', 'BTCUSDT'], now: NOW }
const XNO = seriesOf('XNOUSDT', '1h')
const NANO = seriesOf('NANOUSDT', '1h')

async function stored(from: number, to: number): Promise<number[][]> {
  return (await bench.stored(XNO)).filter(([open]) => open! >= from && open! < to)
}

describe('a coin that was renamed', () => {
  it('is whole under its new name, and the coverage says which symbol was asked', async () => {
    await bench.start(NAMES)
    const from = Date.UTC(2021, 10, 1)
    const report = await bench.download(XNO, from, NOW)
    expect(report.error).toBeUndefined()
    expect(report.gaps).toMatchObject([{ from: ENDED, to: BEGAN, cause: 'delisted' }])
    expect(await stored(from, BEGAN)).toEqual(await bench.truth(NANO, from, BEGAN))
    expect(await stored(BEGAN, NOW)).toEqual(await bench.truth(XNO, BEGAN, NOW))
    const { covered, checks, listedAt } = await bench.coverage(XNO)
    const named = covered.map((range) => [range.from, range.to, range.symbol])
    expect(named[0]).toEqual([from, BEGAN, 'NANOUSDT'])
    expect(named.slice(1).every(([, , symbol]) => symbol === undefined)).toBe(true)
    expect(checks.filter(({ path }) => path.includes('/NANOUSDT/'))).toHaveLength(3)
    expect(listedAt).toBe(Date.UTC(2020, 2, 1))

    // Nothing is asked for twice, and what lies further back is still found.
    bench.sandbox.resetUsage()
    expect(await bench.download(XNO, from, NOW - HOUR)).toMatchObject({ added: 0 })
    expect(bench.sandbox.usage().archive.files).toBe(0)
    const earlier = Date.UTC(2021, 8, 1)
    expect((await bench.download(XNO, earlier, from)).rows).toBe((from - earlier) / HOUR)
    expect((await bench.coverage(XNO)).covered[0]).toMatchObject({ from: earlier, symbol: 'NANOUSDT' })
    const [verdict] = await bench.manager().verify([XNO], { archive: true })
    expect(verdict).toMatchObject({ ok: true, problems: [] })
  })

  it('begins where its first name began', async () => {
    await bench.start(NAMES)
    const daily = seriesOf('XNOUSDT', '1d')
    const report = await bench.download(daily, 0, NOW)
    expect(report.from).toBe(Date.UTC(2020, 2, 1))
    const rows = await bench.stored(daily)
    expect(rows[0]![0]).toBe(Date.UTC(2020, 2, 11))
    expect(rows.at(-1)![0]).toBe(Math.floor(NOW / DAY - 1) * DAY)
  })

  it('is asked for once more where the archive did not answer', async () => {
    const sandbox = await bench.start(NAMES)
    sandbox.addFaults([{ type: 'http-error', status: 503, match: { path: 'data/spot.*NANOUSDT' } }])
    const from = Date.UTC(2021, 11, 1)
    const first = await bench.download(XNO, from, NOW)
    expect(first.complete).toBe(false)
    expect(first.error).toMatch(/503/)
    // What goes by the new name does not wait for the old one.
    expect(await stored(BEGAN, NOW)).toEqual(await bench.truth(XNO, BEGAN, NOW))
    sandbox.clearFaults()
    const second = await bench.download(XNO, from, NOW)
    expect(second.gaps).toMatchObject([{ from: ENDED, to: BEGAN }])
    expect(await stored(from, BEGAN)).toEqual(await bench.truth(NANO, from, BEGAN))
  })

  it('is left open by REST alone, which has forgotten the old name', async () => {
    await bench.start(NAMES)
    const from = Date.UTC(2022, 0, 20)
    const first = await bench.download(XNO, from, NOW, { source: 'rest' })
    expect(first).toMatchObject({ complete: false, unsettled: [{ from, to: BEGAN }] })
    expect(await stored(BEGAN, NOW)).toEqual(await bench.truth(XNO, BEGAN, NOW))
    expect((await bench.download(XNO, from, NOW)).unsettled).toEqual([])
    expect(await stored(from, BEGAN)).toEqual(await bench.truth(NANO, from, BEGAN))
  })

  it('keeps its own listing where nobody has the former name', async () => {
    await bench.start({ ...NAMES, symbols: ['XNOUSDT'] })
    const report = await bench.download(XNO, Date.UTC(2022, 0, 20), NOW)
    expect(report).toMatchObject({ complete: true, gaps: [{ to: BEGAN, cause: 'not-listed' }] })
    expect((await bench.coverage(XNO)).listedAt).toBe(BEGAN)
  })
})

describe('former names', () => {
  it('follow the coin, whatever it is priced in', () => {
    expect(formerSymbol('spot', 'XNOBTC')).toEqual({ symbol: 'NANOBTC' })
    expect(formerSymbol('coinm', 'AUSD_PERP')).toEqual({ symbol: 'EOSUSD_PERP' })
    expect(formerSymbol('spot', 'BCHUSDT')).toEqual({ symbol: 'BCHABCUSDT' })
    expect(formerSymbol('spot', 'BCHABCUSDT')).toEqual({ symbol: 'BCCUSDT' })
    expect(formerSymbol('spot', 'LUNCUSDT')).toMatchObject({ symbol: 'LUNAUSDT', until: Date.UTC(2022, 4, 28) })
  })

  it('are of whole names only', () => {
    for (const symbol of ['SOLUSDT', 'SUSDTX', 'AEURUSDT', 'DOGEUSDT', 'BTCUSDT', 'NANOUSDT', 'S', '']) {
      expect(formerSymbol('spot', symbol), symbol).toBeUndefined()
    }
  })

  it('form no circle, and none has two', () => {
    expect(new Set(RENAMES.map(({ to }) => to)).size).toBe(RENAMES.length)
    for (const { to } of RENAMES) {
      const seen: string[] = []
      for (let name: string | undefined = `${to}USDT`; name !== undefined; ) {
        expect(seen).not.toContain(name)
        seen.push(name)
        name = formerSymbol('spot', name)?.symbol
      }
      expect(seen.length).toBeGreaterThan(1)
    }
  })
})
