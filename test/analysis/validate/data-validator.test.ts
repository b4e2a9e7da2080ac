import { describe, expect, it } from 'vitest'
import { DataValidator, type OrderVerdict } from '../../../src/analysis/validate/index.ts'
import { InvalidRangeError, InvalidSymbolError, ParseError } from '../../../src/model/errors.ts'
import { BTCUSDT, PERPETUAL } from './exchange-info.ts'

const spot = new DataValidator({ symbols: [BTCUSDT] })
const usdm = new DataValidator({ symbols: [PERPETUAL] })

/** `rule part value nearest` of every broken rule. */
function told(verdict: OrderVerdict): string[] {
  return verdict.broken.map(({ rule, part, value, nearest }) => `${rule} ${part} ${value} → ${nearest ?? 'none'}`)
}

/** A spot validator of one symbol with these filters. */
function only(...filters: Record<string, unknown>[]): DataValidator {
  return new DataValidator({ symbols: [{ ...BTCUSDT, filters }] })
}

describe('a price', () => {
  it.each([
    ['0.01', []],
    ['0.0100000000000000', []],
    ['1e-2', []],
    [0.01, []],
    ['1000000', []],
    ['0.00999999', ['PRICE_FILTER min 0.00999999 → 0.01']],
    ['1000000.01', ['PRICE_FILTER max 1000000.01 → 1000000']],
    ['100.015', ['PRICE_FILTER step 100.015 → 100.02']],
    ['100.014999999999999999', ['PRICE_FILTER step 100.014999999999999999 → 100.01']],
    ['1000000.000000000000000001', ['PRICE_FILTER max 1000000.000000000000000001 → 1000000']],
    [0.1 + 0.2, ['PRICE_FILTER step 0.30000000000000004 → 0.3']],
    ['0', ['POSITIVE min 0 → 0.01']],
    ['-1', ['POSITIVE min -1 → 0.01']],
    ['12a', ['DECIMAL form 12a → none']],
    [Number.NaN, ['DECIMAL form NaN → none']],
    [Number.POSITIVE_INFINITY, ['DECIMAL form Infinity → none']],
  ])('of %s is judged by limits and tick', (price, expected) => {
    const verdict = spot.validatePrice('BTCUSDT', price)
    expect(told(verdict)).toEqual(expected)
    expect(verdict.ok).toBe(expected.length === 0)
  })

  it('tells rule, value, limits, nearest value and a sentence', () => {
    expect(spot.validatePrice('BTCUSDT', '100.015')).toMatchObject({
      ok: false,
      rule: 'PRICE_FILTER',
      field: 'price',
      part: 'step',
      value: '100.015',
      limits: { min: '0.01', max: '1000000', step: '0.01' },
      nearest: '100.02',
      message: 'BTCUSDT: price 100.015 is no whole number of steps of 0.01 (PRICE_FILTER). Nearest allowed: 100.02.',
    })
  })

  it('is free where a member of the filter is 0', () => {
    const free = only({ filterType: 'PRICE_FILTER', minPrice: '0.00', maxPrice: '0', tickSize: '0.00000000' })
    expect(free.validatePrice('BTCUSDT', '123456789.000000000000000001').ok).toBe(true)
    const noTick = only({ filterType: 'PRICE_FILTER', minPrice: '1', maxPrice: '2', tickSize: '0' })
    expect(told(noTick.validatePrice('BTCUSDT', '2.5'))).toEqual(['PRICE_FILTER max 2.5 → 2'])
    expect(noTick.validatePrice('BTCUSDT', '1.23456789').ok).toBe(true)
  })

  it('of futures counts its ticks from the least price', () => {
    const delivered = new DataValidator({
      symbols: [
        {
          ...PERPETUAL,
          filters: [{ filterType: 'PRICE_FILTER', minPrice: '0.05', maxPrice: '10', tickSize: '0.10' }],
        },
      ],
    })
    expect(delivered.validatePrice('BTCUSDT', '0.15').ok).toBe(true)
    expect(told(delivered.validatePrice('BTCUSDT', '0.2'))).toEqual(['PRICE_FILTER step 0.2 → 0.25'])
    expect(told(delivered.validatePrice('BTCUSDT', '11'))).toEqual(['PRICE_FILTER max 11 → 9.95'])
  })

  it('is not judged by the precision fields, which are no ticks', () => {
    // pricePrecision says 2 digits, the tick 0.10.
    expect(told(usdm.validatePrice('BTCUSDT', '60000.15'))).toEqual(['PRICE_FILTER step 60000.15 → 60000.2'])
  })
})

