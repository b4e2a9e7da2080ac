import { describe, expect, test } from 'vitest'
import { createBinanceParser, GeneralParser } from '../../../../src/exchanges/binance/frames/index.ts'
import type { LiveRecord } from '../../../../src/model/live/index.ts'
import { findRealData, realDataTitle } from '../../../helpers/real-data.ts'
import { RECEIVED, Told } from './collect.ts'
import { recordings } from './recorded-frames.ts'

const realData = findRealData()

describe.skipIf(realData === undefined)(realDataTitle('The frames that Binance sent'), () => {
  const all = realData === undefined ? [] : recordings(realData)

  test('are there for spot and both kinds of futures', () => {
    const counts = new Map<string, number>()
    for (const { market, frames } of all) counts.set(market, (counts.get(market) ?? 0) + frames.length)
    expect(Object.fromEntries(counts)).toEqual({
      spot: expect.any(Number),
      usdm: expect.any(Number),
      coinm: expect.any(Number),
    })
    for (const count of counts.values()) expect(count).toBeGreaterThan(40_000)
  })

  test.for(all.map((one) => [one.file, one] as const))('give the same records either way: %s', ([, recording]) => {
    const { market, frames } = recording
    const fast = createBinanceParser(market)
    const general = new GeneralParser(market)
    let different = 0
    for (const frame of frames) {
      const one = new Told()
      const other = new Told()
      fast.parse(frame, 0, frame.length, RECEIVED, one)
      general.parse(frame, 0, frame.length, RECEIVED, other)
      expect(one.records.length).toBe(1)
      if (!sameRecord(one.records[0]!, other.records[0]!)) {
        different++
        expect(one.records).toEqual(other.records)
      }
      if (one.problems.length + other.problems.length > 0) expect(one.problems).toEqual(other.problems)
    }
    expect(different).toBe(0)
    // The byte loop reads all of them: none of these shapes is left to JSON.parse.
    expect(fast.fallbacks).toBe(0)
  })

  test('hold ids without a hole and no impossible value', () => {
    for (const { file, market, frames } of all) {
      const parser = createBinanceParser(market)
      const told = new Told()
      for (const frame of frames) parser.parse(frame, 0, frame.length, RECEIVED, told)
      const last = new Map<string, number | bigint>()
      for (const record of told.records) {
        if (record.kind !== 'trade' && record.kind !== 'aggTrade') continue
        const key = `${record.kind} ${record.symbol}`
        const before = last.get(key)
        if (before !== undefined) expect(`${file} ${key} ${record.id}`).toBe(`${file} ${key} ${Number(before) + 1}`)
        last.set(key, record.id)
      }
      expect(told.problems).toEqual([])
    }
  })
})

/** Whether two records have the same members in the same order with the same values, down to the sign of zero. */
function sameRecord(one: LiveRecord, other: LiveRecord): boolean {
  const [a, b] = [Object.entries(one), Object.entries(other)]
  return a.length === b.length && a.every(([name, value], index) => name === b[index]![0] && same(value, b[index]![1]))
}

function same(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b)
  return a.length === b.length && a.every((value, index) => Object.is(value, b[index]))
}
