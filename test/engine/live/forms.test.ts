import { expect, it } from 'vitest'
import { assertOneForm } from '../../../src/engine/live/forms.ts'
import type { Channel } from '../../../src/exchanges/stream.ts'

const ticker = (symbol: string, mini = false, market: Channel['market'] = 'usdm'): Channel => ({
  market,
  kind: 'ticker',
  symbol,
  ...(mini ? { mini } : {}),
})

it.each([
  [
    [ticker('*', true), ticker('BTCUSDT')],
    /"\*" brings the small ticker of BTCUSDT already, and the full one would mix/,
  ],
  [
    [ticker('*'), ticker('BTCUSDT', true)],
    /"\*" brings the full ticker of BTCUSDT already, and the small one would mix/,
  ],
  [[ticker('*'), ticker('*', true)], /of every symbol already/],
  [[ticker('BTCUSDT'), ticker('ETHUSDT'), ticker('ETHUSDT', true)], /ETHUSDT is wanted in both forms/],
])('both forms of a ticker are refused in one series (%#)', (channels, message) => {
  expect(() => assertOneForm(channels)).toThrow(message)
  expect(() => assertOneForm(channels.toReversed())).toThrow(message)
})

it.each(['spot', 'usdm'] as const)('the top levels are refused beside the updates of the same book of %s', (market) => {
  const deltas: Channel = { market, kind: 'bookDelta', symbol: 'BTCUSDT', speed: 100 }
  const top: Channel = { market, kind: 'bookSnapshot', symbol: 'BTCUSDT', depth: 5 }
  for (const channels of [
    [deltas, top],
    [top, deltas],
  ])
    expect(() => assertOneForm(channels)).toThrow(
      `${market} BTCUSDT: both bookDelta (depth) and bookSnapshot are wanted`,
    )
  assertOneForm([deltas, { ...top, symbol: 'ETHUSDT' }])
  assertOneForm([top, { ...top, depth: 20 }])
})

it('forms of different symbols and markets are no matter', () => {
  const quote: Channel = { market: 'usdm', kind: 'quote', symbol: '*' }
  assertOneForm([ticker('BTCUSDT'), ticker('ETHUSDT', true), ticker('*', true, 'spot'), quote, quote])
})
