// Orders per second that DataValidator judges, over the rules of BTCUSDT on spot: every price and quantity is different,
// as text and as numbers, and a share of them breaks a rule.

import { DataValidator } from '../dist/analysis/index.js'
import { median } from './process.js'

const ORDERS = 200_000
const ROUNDS = 5

const validator = new DataValidator({
  symbols: [
    {
      symbol: 'BTCUSDT',
      baseAsset: 'BTC',
      quoteAsset: 'USDT',
      filters: [
        { filterType: 'PRICE_FILTER', minPrice: '0.01000000', maxPrice: '1000000.00000000', tickSize: '0.01000000' },
        { filterType: 'LOT_SIZE', minQty: '0.00001000', maxQty: '9000.00000000', stepSize: '0.00001000' },
        { filterType: 'ICEBERG_PARTS', limit: 100 },
        { filterType: 'MARKET_LOT_SIZE', minQty: '0.00000000', maxQty: '140.63571133', stepSize: '0.00000000' },
        {
          filterType: 'PERCENT_PRICE_BY_SIDE',
          bidMultiplierUp: '2',
          bidMultiplierDown: '0.5',
          askMultiplierUp: '2',
          askMultiplierDown: '0.5',
          avgPriceMins: 5,
        },
        {
          filterType: 'NOTIONAL',
          minNotional: '5.00000000',
          maxNotional: '9000000.00000000',
          applyMinToMarket: true,
          applyMaxToMarket: false,
          avgPriceMins: 5,
        },
        { filterType: 'MAX_NUM_ORDERS', maxNumOrders: 200 },
        { filterType: 'MAX_NUM_ALGO_ORDERS', maxNumAlgoOrders: 5 },
      ],
    },
  ],
})

/** Orders around 60,000 USDT; one in `broken` has a price between two ticks. */
function orders(broken, asText) {
  return Array.from({ length: ORDERS }, (_, i) => {
    const cents = 6_000_000 + ((i * 7919) % 100_000)
    const off = broken > 0 && i % broken === 0
    const price = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}${off ? '5' : ''}`
    const quantity = ((1 + (i % 5000)) / 1000 + 0.00001).toFixed(5)
    return asText ? { price, quantity } : { price: Number(price), quantity: Number(quantity) }
  })
}

const OPTIONS = { referencePrice: '60000.12', open: { orders: 3 } }

for (const [name, broken, asText] of [
  ['decimal text, all valid', 0, true],
  ['numbers, all valid', 0, false],
  ['decimal text, 1 in 10 refused', 10, true],
]) {
  const list = orders(broken, asText)
  const rates = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    let refused = 0
    for (let i = 0; i < list.length; i++) {
      const { price, quantity } = list[i]
      if (!validator.validateOrder('BTCUSDT', i & 1 ? 'BUY' : 'SELL', quantity, price, OPTIONS).ok) refused++
    }
    rates.push((ORDERS / (performance.now() - start)) * 1000)
    const expected = broken === 0 ? 0 : Math.ceil(ORDERS / broken)
    if (refused !== expected) throw new Error(`${name}: ${refused} refused, expected ${expected}`)
  }
  console.log(`${name.padEnd(32)} ${Math.round(median(rates)).toLocaleString('en')} orders/s`)
}

const values = orders(10, true)
const rates = []
for (let round = 0; round < ROUNDS; round++) {
  const start = performance.now()
  for (const { price } of values) validator.quantize('BTCUSDT', 'price', price, 'down')
  rates.push((ORDERS / (performance.now() - start)) * 1000)
}
console.log(`${'quantize'.padEnd(32)} ${Math.round(median(rates)).toLocaleString('en')} values/s`)
