import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DataValidator } from '../../../src/analysis/validate/index.ts'
import { formatDecimal } from '../../../src/model/decimal.ts'
import { realDataTitle } from '../../helpers/real-data.ts'
import { BTCUSDT, PERPETUAL, recordedExchangeInfos } from './exchange-info.ts'

/** Decimal text of up to 18 digits after the point. */
const decimal = (max: bigint) =>
  fc
    .tuple(fc.bigInt({ min: 0n, max }), fc.integer({ min: 0, max: 18 }))
    .map(([units, scale]) => formatDecimal({ units, scale }))

/** A grid filter of a spot or a futures symbol: least, greatest and step, any of which may be 0. */
const grid = fc.record({
  min: decimal(10n ** 6n),
  span: fc.bigInt({ min: 0n, max: 10n ** 9n }),
  step: decimal(10n ** 5n),
  futures: fc.boolean(),
})

function gridValidator({ min, span, step, futures }: { min: string; span: bigint; step: string; futures: boolean }) {
  const max = String(Math.ceil(Number(min)) + Number(span))
  return new DataValidator({
    symbols: [
      {
        ...(futures ? PERPETUAL : BTCUSDT),
        filters: [
          { filterType: 'PRICE_FILTER', minPrice: min, maxPrice: max, tickSize: step },
          { filterType: 'LOT_SIZE', minQty: min, maxQty: max, stepSize: step },
        ],
      },
    ],
  })
}

describe('quantize', () => {
  it('gives a valid value always, or says that there is none; and is at rest on it', () => {
    const mode = fc.constantFrom('down', 'up', 'nearest' as const)
    fc.assert(
      fc.property(grid, decimal(10n ** 12n), mode, (filters, value, rounding) => {
        const validator = gridValidator(filters)
        for (const field of ['price', 'quantity'] as const) {
          let rounded: string
          try {
            rounded = validator.quantize('BTCUSDT', field, value, rounding)
          } catch (error) {
            expect(String(error)).toContain(`allow no ${field} at all`)
            continue
          }
          const verdict =
            field === 'price'
              ? validator.validatePrice('BTCUSDT', rounded)
              : validator.validateQuantity('BTCUSDT', rounded)
          expect(verdict).toMatchObject({ ok: true })
          expect(validator.quantize('BTCUSDT', field, rounded, rounding)).toBe(rounded)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('lies on the right side of the value, less than a step away, inside the limits', () => {
    const validator = new DataValidator({ symbols: [BTCUSDT] })
    fc.assert(
      fc.property(fc.bigInt({ min: 10n ** 16n, max: 10n ** 24n }), (units) => {
        const value = formatDecimal({ units, scale: 18 })
        const at = (mode: 'down' | 'up' | 'nearest') => {
          const [whole = '0', fraction = ''] = validator.quantize('BTCUSDT', 'price', value, mode).split('.')
          return BigInt(whole + fraction.padEnd(18, '0'))
        }
        const tick = 10n ** 16n
        expect(units - at('down')).toBeLessThan(tick)
        expect(at('down')).toBeLessThanOrEqual(units)
        expect(at('up') - units).toBeLessThan(tick)
        expect(at('up')).toBeGreaterThanOrEqual(units)
        const near = at('nearest') - units
        expect((near < 0n ? -near : near) * 2n).toBeLessThanOrEqual(tick)
      }),
    )
  })
})

describe('the nearest values', () => {
  it('make an order valid when they take the place of what was refused', () => {
    const validators = [{ symbols: [BTCUSDT] }, { symbols: [PERPETUAL] }].map((info) => new DataValidator(info))
    const options = fc.record({ referencePrice: fc.constantFrom('60000', '1234.567', '0.5') })
    fc.assert(
      fc.property(
        fc.constantFrom(...validators),
        fc.constantFrom('BUY', 'SELL'),
        decimal(10n ** 14n),
        decimal(10n ** 14n),
        options,
        (validator, side, quantity, price, known) => {
          let order = { quantity, price }
          const { broken } = validator.validateOrder('BTCUSDT', side, quantity, price, known)
          if (broken.some(({ nearest }) => nearest === undefined)) return
          for (const { field, nearest, nearestQuantity } of broken) {
            order = { ...order, ...(nearestQuantity !== undefined && { quantity: nearestQuantity }), [field]: nearest }
          }
          expect(validator.validateOrder('BTCUSDT', side, order.quantity, order.price, known).broken).toEqual([])
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('the rules of every recorded exchangeInfo', () => {
  const infos = recordedExchangeInfos()

  it.skipIf(infos.length === 0)(realDataTitle('hold at their boundaries and not beyond'), () => {
    let symbols = 0
    for (const [, json] of infos) {
      const validator = new DataValidator(json)
      const raw = JSON.parse(json) as { symbols: { symbol: string; filters: Record<string, string>[] }[] }
      for (const { symbol, filters } of raw.symbols) {
        symbols++
        const price = filters.find(({ filterType }) => filterType === 'PRICE_FILTER')!
        const lot = filters.find(({ filterType }) => filterType === 'LOT_SIZE')!
        const judged = (field: 'price' | 'quantity', value: string) =>
          field === 'price' ? validator.validatePrice(symbol, value) : validator.validateQuantity(symbol, value)
        for (const [field, min, max, step] of [
          ['price', price.minPrice!, price.maxPrice!, price.tickSize!],
          ['quantity', lot.minQty!, lot.maxQty!, lot.stepSize!],
        ] as const) {
          if (Number(min) > 0) {
            expect(judged(field, min).ok, `${symbol} ${field} ${min}`).toBe(true)
            expect(judged(field, shifted(min, -1n)), `${symbol} below ${min}`).toMatchObject({
              part: 'min',
              nearest: plain(min),
            })
          }
          if (Number(max) > 0) {
            expect(judged(field, shifted(max, 1n)), `${symbol} above ${max}`).toMatchObject({ part: 'max' })
            const top = validator.quantize(symbol, field, max, 'down')
            expect(judged(field, top).ok, `${symbol} ${field} ${top}`).toBe(true)
          }
          if (Number(step) > 0) {
            const inside = validator.quantize(symbol, field, String((Number(min) + Number(max)) / 3))
            expect(judged(field, inside).ok, `${symbol} ${field} ${inside}`).toBe(true)
            expect(judged(field, shifted(inside, 1n)), `${symbol} off ${inside}`).toMatchObject({
              part: 'step',
              nearest: inside,
            })
          }
        }
      }
    }
    expect(symbols).toBeGreaterThan(20)
  })

  it.skipIf(infos.length === 0)(realDataTitle('are all known, but for what is to be kept raw'), () => {
    const unknown = new Set<string>()
    for (const [, json] of infos) {
      const validator = new DataValidator(json)
      for (const symbol of validator.symbols) {
        for (const { rule, needs } of validator.validateOrder(symbol, 'BUY', 1, 1).unchecked) {
          if (needs.includes('not known')) unknown.add(rule)
        }
      }
    }
    expect([...unknown]).toEqual(['POSITION_RISK_CONTROL'])
  })
})

/** Decimal text moved by some 1e-18. */
function shifted(text: string, by: bigint): string {
  const [whole = '0', fraction = ''] = text.split('.')
  return formatDecimal({ units: BigInt(whole + fraction.padEnd(18, '0')) + by, scale: 18 })
}

function plain(text: string): string {
  return shifted(text, 0n)
}
