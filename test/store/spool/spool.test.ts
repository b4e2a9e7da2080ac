import { cp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LakeLockedError } from '../../../src/model/errors.ts'
import { BLOCK_MAGIC, segmentHeader, segmentName } from '../../../src/store/spool/format.ts'
import { decodeRecords, encodeRecords, Spool, type SpoolStatus } from '../../../src/store/spool/index.ts'
import { canMakeDisks, smallDisk } from '../../helpers/small-disk.ts'
import { tempFolder } from '../../helpers/temp.ts'
import { append, readAll, reopen, SMALL } from './rig.ts'

const canMount = await canMakeDisks()

describe('the spool', () => {
  it('gives back what was appended, in order, with type, market and receive time', async () => {
    await using folder = await tempFolder('spool')
    const path = folder.join('.spool')
    {
      await using spool = await Spool.open(path)
      const around = Buffer.from('..hello..')
      expect(spool.append('frame', 'usdm', 1_700_000_000_000.125, around, 2, 7)).toBe(1)
      expect(spool.append('records', 'spot', Number.NaN, Buffer.from('{}'))).toBe(2)
      expect(spool.append('note', 'coinm', 0, Buffer.alloc(0))).toBe(3)
      expect(spool.durable).toBe(0)
      await spool.flushed(3)
      expect(spool.durable).toBe(3)
    }
    await using spool = await Spool.open(path)
    const entries = []
    for await (const { bytes, start, end, ...entry } of spool.replay())
      entries.push({ ...entry, text: Buffer.from(bytes.subarray(start, end)).toString() })
    expect(entries).toEqual([
      { sequence: 1, type: 'frame', market: 'usdm', receiveTime: 1_700_000_000_000.125, text: 'hello' },
      { sequence: 2, type: 'records', market: 'spot', receiveTime: Number.NaN, text: '{}' },
      { sequence: 3, type: 'note', market: 'coinm', receiveTime: 0, text: '' },
    ])
  })

  it('never gives a sequence twice, and tells a new spool from the one before', async () => {
    await using folder = await tempFolder('spool')
    let id = ''
    {
      await using spool = await Spool.open(folder.path, SMALL)
      id = spool.id
      for (let i = 0; i < 100; i++) append(spool, 'x'.repeat(100))
    }
    {
      await using spool = await Spool.open(folder.path, SMALL)
      expect(spool.id).toBe(id)
      expect(append(spool, 'y')).toBeGreaterThan(100)
      expect((await readAll(spool)).length).toBe(100)
      await spool.flush()
      await spool.release(spool.last)
    }
    expect(await readdir(folder.path)).toEqual([])
    await using spool = await Spool.open(folder.path, SMALL)
    expect(spool.id).not.toBe(id)
  })

  it('is held by one process, and the second is told by which', async () => {
    await using folder = await tempFolder('spool')
    await using _spool = await Spool.open(folder.path)
    const second = Spool.open(folder.path)
    await expect(second).rejects.toThrow(LakeLockedError)
    await expect(second).rejects.toThrow(`process ${process.pid}`)
  })

  it('takes entries larger than a block and than all its memory', async () => {
    await using folder = await tempFolder('spool')
    const large = 'a'.repeat(200_000)
    {
      await using spool = await Spool.open(folder.path, SMALL)
      append(spool, 'before')
      await spool.flush()
      expect(append(spool, large)).toBe(2)
      await spool.flush()
      append(spool, 'after')
    }
    expect((await reopen(folder.path)).read.map(({ text }) => text)).toEqual(['before', large, 'after'])
  })

  it.each(['block', 'drop'] as const)(
    'holds no more than its memory when the disk is slower (%s)',
    async (whenFull) => {
      await using folder = await tempFolder('spool')
      const states: string[] = []
      const taken: number[] = []
      {
        await using spool = await Spool.open(folder.path, {
          ...SMALL,
          whenFull,
          onState: (status) => states.push(status.state),
        })
        // Nothing is written while this loop runs: the slowest disk there is.
        for (let i = 0; i < 1000; i++) {
          const sequence = append(spool, `${i}`.padEnd(200))
          if (sequence > 0) taken.push(i)
        }
        const { refused, memory } = spool.status
        expect(memory).toBeLessThanOrEqual(65_536)
        expect(refused).toEqual({ entries: 1000 - taken.length, bytes: (1000 - taken.length) * 200 })
        expect(refused.entries).toBeGreaterThan(0)
        expect(spool.isFull).toBe(whenFull === 'block')
        await spool.drained()
        await spool.flush()
        expect(spool.isFull).toBe(false)
        expect(append(spool, 'there is room again')).toBe(taken.length + 1)
      }
      expect(states).toEqual(['full', 'fine'])
      const { read } = await reopen(folder.path)
      expect(read.map(({ text }) => text.trim())).toEqual([...taken.map(String), 'there is room again'])
    },
  )

  it('begins new segments by size and deletes those that were released, and no others', async () => {
    await using folder = await tempFolder('spool')
    await using spool = await Spool.open(folder.path, SMALL)
    for (let i = 0; i < 20; i++) {
      for (let j = 0; j < 20; j++) append(spool, 'z'.repeat(300))
      await spool.flush()
    }
    const before = spool.status.segments
    expect(before).toBeGreaterThan(4)
    await spool.release(200)
    const left = spool.status.segments
    expect(left).toBeLessThan(before)
    await spool.close()
    const { read } = await reopen(folder.path)
    // What was not released is there whole; of what was, at most the rest of one segment.
    expect(read.at(-1)?.sequence).toBe(400)
    expect(read[0]!.sequence).toBeLessThanOrEqual(201)
    expect(read[0]!.sequence).toBeGreaterThan(201 - 16_384 / 300 - 20)
    expect(read.map(({ sequence }) => sequence)).toEqual(read.map((_, index) => read[0]!.sequence + index))
  })

  it('reads round a damaged block and says which entries are lost', async () => {
    await using folder = await tempFolder('spool')
    {
      await using spool = await Spool.open(folder.path, { ...SMALL, segmentBytes: 1_000_000 })
      for (let block = 0; block < 5; block++) {
        for (let i = 0; i < 10; i++) append(spool, `${block}.${i}`)
        await spool.flush()
      }
    }
    const [name] = await readdir(folder.path)
    const path = join(folder.path, name!)
    const bytes = await readFile(path)
    bytes[bytes.indexOf('2.5')]! ^= 1
    await writeFile(path, bytes)
    const { read, damages } = await reopen(folder.path)
    expect(damages).toMatchObject([{ path, isTail: false, lost: { first: 21, last: 30 } }])
    expect(read.map(({ text }) => text[0])).toEqual([
      ...'0000000000',
      ...'1111111111',
      ...'3333333333',
      ...'4444444444',
    ])
  })

  it('loses nothing acknowledged wherever the file is cut, and goes on from there', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(fc.nat(3000), { minLength: 1, maxLength: 12 }), fc.boolean()), {
          minLength: 1,
          maxLength: 6,
        }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (batches, where) => {
          await using folder = await tempFolder('spool')
          const path = folder.join('s')
          const sizes: number[] = []
          /** Length of the newest segment when that many entries were durable. */
          const durable: { name: string; length: number; last: number }[] = []
          {
            await using spool = await Spool.open(path, { ...SMALL, segmentBytes: 1_000_000, commitMs: 10_000 })
            for (const [lengths, flush] of batches) {
              for (const length of lengths) {
                append(spool, `${sizes.length}`.padEnd(length + 5, '.'))
                sizes.push(length + 5)
              }
              if (!flush) continue
              await spool.flush()
              const name = (await readdir(path)).find((entry) => entry.endsWith('.spool'))!
              durable.push({ name, length: spool.status.disk, last: spool.durable })
            }
          }
          const name = (await readdir(path)).find((entry) => entry.endsWith('.spool'))!
          const whole = await readFile(join(path, name))
          const cut = Math.floor(whole.length * where)
          await truncate(join(path, name), cut)
          const acknowledged = Math.max(0, ...durable.filter(({ length }) => length <= cut).map(({ last }) => last))
          {
            await using spool = await Spool.open(path, SMALL)
            const read = await readAll(spool)
            expect(read.length).toBeGreaterThanOrEqual(acknowledged)
            for (const [index, { sequence, text }] of read.entries()) {
              expect(sequence).toBe(index + 1)
              expect(text).toBe(`${index}`.padEnd(sizes[index]!, '.'))
            }
            append(spool, 'next')
          }
          const { read } = await reopen(path)
          expect(read.at(-1)?.text).toBe('next')
        },
      ),
      { numRuns: 40 },
    )
  })

  it('gives only true entries when a byte of it is changed', async () => {
    await using folder = await tempFolder('spool')
    const path = folder.join('s')
    {
      await using spool = await Spool.open(path, { ...SMALL, segmentBytes: 8192 })
      for (let i = 0; i < 120; i++) {
        append(spool, `${i + 1}`.padEnd(100))
        if (i % 7 === 0) await spool.flush()
      }
    }
    const names = (await readdir(path)).sort()
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), async (which, where, change) => {
        const copy = folder.join('copy')
        await cp(path, copy, { recursive: true })
        const file = join(copy, names[which % names.length]!)
        const bytes = await readFile(file)
        bytes[where % bytes.length]! ^= change
        await writeFile(file, bytes)
        const { read } = await reopen(copy)
        expect(read.length).toBeGreaterThan(60)
        for (const { sequence, text } of read) expect(text).toBe(`${sequence}`.padEnd(100))
        await rm(copy, { recursive: true })
      }),
      { numRuns: 40 },
    )
  })

  it('gives a block once that stands in two segments, as a failed sync leaves it', async () => {
    await using folder = await tempFolder('spool')
    let id = ''
    {
      await using spool = await Spool.open(folder.path, SMALL)
      id = spool.id
      for (let i = 1; i <= 5; i++) append(spool, `${i}`)
      await spool.flush()
      for (let i = 6; i <= 10; i++) append(spool, `${i}`)
    }
    const [name] = await readdir(folder.path)
    const bytes = await readFile(join(folder.path, name!))
    const second = bytes.subarray(bytes.lastIndexOf(BLOCK_MAGIC))
    const header = segmentHeader({ id, first: 6, createdAt: 0 })
    await writeFile(join(folder.path, segmentName(6)), Buffer.concat([header, second]))
    const { read, damages } = await reopen(folder.path)
    expect(read.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(damages).toEqual([])
  })

  it('keeps records exact: ids beyond 2^53, NaN, fractions', () => {
    const record = {
      kind: 'trade' as const,
      market: 'spot' as const,
      symbol: '12n',
      id: 9_007_199_254_740_993n,
      time: 1_700_000_000_000.25,
      price: 0.1,
      quantity: 1e-8,
      buyerIsMaker: true,
      eventTime: Number.NaN,
      receiveTime: Number.NaN,
      flags: 1,
    }
    const bytes = encodeRecords([
      { ...record, symbol: 'BTCUSDT' },
      { ...record, symbol: '币安人生', id: 5 },
    ])
    const around = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yy')])
    expect(decodeRecords(around, 2, around.length - 2)).toEqual([
      { ...record, symbol: 'BTCUSDT' },
      { ...record, symbol: '币安人生', id: 5 },
    ])
    expect(() => decodeRecords(Buffer.from('{}\n{'))).toThrow(/line 2/)
  })

  it.skipIf(!canMount)(
    `keeps what it holds while the disk is full, and stores it when there is room${canMount ? '' : ' (needs root)'}`,
    async () => {
      await using folder = await tempFolder('spool')
      const path = folder.join('disk')
      await using disk = await smallDisk(path, '128k')
      const statuses: SpoolStatus[] = []
      const taken: number[] = []
      {
        await using spool = await Spool.open(join(path, 's'), {
          ...SMALL,
          memoryBytes: 131_072,
          retryMs: 20,
          onState: (status) => statuses.push(status),
        })
        const failing = new Promise<void>((done) => {
          const look = setInterval(() => {
            const sequence = append(spool, `${taken.length}`.padEnd(1000))
            if (sequence > 0) taken.push(sequence)
            if (spool.status.state !== 'failing' || spool.status.refused.entries === 0) return
            clearInterval(look)
            done()
          }, 1)
        })
        await failing
        expect(spool.status.error?.message).toMatch(/the disk is full\. Free some space/)
        expect(spool.status.error?.message).toContain(path)
        const { durable } = spool
        expect(durable).toBeGreaterThan(20)
        expect(durable).toBeLessThan(taken.at(-1)!)
        await disk.resize('4m')
        await spool.flushed(taken.at(-1)!)
        expect(spool.status.state).toBe('fine')
        taken.push(append(spool, `${taken.length}`.padEnd(1000)))
      }
      // A slow machine may be short of memory, and fine again, any number of times before the disk is full.
      const states = statuses.map(({ state }) => state).filter((state) => state !== 'full')
      const failed = states.indexOf('failing')
      expect(states.slice(0, failed).filter((state) => state !== 'fine')).toEqual([])
      expect(states.slice(failed)).toEqual(['failing', 'fine'])
      const { read, damages } = await reopen(join(path, 's'))
      expect(read.map(({ text }) => Number(text))).toEqual(taken.map((_, index) => index))
      expect(damages).toEqual([])
    },
  )

  it.skipIf(!canMount)(
    `rejects whoever waits when it is closed on a full disk, and gives the lock back${canMount ? '' : ' (needs root)'}`,
    async () => {
      await using folder = await tempFolder('spool')
      const path = folder.join('disk')
      await using disk = await smallDisk(path, '64k')
      const spool = await Spool.open(join(path, 's'), { ...SMALL, retryMs: 60_000 })
      await writeFile(join(path, 'ballast'), Buffer.alloc(60_000)).catch(() => {})
      const ballast = await open(join(path, 'more'), 'w')
      await ballast.write(Buffer.alloc(65_536)).catch(() => {})
      await ballast.close()
      const waiting = spool.flushed(append(spool, 'x'.repeat(10_000)))
      const outcome = waiting.then(
        () => 'safe',
        (error: Error) => error.message,
      )
      await expect(spool.close()).rejects.toThrow(/the disk is full/)
      expect(await outcome).toMatch(/the disk is full/)
      await disk.resize('4m')
      expect((await reopen(join(path, 's'))).read).toEqual([])
    },
  )
})