describe('a price against the market', () => {
  const order = (side: string, price: string, reference: string) =>
    told(spot.validateOrder('BTCUSDT', side, '1', price, { referencePrice: reference }))

  it('is bound per side on spot, limits included', () => {
    expect(order('BUY', '200', '100')).toEqual([])
    expect(order('BUY', '200.01', '100')).toEqual(['PERCENT_PRICE_BY_SIDE max 200.01 → 200'])
    expect(order('SELL', '50', '100')).toEqual([])
    expect(order('SELL', '49.99', '100')).toEqual(['PERCENT_PRICE_BY_SIDE min 49.99 → 50'])
    // The nearest price keeps the tick: 2 × 100.003 is 200.006.
    expect(order('BUY', '300', '100.003')).toEqual(['PERCENT_PRICE_BY_SIDE max 300 → 200'])
  })

  it('binds a futures buyer from above only, and a seller from below only', () => {
    const futures = (side: string, price: string) =>
      told(usdm.validateOrder('BTCUSDT', side, '1', price, { referencePrice: '60000' }))
    expect(futures('BUY', '63000')).toEqual([])
    expect(futures('BUY', '63000.1')).toEqual(['PERCENT_PRICE max 63000.1 → 63000'])
    expect(futures('BUY', '600')).toEqual([])
    expect(futures('SELL', '57000')).toEqual([])
    expect(futures('SELL', '56999.9')).toEqual(['PERCENT_PRICE min 56999.9 → 57000'])
    expect(futures('SELL', '100000')).toEqual([])
  })

  it('binds both sides of an old spot symbol', () => {
    const old = only({ filterType: 'PERCENT_PRICE', multiplierUp: '5', multiplierDown: '0.2', avgPriceMins: 5 })
    const check = (price: string) => told(old.validatePrice('BTCUSDT', price, { referencePrice: '10' }))
    expect(check('50')).toEqual([])
    expect(check('2')).toEqual([])
    expect(check('50.00000001')).toEqual(['PERCENT_PRICE max 50.00000001 → 50'])
    expect(check('1.99999999')).toEqual(['PERCENT_PRICE min 1.99999999 → 2'])
  })

  it('compares with the last price where the average is over 0 minutes', () => {
    const last = only({ filterType: 'PERCENT_PRICE', multiplierUp: '2', multiplierDown: '0.5', avgPriceMins: 0 })
    expect(last.validatePrice('BTCUSDT', '20', { referencePrice: '1', lastPrice: '10' }).ok).toBe(true)
    expect(last.validatePrice('BTCUSDT', '20').unchecked).toEqual([{ rule: 'PERCENT_PRICE', needs: 'lastPrice' }])
  })

  it('says what it could not check', () => {
    expect(spot.validatePrice('BTCUSDT', '100')).toEqual({
      ok: true,
      broken: [],
      unchecked: [{ rule: 'PERCENT_PRICE_BY_SIDE', needs: 'side' }],
    })
    expect(spot.validatePrice('BTCUSDT', '100', { side: 'buy' }).unchecked).toEqual([
      { rule: 'PERCENT_PRICE_BY_SIDE', needs: 'referencePrice' },
    ])
  })
})

