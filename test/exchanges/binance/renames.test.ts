import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { RENAMES } from '../../../src/exchanges/binance/renames.ts'
import { findRealData, realDataTitle } from '../../helpers/real-data.ts'

const root = findRealData()
const RECORDED = '2021-04'

it.skipIf(root === undefined)(
  realDataTitle('no rename contradicts what the exchange listed in April 2021'),
  async () => {
    const file = join(root!, 'rest/binance-spot/exchangeInfo_cf_20210417_BINANCE.0.gz')
    const line = gunzipSync(await readFile(file))
      .toString()
      .split('\n', 1)[0]!
    const { symbols } = JSON.parse(line.slice(line.indexOf('{'))) as {
      symbols: { readonly baseAsset: string; readonly status: string }[]
    }
    const stateOf = (coin: string): 'trading' | 'ended' | 'unknown' => {
      const pairs = symbols.filter(({ baseAsset }) => baseAsset === coin)
      if (pairs.length === 0) return 'unknown'
      return pairs.some(({ status }) => status === 'TRADING') ? 'trading' : 'ended'
    }
    expect(symbols.length).toBeGreaterThan(1000)
    for (const { from, to, month } of RENAMES) {
      const states = [stateOf(from), stateOf(to)]
      // BCHABC became BCH in its turn.
      if (month < RECORDED)
        expect(
          [
            ['ended', 'trading'],
            ['ended', 'ended'],
          ],
          `${from} to ${to}`,
        ).toContainEqual(states)
      else
        expect(
          [
            ['trading', 'unknown'],
            ['unknown', 'unknown'],
          ],
          `${from} to ${to}`,
        ).toContainEqual(states)
    }
    const told = RENAMES.filter(({ from }) => stateOf(from) !== 'unknown')
    expect(told.length).toBeGreaterThan(15)
  },
)
