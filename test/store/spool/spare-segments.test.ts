import { mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidRangeError } from '../../../src/model/errors.ts'
import { Spool, type SpoolDamage, type SpoolOptions } from '../../../src/store/spool/index.ts'
import { canMakeDisks, smallDisk } from '../../helpers/small-disk.ts'
import { tempFolder } from '../../helpers/temp.ts'
import { append, readAll, reopen, SMALL } from './rig.ts'

const canMount = await canMakeDisks()

/** Nothing is written but by `settle`: what is on the disk at a time is known. */
const STEADY: SpoolOptions = { ...SMALL, commitMs: 1_000_000 }

const segments = async (path: string) => (await readdir(path)).filter((name) => name.endsWith('.spool')).sort()
const spares = async (path: string) => (await readdir(path)).filter((name) => name.endsWith('.spare')).sort()

/** Writes what was appended, and waits until nothing more is done to the files: `flush` is content when all is safe. */
async function settle(spool: Spool): Promise<void> {
  await spool.flush()
  await spool.release(0)
}

/** Appends and flushes entries of one length until a segment is complete and the next one is begun. */
async function fillSegment(spool: Spool, length = 300): Promise<void> {
  const before = spool.last
  do {
    for (let i = 0; i < 8; i++) append(spool, `${spool.last + 1}`.padEnd(length, '.'))
    await settle(spool)
  } while (spool.last - before < 16_384 / length)
}

/** The files of a spool and what is in them. */
async function contents(path: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for (const name of [...(await segments(path)), ...(await spares(path))])
    files.set(name, await readFile(join(path, name)))
  return files
}

/** A folder that holds these files, as a process that was killed leaves them. */
async function restore(path: string, files: ReadonlyMap<string, Buffer>): Promise<string> {
  await mkdir(path, { recursive: true })
  for (const [name, bytes] of files) await writeFile(join(path, name), bytes)
  return path
}

/** A write that was cut short: the file as it is after it up to `at`, and as it was before it behind that. */
function cutShort(before: Buffer, after: Buffer, at: number): Buffer {
  return Buffer.concat([after.subarray(0, at), before.subarray(at)])
}

/** Where two states of a file differ: the part that was written between them. */
function written(before: Buffer, after: Buffer): { readonly from: number; readonly to: number } {
  const length = Math.max(before.length, after.length)
  let from = 0
  while (from < length && before[from] === after[from]) from++
  let to = length
  while (to > from && before[to - 1] === after[to - 1]) to--
  return { from, to }
}