describe('a quantity', () => {
  it.each([
    ['0.00001', []],
    [0.00001, []],
    ['9000', []],
    ['0.00000999', ['LOT_SIZE min 0.00000999 → 0.00001']],
    ['9000.00001', ['LOT_SIZE max 9000.00001 → 9000']],
    ['0.000015', ['LOT_SIZE step 0.000015 → 0.00002']],
    ['1.000000000000000001', ['LOT_SIZE step 1.000000000000000001 → 1']],
    ['0', ['POSITIVE min 0 → 0.00001']],
  ])('of %s is judged by limits and step', (quantity, expected) => {
    expect(told(spot.validateQuantity('BTCUSDT', quantity))).toEqual(expected)
  })

  it('of a market order has a limit of its own, and keeps the step', () => {
    const market = (quantity: string) => told(spot.validateQuantity('BTCUSDT', quantity, { type: 'MARKET' }))
    expect(market('140.63571')).toEqual([])
    expect(market('140.63572')).toEqual(['MARKET_LOT_SIZE max 140.63572 → 140.63571'])
    expect(market('0.000001')).toEqual(['LOT_SIZE min 0.000001 → 0.00001'])
    expect(spot.validateQuantity('BTCUSDT', '200', { type: 'LIMIT' }).ok).toBe(true)
  })

  it('of 0 at most is no quantity', () => {
    const closed = only({ filterType: 'MARKET_LOT_SIZE', minQty: '0', maxQty: '0.00000000', stepSize: '0' })
    expect(told(closed.validateOrder('BTCUSDT', 'BUY', '1', null, { referencePrice: 1 }))).toEqual([
      'MARKET_LOT_SIZE max 1 → none',
    ])
  })
})

describe('the value of an order', () => {
  const order = (quantity: string, price: string | null, options = {}) =>
    told(spot.validateOrder('BTCUSDT', 'BUY', quantity, price, options))

  it('is at least and at most what NOTIONAL says, exactly', () => {
    expect(order('0.0001', '50000')).toEqual([])
    expect(order('0.0001', '49999.99')).toEqual(['NOTIONAL min 4.999999 → 0.00011'])
    expect(order('9000', '1000')).toEqual([])
    expect(order('9000', '1000.01')).toEqual(['NOTIONAL max 9000090 → 8999.91'])
  })

  it('of a market order counts at the reference price, on the sides that apply', () => {
    expect(order('0.0001', null, { referencePrice: '50000' })).toEqual([])
    expect(order('0.0001', null, { referencePrice: '49999' })).toEqual(['NOTIONAL min 4.9999 → 0.00011'])
    // applyMaxToMarket is false.
    expect(order('140', null, { referencePrice: '900000' })).toEqual([])
    expect(spot.validateOrder('BTCUSDT', 'BUY', '1').unchecked).toContainEqual({
      rule: 'NOTIONAL',
      needs: 'referencePrice',
    })
  })

  it('of a market order counts at the price that came along', () => {
    expect(order('0.0001', '49999', { type: 'MARKET' })).toEqual(['NOTIONAL min 4.9999 → 0.00011'])
  })

  it('may be given in quote units', () => {
    const quote = (quoteQuantity: string) => told(spot.validateOrder('BTCUSDT', 'BUY', null, null, { quoteQuantity }))
    expect(quote('5')).toEqual([])
    expect(quote('4.99')).toEqual(['NOTIONAL min 4.99 → 5'])
  })

  it('is spared where MIN_NOTIONAL does not apply to market orders', () => {
    const filter = { filterType: 'MIN_NOTIONAL', minNotional: '10', avgPriceMins: 5 }
    const spared = only({ ...filter, applyToMarket: false })
    const bound = only({ ...filter, applyToMarket: true })
    expect(spared.validateOrder('BTCUSDT', 'BUY', '1', null, { referencePrice: '1' }).ok).toBe(true)
    expect(told(bound.validateOrder('BTCUSDT', 'BUY', '1', null, { referencePrice: '1' }))).toEqual([
      'MIN_NOTIONAL min 1 → 10',
    ])
    expect(told(spared.validateOrder('BTCUSDT', 'BUY', '1', '9.99'))).toEqual([
      'MIN_NOTIONAL min 9.99 → 1.001001001001001001001002',
    ])
  })

  it('of futures is bound by "notional", but not where it only reduces', () => {
    const futures = (options = {}) => told(usdm.validateOrder('BTCUSDT', 'SELL', '0.001', '49999.9', options))
    expect(futures()).toEqual(['MIN_NOTIONAL min 49.9999 → 0.002'])
    expect(futures({ reduceOnly: true })).toEqual([])
  })
})

