import { describe, expect, it } from 'vitest'
import { FrameSpool } from '../../../src/engine/live/frame-spool.ts'
import { recoverSpool } from '../../../src/engine/live/recovery.ts'
import { exchangeOf } from '../../../src/exchanges/index.ts'
import type { ArrivedChunk, ArrivedFrame } from '../../../src/exchanges/stream.ts'
import type { LiveRecord, TradeRecord } from '../../../src/model/live/index.ts'
import { Spool, type SpoolOptions } from '../../../src/store/spool/index.ts'
import { tempFolder } from '../../helpers/temp.ts'

const trade = (id: number): Buffer =>
  Buffer.from(
    `{"e":"trade","E":1700000000001,"s":"BTCUSDT","t":${id},"p":"37000.10","q":"0.5","T":1700000000000,"m":true,"M":true}`,
  )

/** The frames of one read, one behind the other as they are on the wire. */
function arrived(ids: readonly number[], receiveTime: number): ArrivedFrame[] {
  const payloads = ids.map(trade)
  const wire = payloads.flatMap((payload) => [
    Buffer.from([0x81, 126, payload.length >> 8, payload.length & 255]),
    payload,
  ])
  // Memory before and behind it that is none of it.
  const bytes = Buffer.concat([Buffer.alloc(3, 0x81), ...wire, Buffer.alloc(5, 0x81)])
  const chunk: ArrivedChunk = { start: 3, end: bytes.length - 5 }
  let at = 3
  return payloads.map((payload) => {
    const start = at + 4
    at = start + payload.length
    return { market: 'spot', connection: 1, bytes, start, end: at, receiveTime, records: [], chunk }
  })
}

interface Rig {
  readonly spool: Spool
  readonly frames: FrameSpool
  blocked: boolean
  looks: number
}

async function rig(path: string, options: SpoolOptions = {}): Promise<Rig> {
  const spool = await Spool.open(path, options)
  const made: Rig = { spool, blocked: false, looks: 0, frames: undefined as unknown as FrameSpool }
  const flusher = {
    get isBlocked() {
      return made.blocked
    },
  }
  const frames = new FrameSpool({ spool, flusher, pressure: { look: () => void made.looks++ } })
  return Object.assign(made, { frames })
}

/** Ids and sequences of what a later start finds. */
async function found(path: string): Promise<{ id: unknown; sequence: number; receiveTime: number }[]> {
  await using spool = await Spool.open(path)
  const list: { id: unknown; sequence: number; receiveTime: number }[] = []
  await recoverSpool(spool, (market) => exchangeOf('binance').live!.createParser(market), {
    take: (record: LiveRecord, sequence) =>
      void list.push({ id: (record as TradeRecord).id, sequence, receiveTime: record.receiveTime }),
    gap: () => {},
    pause: async () => {},
  })
  return list
}

describe('frames on their way to the spool', () => {
  it('share one entry when they came with one read, and come back from it in order', async () => {
    await using folder = await tempFolder('frame-spool')
    const path = folder.join('.spool')
    const { spool, frames } = await rig(path)
    expect(arrived([1, 2, 3], 1000.5).map((frame) => frames.take(frame))).toEqual([1, 1, 1])
    expect(arrived([4], 2000).map((frame) => frames.take(frame))).toEqual([2])
    const [alone] = arrived([5], 3000)
    expect(frames.take({ ...alone!, chunk: undefined })).toBe(3)
    expect(spool.status.appended.entries).toBe(3)
    await spool.close()
    expect(await found(path)).toEqual([
      { id: 1, sequence: 1, receiveTime: 1000.5 },
      { id: 2, sequence: 1, receiveTime: 1000.5 },
      { id: 3, sequence: 1, receiveTime: 1000.5 },
      { id: 4, sequence: 2, receiveTime: 2000 },
      { id: 5, sequence: 3, receiveTime: 3000 },
    ])
  })

  it('go one by one where there is no memory for all of them, as long as there is some', async () => {
    await using folder = await tempFolder('frame-spool')
    const path = folder.join('.spool')
    const { spool, frames } = await rig(path, { blockBytes: 4096, memoryBytes: 16_384, whenFull: 'drop' })
    spool.append('note', 'spot', 0, Buffer.alloc(10))
    const ids = Array.from({ length: 200 }, (_, i) => i + 1)
    const taken = arrived(ids, 1).map((frame) => frames.take(frame))
    const kept = taken.filter((sequence) => sequence > 0)
    expect(kept.length).toBeGreaterThan(20)
    expect(kept.length).toBeLessThan(ids.length)
    expect(new Set(kept).size).toBe(kept.length)
    expect(taken.at(-1)).toBe(-1)
    await spool.close()
    expect((await found(path)).map(({ sequence }) => sequence)).toEqual(kept)
  })

  it('are refused while the lake takes nothing, also in the middle of a read', async () => {
    await using folder = await tempFolder('frame-spool')
    const made = await rig(folder.join('.spool'))
    const [first, second, third] = arrived([1, 2, 3], 1)
    expect(made.frames.take(first!)).toBe(1)
    made.blocked = true
    expect(made.frames.take(second!)).toBe(-1)
    made.blocked = false
    expect(made.frames.take(third!)).toBe(1)
    // Whoever holds the streams back is asked when something was put there, or refused.
    expect(made.looks).toBe(2)
    await made.spool.close()
  })
})
