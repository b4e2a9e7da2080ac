import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { startProxy } from './proxy.ts'
import { randomFrom } from './random.ts'
import { everyKind, Rig } from './rig.ts'

describe('a collector behind a network', () => {
  it('takes times in microseconds', async () => {
    await using rig = await Rig.open({ channels: everyKind().filter(({ market }) => market === 'spot') })
    await using proxy = await startProxy(rig.sandbox.endpoint, {
      request: (line) =>
        line.replace(
          /^GET \/(ws|stream)(\?)?/,
          (_, path, more) => `GET /${path}?timeUnit=MICROSECOND${more ? '&' : ''}`,
        ),
    })
    await rig.start({ stream: { endpoint: proxy.endpoint } })
    await rig.run(1200)
    rig.faults({ type: 'disconnect', refuseMs: 400 })
    await rig.run(800)
    await rig.settle()
    await rig.stop()
    await rig.check()
    const lake = rig.sandbox.live().connections
    expect(lake.some(({ path }) => path.includes('timeUnit=MICROSECOND'))).toBe(true)
  })

  it('takes frames that arrive in pieces of some bytes', async () => {
    const random = randomFrom(11)
    await using rig = await Rig.open({ sandbox: { tradesPerSecond: 10 } })
    await using proxy = await startProxy(rig.sandbox.endpoint, {
      down(piece, send) {
        for (let at = 0; at < piece.length; ) {
          // Most end inside a frame, some inside its head; now and then much comes at once.
          const size = random() < 0.05 ? 20_000 : 1 + Math.floor(random() * 400)
          send(Buffer.from(piece.subarray(at, at + size)))
          at += size
        }
      },
    })
    await rig.start({ stream: { endpoint: proxy.endpoint } })
    await rig.run(2000)
    await rig.settle()
    const report = await rig.stop()
    await rig.check()
    expect(report.counters.badFrames).toBe(0)
  })

  it('comes back from bytes that are no WebSocket frames', async () => {
    let broken = 0
    await using rig = await Rig.open()
    await using proxy = await startProxy(rig.sandbox.endpoint, {
      down(piece, send) {
        // One bit of a frame's head, mostly: the length or the opcode is wrong, and what follows makes no sense.
        if (broken > 0 && piece.length > 0) {
          broken--
          piece[0] = piece[0]! ^ 0x70
        }
        send(piece)
      },
    })
    await rig.start({ stream: { endpoint: proxy.endpoint } })
    await rig.run(1000)
    broken = 4
    await rig.run(1500)
    expect(broken).toBe(0)
    await rig.settle()
    const report = await rig.stop()
    await rig.check()
    expect(report.counters.lost).toBeGreaterThan(0)
  })
})

describe('a collector whose channels change', () => {
  it('fills what was not subscribed for a while', async () => {
    await using rig = await Rig.open()
    const collector = await rig.start()
    await rig.run(1000)
    const some = rig.channels.filter(({ kind }) => kind !== 'ticker')
    await collector.unsubscribe(some)
    await rig.run(700)
    await collector.subscribe(some)
    await rig.run(500)
    await rig.settle()
    await rig.stop()
    const verdicts = await rig.check()
    expect(verdicts.filter(({ series }) => /[Tt]rade|candle/.test(series)).flatMap(({ gaps }) => gaps)).toEqual([])
    expect(verdicts.find(({ series }) => series.includes('spot/quote'))!.gaps.length).toBe(1)
  })

  it('can be stopped while it starts, and twice', async () => {
    await using rig = await Rig.open()
    const starting = rig.start().catch((error: unknown) => error)
    while (!rig.started) await sleep(1)
    const [first, second] = await Promise.all([rig.collector.stop(), rig.collector.stop()])
    expect(second).toBe(first)
    await starting
    await rig.start()
    await rig.run(500)
    await rig.settle()
    await rig.stop()
    await rig.check()
  })

  it('goes on when a subscription is given up', async () => {
    await using rig = await Rig.open()
    const collector = await rig.start()
    await rig.run(300)
    rig.faults({ type: 'refuse-upgrade', forMs: 600 }, { type: 'disconnect' })
    const more = everyKind('ETHUSDT')
    // At once, while its series are opened, while the exchange is asked, while the stream is.
    for (const ms of [0, 1, 10, 150]) {
      const signal = ms === 0 ? AbortSignal.abort() : AbortSignal.timeout(ms)
      await collector.subscribe(more, signal).catch(() => {})
    }
    await rig.run(700)
    await collector.subscribe(more)
    await rig.settle()
    await rig.stop()
    await rig.check()
    const verdicts = await rig.verdicts()
    expect(verdicts.find(({ series }) => series.includes('ETHUSDT'))!.records).toBeGreaterThan(0)
  })
})