describe('counts of orders', () => {
  const check = (options: Parameters<DataValidator['validateOrder']>[4]) =>
    told(spot.validateOrder('BTCUSDT', 'BUY', '1', '100', options))

  it('leave room for this one', () => {
    expect(check({ open: { orders: 199 } })).toEqual([])
    expect(check({ open: { orders: 200 } })).toEqual(['MAX_NUM_ORDERS max 200 → none'])
    expect(check({ open: { algoOrders: 9 } })).toEqual([])
    expect(check({ open: { algoOrders: 5 }, type: 'STOP_LOSS_LIMIT', stopPrice: '99' })).toEqual([
      'MAX_NUM_ALGO_ORDERS max 5 → none',
    ])
    expect(check({ open: { orderLists: 20 }, orderList: true })).toEqual(['MAX_NUM_ORDER_LISTS max 20 → none'])
    expect(check({ open: { amends: 10 }, amend: true })).toEqual(['MAX_NUM_ORDER_AMENDS max 10 → none'])
    expect(check({ open: { amends: 9 }, amend: true })).toEqual([])
  })

  it('of futures stand in "limit"', () => {
    expect(told(usdm.validateOrder('BTCUSDT', 'BUY', '1', '60000', { open: { orders: 200 } }))).toEqual([
      'MAX_NUM_ORDERS max 200 → none',
    ])
  })

  it('of the whole account come from exchangeFilters', () => {
    const validator = new DataValidator({
      symbols: [{ ...BTCUSDT, filters: [] }],
      exchangeFilters: [
        { filterType: 'EXCHANGE_MAX_NUM_ORDERS', maxNumOrders: 1000 },
        { filterType: 'EXCHANGE_MAX_NUM_ICEBERG_ORDERS', maxNumIcebergOrders: 10 },
      ],
    })
    const options = { account: { orders: 1000, icebergOrders: 10 }, icebergQuantity: '1' }
    expect(told(validator.validateOrder('BTCUSDT', 'BUY', '1', '100', options))).toEqual([
      'EXCHANGE_MAX_NUM_ORDERS max 1000 → none',
      'EXCHANGE_MAX_NUM_ICEBERG_ORDERS max 10 → none',
    ])
  })
})

