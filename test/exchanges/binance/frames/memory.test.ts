import { describe, expect, it } from 'vitest'
import { ByteTable, hashOf } from '../../../../src/exchanges/binance/frames/byte-table.ts'
import { createBinanceParser } from '../../../../src/exchanges/binance/frames/index.ts'
import type { FrameSink } from '../../../../src/exchanges/stream.ts'
import { ParseError } from '../../../../src/model/errors.ts'

// A socket reads into one Buffer again and again, and `slice` of a Buffer is a view of it.
describe('Memory that is used again', () => {
  it('leaves every record its own symbol', () => {
    const symbols = Array.from({ length: 600 }, (_, n) => `S${String(n).padStart(3, '0')}USDT`)
    const memory = Buffer.alloc(1024)
    const parser = createBinanceParser('spot')
    const seen: string[] = []
    const sink: FrameSink = {
      record: (record) => void seen.push(record.symbol),
      reply() {},
      shutdown() {},
      unknown() {},
      bad: (problem) => {
        throw new ParseError('a frame', problem)
      },
    }
    const rounds = 3
    for (let round = 0; round < rounds; round++) {
      for (const symbol of symbols) {
        const frame = `{"stream":"${symbol.toLowerCase()}@trade","data":{"e":"trade","E":1784410630500,"s":"${symbol}","t":1,"p":"1.00","q":"2.00","T":1784410630500,"m":true,"M":true}}`
        parser.parse(memory, 0, memory.write(frame), 1.5, sink)
      }
    }
    expect(seen).toEqual(Array.from({ length: rounds }, () => symbols).flat())
  })

  it('does not make a text unknown that was seen', () => {
    const made: string[] = []
    const table = new ByteTable((text) => made.push(text))
    const memory = Buffer.from('BTCUSDT')
    table.get(memory, 0, 7, hashOf(memory, 0, 7))
    memory.write('ETHUSDT')
    const again = Buffer.from('BTCUSDT')
    table.get(again, 0, 7, hashOf(again, 0, 7))
    expect(made).toEqual(['BTCUSDT'])
  })
})