describe('a released segment', () => {
  it('is written over by the next ones, and what they hold is read back alone', async () => {
    await using folder = await tempFolder('spare')
    const { path } = folder
    await using spool = await Spool.open(path, STEADY)
    await fillSegment(spool)
    await fillSegment(spool)
    const [first] = await segments(path)
    const { ino, size } = await stat(join(path, first!))
    await spool.release(spool.last - 40)
    expect(await spares(path)).toEqual([first!.replace('.spool', '.spare')])
    expect(spool.status.disk).toBeGreaterThan(size)
    const { disk } = spool.status
    for (let i = 0; i < 4; i++) append(spool, 'the last ones')
    await settle(spool)
    const newest = (await segments(path)).at(-1)!
    const now = await stat(join(path, newest))
    expect(now.ino).toBe(ino)
    expect(now.size).toBe(size)
    expect(await spares(path)).toEqual([])
    // It is as large as it was when it was a spare one.
    expect(spool.status.disk).toBe(disk)

    const { read, damages } = await reopen(await restore(folder.join('killed'), await contents(path)))
    expect(damages).toEqual([])
    expect(read.at(-1)?.text).toBe('the last ones')
    expect(read.map(({ sequence }) => sequence)).toEqual(read.map((_, index) => read[0]!.sequence + index))
    expect(read.at(-1)?.sequence).toBe(spool.last)
  })

  it('is kept only as often as is asked for, and not at all behind a spool that was closed or killed', async () => {
    await using folder = await tempFolder('spare')
    for (const spareSegments of [0, 1, 3]) {
      const path = folder.join(`${spareSegments}`)
      const killed = folder.join(`${spareSegments} killed`)
      {
        await using spool = await Spool.open(path, { ...STEADY, spareSegments })
        for (let i = 0; i < 6; i++) await fillSegment(spool)
        await spool.release(spool.last - 40)
        expect((await spares(path)).length).toBe(spareSegments)
        await restore(killed, await contents(path))
      }
      expect(await spares(path)).toEqual([])
      await reopen(killed)
      expect(await spares(killed)).toEqual([])
    }
    for (const spareSegments of [-1, 1.5, 17])
      await expect(Spool.open(folder.join('x'), { spareSegments })).rejects.toThrow(InvalidRangeError)
  })

  it('is kept rather than a smaller one', async () => {
    await using folder = await tempFolder('spare')
    const { path } = folder
    await using spool = await Spool.open(path, { ...STEADY, spareSegments: 1 })
    append(spool, 'x'.repeat(50_000))
    await settle(spool)
    for (let i = 0; i < 3; i++) await fillSegment(spool)
    await spool.release(spool.last - 40)
    const [spare] = await spares(path)
    expect((await stat(join(path, spare!))).size).toBeGreaterThan(50_000)
  })

  it('can be cut short at any byte of what is written over it: all that was safe is read, nothing of the former one', async () => {
    await using folder = await tempFolder('spare')
    const path = folder.join('s')
    const states: Buffer[] = []
    let first = 0
    let name = ''
    {
      await using spool = await Spool.open(path, { ...STEADY, spareSegments: 1 })
      // Blocks of the former segment as long as those that come, so that they begin at the same places.
      await fillSegment(spool, 10)
      await fillSegment(spool, 10)
      await spool.release(spool.last - 100)
      const [spare] = await spares(path)
      states.push(await readFile(join(path, spare!)))
      const known = new Set(await segments(path))
      for (let written = 0; written < 4; ) {
        for (let i = 0; i < 2; i++) append(spool, `${spool.last + 1}`.padEnd(10, '.'))
        await settle(spool)
        name = (await segments(path)).find((one) => !known.has(one)) ?? ''
        if (name === '') continue
        if (written === 0) first = spool.last - 1
        states.push(await readFile(join(path, name)))
        written++
      }
    }
    expect(first).toBe(Number.parseInt(name, 10))
    let tails = 0
    for (const [index, after] of states.slice(1).entries()) {
      const before = states[index]!
      const { from, to } = written(before, after)
      expect(to).toBeLessThan(before.length)
      for (let at = from; at <= to; at++) {
        const bytes = cutShort(before, after, at)
        const { read, damages } = await reopen(await restore(folder.join('cut'), new Map([[name, bytes]])))
        const safe = index * 2
        const where = `write ${index}, byte ${at}`
        expect([safe, safe + 2], where).toContain(read.length)
        if (at === from) expect(read.length, where).toBe(safe)
        if (at === to) expect(read.length, where).toBe(safe + 2)
        for (const [n, { sequence, text }] of read.entries()) {
          expect(sequence, where).toBe(first + n)
          expect(text, where).toBe(`${sequence}`.padEnd(10, '.'))
        }
        // Where a write was complete, what lies behind it is no damage; where it was not, that is told.
        if (at === from || at === to) expect(damages, where).toEqual([])
        expect(
          damages.every(({ isTail }) => isTail),
          where,
        ).toBe(true)
        tails += damages.length
      }
    }
    expect(tails).toBeGreaterThan(100)
  })

  it('can be left with some pages of what was written over it: all that was safe is read, nothing of the former one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(5000), { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(5000), { minLength: 1, maxLength: 4 }),
        fc.array(fc.boolean(), { minLength: 16, maxLength: 16 }),
        async (safe, lost, pages) => {
          await using folder = await tempFolder('spare')
          const path = folder.join('s')
          await using spool = await Spool.open(path, { ...STEADY, memoryBytes: 262_144, segmentBytes: 65_536 })
          append(spool, 'x'.repeat(70_000))
          await settle(spool)
          append(spool, 'x'.repeat(70_000))
          await settle(spool)
          await spool.release(1)
          const first = spool.last + 1
          const texts = [...safe, ...lost].map((length, n) => `${first + n}`.padEnd(length + 20, '.'))
          for (const text of texts.slice(0, safe.length)) append(spool, text)
          await settle(spool)
          const name = (await segments(path)).at(-1)!
          const before = await readFile(join(path, name))
          for (const text of texts.slice(safe.length)) append(spool, text)
          await settle(spool)
          // The write went on in the same file.
          expect((await segments(path)).at(-1)).toBe(name)
          const after = await readFile(join(path, name))
          const mixed = Buffer.from(before)
          for (const [page, isWritten] of pages.entries())
            if (isWritten && page * 4096 < after.length) after.copy(mixed, page * 4096, page * 4096, (page + 1) * 4096)
          const { read } = await reopen(await restore(folder.join('cut'), new Map([[name, mixed]])))
          expect(read.length).toBeGreaterThanOrEqual(safe.length)
          for (const { sequence, text } of read) expect(text).toBe(texts[sequence - first])
          expect(read.slice(0, safe.length).map(({ sequence }) => sequence)).toEqual(safe.map((_, n) => first + n))
        },
      ),
      { numRuns: 40 },
    )
  })

  it('that has its new name and nothing more is no damage, and its sequences are not given again', async () => {
    await using folder = await tempFolder('spare')
    const path = folder.join('s')
    let files = new Map<string, Buffer>()
    let id = ''
    {
      await using spool = await Spool.open(path, STEADY)
      id = spool.id
      await fillSegment(spool)
      await fillSegment(spool)
      await spool.release(spool.last - 40)
      const [spare] = await spares(path)
      files = new Map([['0000000000001000.spool', await readFile(join(path, spare!))]])
    }
    const killed = await restore(folder.join('killed'), files)
    const damages: SpoolDamage[] = []
    {
      await using spool = await Spool.open(killed, { ...SMALL, onDamage: (damage) => damages.push(damage) })
      expect(spool.id).toBe(id)
      expect(await readAll(spool)).toEqual([])
      expect(append(spool, 'next')).toBeGreaterThan(1000)
    }
    expect(damages).toEqual([])
    expect((await reopen(killed)).read.map(({ text }) => text)).toEqual(['next'])
  })

  it('is not written over while somebody reads it', async () => {
    await using folder = await tempFolder('spare')
    const { path } = folder
    {
      await using spool = await Spool.open(path, STEADY)
      for (let i = 0; i < 4; i++) await fillSegment(spool)
    }
    await using spool = await Spool.open(path, STEADY)
    const texts: string[] = []
    for await (const { sequence, bytes, start, end } of spool.replay()) {
      const text = Buffer.from(bytes.subarray(start, end)).toString()
      expect(text).toBe(`${sequence}`.padEnd(300, '.'))
      texts.push(text)
      if (texts.length > 1) continue
      await spool.release(sequence + 100)
      expect(await spares(path)).toEqual([])
      for (let i = 0; i < 3; i++) await fillSegment(spool, 200)
    }
    expect(texts.map(Number.parseFloat)).toEqual(texts.map((_, n) => n + 1))
    expect(await spares(path)).toEqual([])
    // Whoever has read makes way for those that come.
    await spool.release(spool.last - 40)
    expect((await spares(path)).length).toBe(2)
  })

  it('gives the same as a plain list, whatever is appended, released, killed and opened again', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ append: fc.array(fc.nat(900), { minLength: 1, maxLength: 12 }) }) },
      { weight: 2, arbitrary: fc.record({ release: fc.double({ min: 0, max: 1, noNaN: true }) }) },
      { weight: 1, arbitrary: fc.record({ kill: fc.double({ min: 0, max: 1, noNaN: true }) }) },
      { weight: 1, arbitrary: fc.constant({ reopen: true } as const) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        await using folder = await tempFolder('spare')
        const options: SpoolOptions = { ...STEADY, segmentBytes: 4096, spareSegments: 2 }
        let path = folder.join('0')
        let spool = await Spool.open(path, options)
        const texts = new Map<number, string>()
        let released = 0
        let before = await contents(path)

        /** Opens what a process left: everything from `released` to `safe` must be there, and nothing else that is not true. */
        const look = async (safe: number) => {
          const damages: SpoolDamage[] = []
          spool = await Spool.open(path, { ...options, onDamage: (damage) => damages.push(damage) })
          const read = await readAll(spool)
          expect(damages.every(({ isTail }) => isTail)).toBe(true)
          for (const { sequence, text } of read) expect(text).toBe(texts.get(sequence))
          const found = read.map(({ sequence }) => sequence)
          expect(found).toEqual([...new Set(found)].sort((a, b) => a - b))
          const wanted = [...texts.keys()].filter((sequence) => sequence > released && sequence <= safe)
          expect(found.filter((sequence) => sequence > released && sequence <= safe)).toEqual(wanted)
          // What was lost is lost, and what was saved by chance is there for good.
          for (const sequence of texts.keys()) if (sequence > safe && !found.includes(sequence)) texts.delete(sequence)
          before = await contents(path)
        }

        for (const [index, action] of steps.entries()) {
          if ('append' in action) {
            before = await contents(path)
            for (const length of action.append) {
              const text = `${spool.last + 1}`.padEnd(length + 10, '.')
              texts.set(append(spool, text), text)
            }
            await settle(spool)
          } else if ('release' in action) {
            released = Math.max(released, Math.floor(spool.last * action.release))
            await spool.release(released)
            before = await contents(path)
          } else if ('reopen' in action) {
            await spool.close()
            await look(Number.POSITIVE_INFINITY)
          } else {
            const after = await contents(path)
            await spool.close()
            // The last write was cut short, if it went on in a file that was there.
            const [name, bytes] = [...after].filter(([one]) => one.endsWith('.spool')).at(-1) ?? ['', Buffer.alloc(0)]
            const former = before.get(name)
            let safe = Number.POSITIVE_INFINITY
            if (former !== undefined) {
              const { from, to } = written(former, bytes)
              after.set(name, cutShort(former, bytes, from + Math.floor((to - from) * action.kill)))
              safe = await lastSafe(folder.join(`${index} before`), before)
            }
            path = await restore(folder.join(`${index}`), after)
            await look(safe)
          }
        }
        await spool.close()
        await look(Number.POSITIVE_INFINITY)
        await spool.close()
      }),
      { numRuns: 40 },
    )
  })

  it.skipIf(!canMount)(`is deleted when the disk is full${canMount ? '' : ' (needs root)'}`, async () => {
    await using folder = await tempFolder('spare')
    const path = folder.join('disk')
    await using disk = await smallDisk(path, '256k')
    const s = join(path, 's')
    await using spool = await Spool.open(s, { ...STEADY, retryMs: 1_000_000 })
    for (let i = 0; i < 4; i++) await fillSegment(spool)
    const taken = spool.last
    await spool.release(taken - 40)
    expect((await spares(s)).length).toBe(2)
    const ballast = await open(join(path, 'ballast'), 'w')
    await ballast.write(Buffer.alloc(262_144)).catch(() => {})
    await ballast.close()
    const large = append(spool, 'y'.repeat(100_000))
    const flushed = spool.flush()
    await expect.poll(() => spool.status.state, { timeout: 20_000 }).toBe('failing')
    await expect.poll(() => spares(s), { timeout: 20_000 }).toEqual([])
    await disk.resize('4m')
    // The last try is that of the end.
    await spool.close()
    await flushed
    const { read, damages } = await reopen(s)
    expect(damages).toEqual([])
    expect(read.at(-1)?.sequence).toBe(large)
    expect(read.filter(({ sequence }) => sequence > taken - 40).length).toBe(41)
  })
})

/** Sequence of the newest entry in files that were left. */
async function lastSafe(path: string, files: ReadonlyMap<string, Buffer>): Promise<number> {
  const { read } = await reopen(await restore(path, files))
  return read.at(-1)?.sequence ?? 0
}