describe('the rarer rules', () => {
  const check = (options: Parameters<DataValidator['validateOrder']>[4], side = 'BUY') =>
    told(spot.validateOrder('BTCUSDT', side, '1', '100', options))

  it('limit the parts of an iceberg order', () => {
    expect(check({ icebergQuantity: '0.01' })).toEqual([])
    expect(check({ icebergQuantity: '0.00999' })).toEqual(['ICEBERG_PARTS max 101 parts of 0.00999 → 0.01'])
    expect(check({ icebergQuantity: '0.000001' })).toEqual([
      'LOT_SIZE min 0.000001 → 0.01',
      'ICEBERG_PARTS max 1000000 parts of 0.000001 → 0.01',
    ])
  })

  it('limit how far a trailing order follows', () => {
    const trailing = (trailingDelta: number) => check({ type: 'STOP_LOSS_LIMIT', trailingDelta })
    expect(trailing(10)).toEqual([])
    expect(trailing(2000)).toEqual([])
    expect(trailing(9)).toEqual(['TRAILING_DELTA min 9 → 10'])
    expect(trailing(2001)).toEqual(['TRAILING_DELTA max 2001 → 2000'])
    expect(trailing(10.5)).toEqual(['TRAILING_DELTA step 10.5 → 11'])
  })

  it('take the limits above the market for stops that buy and profits that sell', () => {
    const sided = only({
      filterType: 'TRAILING_DELTA',
      minTrailingAboveDelta: 10,
      maxTrailingAboveDelta: 100,
      minTrailingBelowDelta: 200,
      maxTrailingBelowDelta: 300,
    })
    const ok = (side: string, type: string, trailingDelta: number) =>
      sided.validateOrder('BTCUSDT', side, '1', '1', { type, trailingDelta }).ok
    expect(ok('BUY', 'STOP_LOSS_LIMIT', 50)).toBe(true)
    expect(ok('SELL', 'TAKE_PROFIT_LIMIT', 50)).toBe(true)
    expect(ok('SELL', 'STOP_LOSS_LIMIT', 50)).toBe(false)
    expect(ok('SELL', 'STOP_LOSS_LIMIT', 250)).toBe(true)
    expect(ok('BUY', 'TAKE_PROFIT_LIMIT', 250)).toBe(true)
  })

  it('limit what a buyer may hold', () => {
    const limited = only({ filterType: 'MAX_POSITION', maxPosition: '10' }, BTCUSDT.filters[1]!)
    const buy = (position?: string) =>
      limited.validateOrder('BTCUSDT', 'BUY', '4', '1', position === undefined ? {} : { position })
    expect(told(buy('6'))).toEqual([])
    expect(told(buy('6.5'))).toEqual(['MAX_POSITION max 10.5 → 3.5'])
    expect(told(buy('10'))).toEqual(['MAX_POSITION max 14 → none'])
    expect(buy().unchecked).toEqual([{ rule: 'MAX_POSITION', needs: 'position' }])
    expect(limited.validateOrder('BTCUSDT', 'SELL', '4', '1', { position: '10' }).ok).toBe(true)
  })

  it('limit how much of an asset one order moves', () => {
    const limited = only(
      { filterType: 'MAX_ASSET', asset: 'USDT', limit: '1000' },
      { filterType: 'MAX_ASSET', asset: 'BTC', limit: '5' },
      { filterType: 'MAX_ASSET', asset: 'ETH', limit: '0' },
      BTCUSDT.filters[1]!,
    )
    expect(limited.validateOrder('BTCUSDT', 'BUY', '5', '200').ok).toBe(true)
    expect(told(limited.validateOrder('BTCUSDT', 'BUY', '6', '200'))).toEqual([
      'MAX_ASSET max 1200 → 5',
      'MAX_ASSET max 6 → 5',
    ])
  })

  it('are kept and named when they are not known', () => {
    expect(usdm.validateOrder('BTCUSDT', 'BUY', '1', '60000', { referencePrice: 60000 })).toEqual({
      ok: true,
      broken: [],
      unchecked: [
        { rule: 'MAX_NUM_ORDERS', needs: 'open.orders' },
        { rule: 'POSITION_RISK_CONTROL', needs: 'a newer ticklake: this rule is not known' },
      ],
    })
  })

  it('refuse a symbol that does not trade, when asked', () => {
    const halted = new DataValidator({ symbols: [{ ...BTCUSDT, status: 'BREAK' }] })
    expect(halted.validateOrder('BTCUSDT', 'BUY', '1', '100').ok).toBe(true)
    expect(halted.validateOrder('BTCUSDT', 'BUY', '1', '100', { status: true })).toMatchObject({
      rule: 'STATUS',
      message: 'BTCUSDT does not trade: its status is BREAK.',
    })
  })
})

describe('an order', () => {
  it('shows every rule that it breaks, the first on top', () => {
    const verdict = spot.validateOrder('BTCUSDT', 'BUY', '0.000001', '0.001')
    expect(told(verdict)).toEqual([
      'PRICE_FILTER min 0.001 → 0.01',
      'LOT_SIZE min 0.000001 → 500',
      'NOTIONAL min 0.000000001 → 500',
    ])
    expect(verdict).toMatchObject({ rule: 'PRICE_FILTER', nearest: '0.01' })
  })

  it('is offered a price at which its quantity is worth enough still', () => {
    // 71428.57, the nearer tick, would make it 4.9999999.
    const verdict = spot.validateOrder('BTCUSDT', 'BUY', '0.00007', '71428.572')
    expect(told(verdict)).toEqual(['PRICE_FILTER step 71428.572 → 71428.58'])
    expect(spot.validateOrder('BTCUSDT', 'BUY', '0.00007', '71428.58').ok).toBe(true)
  })

  it('is offered a quantity along with a price, where no price goes with its own', () => {
    const known = { referencePrice: '60000' }
    const verdict = spot.validateOrder('BTCUSDT', 'SELL', '0.00003', '200000', known)
    expect(verdict).toMatchObject({
      rule: 'PERCENT_PRICE_BY_SIDE',
      nearest: '120000',
      nearestQuantity: '0.00005',
      message:
        'BTCUSDT: price 200000 is above 120000 (PERCENT_PRICE_BY_SIDE). Nearest allowed: 120000, with a quantity of 0.00005.',
    })
    expect(spot.validateOrder('BTCUSDT', 'SELL', '0.00005', '120000', known).ok).toBe(true)
  })

  it('is told where nothing makes it valid', () => {
    const verdict = spot.validateOrder('BTCUSDT', 'BUY', '0.1', undefined, { referencePrice: '0.01' })
    expect(verdict).toMatchObject({
      rule: 'NOTIONAL',
      message: 'BTCUSDT: price × quantity 0.001 is below 5 (NOTIONAL). No quantity satisfies every rule.',
    })
    expect(verdict).not.toHaveProperty('nearest')
  })

  it('needs a price where its type says so, and a quantity', () => {
    const types = ['LIMIT', 'LIMIT_MAKER', 'STOP_LOSS_LIMIT', 'TAKE_PROFIT_LIMIT']
    for (const type of types) {
      expect(told(spot.validateOrder('BTCUSDT', 'BUY', '1', undefined, { type }))).toEqual(['REQUIRED form  → none'])
    }
    expect(spot.validateOrder('BTCUSDT', 'BUY', undefined, '100')).toMatchObject({
      message: 'BTCUSDT: a LIMIT order needs a quantity.',
    })
  })

  it('of an unknown symbol or side is a mistake of the caller', () => {
    expect(() => spot.validateOrder('BTC-USDT', 'BUY', '1', '1')).toThrow(InvalidSymbolError)
    expect(() => spot.validateOrder('btcusdt', 'BUY', '1', '1')).toThrow('Did you mean BTCUSDT?')
    expect(() => spot.validateOrder('BTCUSDT', 'LONG', '1', '1')).toThrow(
      new InvalidRangeError('The side of an order is BUY or SELL, not "LONG".'),
    )
    expect(() => spot.validateOrder('BTCUSDT', 'BUY', '1', '1', { referencePrice: 'x' })).toThrow(
      'referencePrice is "x", not a decimal number.',
    )
  })

  it('lets nothing pass that is not there, or not of its type', () => {
    // What plain JavaScript may give.
    const lacking = undefined as unknown as string
    expect(spot.validatePrice('BTCUSDT', lacking)).toMatchObject({ ok: false, rule: 'REQUIRED', field: 'price' })
    expect(spot.validateQuantity('BTCUSDT', lacking)).toMatchObject({ ok: false, rule: 'REQUIRED', field: 'quantity' })
    for (const odd of [10n, {}, [], true]) {
      const verdict = spot.validateOrder('BTCUSDT', 'BUY', odd as unknown as string, '60000')
      expect(verdict).toMatchObject({ ok: false, rule: 'DECIMAL', field: 'quantity' })
    }
    expect(() => spot.validateOrder('BTCUSDT', lacking, '1', '1')).toThrow('BUY or SELL, not "undefined"')
    expect(() => spot.validatePrice(lacking, '1')).toThrow(InvalidSymbolError)
    expect(() => new DataValidator(null as unknown as string)).toThrow('exchangeInfo: is no JSON object.')
  })
})

describe('quantize', () => {
  it.each([
    ['price', '100.014', 'down', '100.01'],
    ['price', '100.014', 'up', '100.02'],
    ['price', '100.014', 'nearest', '100.01'],
    ['price', '100.015', 'nearest', '100.02'],
    ['price', '100.01', 'up', '100.01'],
    ['price', '-5', 'down', '0.01'],
    ['price', '1e9', 'up', '1000000'],
    ['quantity', 0.1 + 0.2, 'down', '0.3'],
    ['quantity', '0.000019999999999999', 'down', '0.00001'],
    ['quantity', '1e-8', 'nearest', '0.00001'],
  ] as const)('rounds a %s of %s %s', (field, value, mode, expected) => {
    expect(spot.quantize('BTCUSDT', field, value, mode)).toBe(expected)
  })

  it('keeps the limits of market orders', () => {
    expect(spot.quantize('BTCUSDT', 'quantity', '500', 'down', { type: 'MARKET' })).toBe('140.63571')
    expect(spot.quantize('BTCUSDT', 'quantity', '500', 'down')).toBe('500')
  })

  it('refuses a field or mode that there is not', () => {
    expect(() => spot.quantize('BTCUSDT', 'amount' as 'price', '1')).toThrow('field is "amount"; use price, quantity.')
    expect(() => spot.quantize('BTCUSDT', 'price', '1', 'floor' as 'down')).toThrow('mode is "floor"; use down, up')
  })

  it('tells when no value is allowed', () => {
    const none = only({ filterType: 'LOT_SIZE', minQty: '0.5', maxQty: '0.9', stepSize: '1' })
    expect(() => none.quantize('BTCUSDT', 'quantity', '1')).toThrow('The rules of BTCUSDT allow no quantity at all.')
  })

  it('finds values on two grids at once', () => {
    const both = new DataValidator({
      symbols: [
        {
          ...PERPETUAL,
          filters: [
            { filterType: 'LOT_SIZE', minQty: '1', maxQty: '100', stepSize: '4' },
            { filterType: 'MARKET_LOT_SIZE', minQty: '3', maxQty: '100', stepSize: '6' },
          ],
        },
      ],
    })
    // 1, 5, 9, … and 3, 9, 15, … meet at 9, 21, 33, …
    expect(both.quantize('BTCUSDT', 'quantity', '20', 'down', { type: 'MARKET' })).toBe('9')
    expect(both.quantize('BTCUSDT', 'quantity', '20', 'up', { type: 'MARKET' })).toBe('21')
    expect(both.quantize('BTCUSDT', 'quantity', '1000', 'up', { type: 'MARKET' })).toBe('93')
  })
})

describe('a stored exchangeInfo', () => {
  it('is read from its JSON text', () => {
    const stored = new DataValidator(JSON.stringify({ symbols: [BTCUSDT] }))
    expect(stored.symbols).toEqual(['BTCUSDT'])
    expect(stored.limits('BTCUSDT', 'quantity')).toEqual([{ min: '0.00001', max: '9000', step: '0.00001' }])
  })

  it('is read from its list of symbols alone', () => {
    for (const given of [[BTCUSDT], JSON.stringify([BTCUSDT])]) {
      expect(told(new DataValidator(given).validatePrice('BTCUSDT', '100.015'))).toEqual([
        'PRICE_FILTER step 100.015 → 100.02',
      ])
    }
  })

  it.each([
    ['{', 'is no JSON.'],
    ['[]', 'is no JSON object.'],
    ['{}', 'there are no "symbols"'],
    ['{"symbols": 1}', '"symbols" is no list of objects.'],
    ['{"symbols": [{}]}', 'symbols[0].symbol is no text.'],
    ['{"symbols": [{"symbol": "A", "filters": [{}]}]}', 'a filter lacks its filterType.'],
  ])('of %s is refused with its place', (text, message) => {
    expect(() => new DataValidator(text)).toThrow(ParseError)
    expect(() => new DataValidator(text)).toThrow(message)
  })

  it('of a filter that holds no number is refused when its symbol is used', () => {
    const broken = only({ filterType: 'PRICE_FILTER', minPrice: 'x' })
    expect(() => broken.validatePrice('BTCUSDT', '1')).toThrow('PRICE_FILTER.minPrice is "x", not a decimal number.')
  })
})
