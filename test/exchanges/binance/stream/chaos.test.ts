import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamPool } from '../../../../src/exchanges/binance/stream/stream-pool.ts'
import type { Channel, StreamEvent } from '../../../../src/exchanges/stream.ts'
import { StreamServer } from './stream-server.ts'

const trade = (number: number): Channel => ({ market: 'spot', kind: 'trade', symbol: `S${number}` })

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('subscribe' as const), channels: fc.array(fc.nat({ max: 9 }), { maxLength: 6 }) }),
    fc.record({ do: fc.constant('unsubscribe' as const), channels: fc.array(fc.nat({ max: 9 }), { maxLength: 4 }) }),
    fc.record({ do: fc.constantFrom('cut' as const, 'shutdown' as const, 'reconnect' as const) }),
    fc.record({
      do: fc.constantFrom('close' as const, 'forget' as const, 'freeze' as const),
      peer: fc.nat({ max: 4 }),
    }),
    fc.record({ do: fc.constant('refuse' as const), forMs: fc.nat({ max: 60 }) }),
    fc.record({ do: fc.constant('mute' as const), forMs: fc.nat({ max: 60 }) }),
    fc.record({ do: fc.constant('wait' as const), forMs: fc.nat({ max: 60 }) }),
  ),
  { minLength: 3, maxLength: 25 },
)

type Step = typeof steps extends fc.Arbitrary<(infer One)[]> ? One : never

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function take(step: Step, server: StreamServer, pool: StreamPool, wanted: Set<number>): Promise<void> {
  const quiet = (): void => {}
  switch (step.do) {
    case 'subscribe':
      for (const number of step.channels) wanted.add(number)
      pool.subscribe(step.channels.map(trade)).catch(quiet)
      break
    case 'unsubscribe':
      for (const number of step.channels) wanted.delete(number)
      pool.unsubscribe(step.channels.map(trade)).catch(quiet)
      break
    case 'cut':
      server.cutAll()
      break
    case 'shutdown':
      for (const peer of server.open)
        peer.socket.send('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}')
      break
    case 'reconnect':
      pool.reconnect().catch(quiet)
      break
    case 'close':
      server.open[step.peer]?.socket.close(1001, 'day is over')
      break
    case 'forget':
      // Acknowledged, and silent from now on.
      server.open[step.peer]?.names.clear()
      break
    case 'freeze':
      server.open[step.peer]?.socket.pause()
      break
    case 'refuse':
      server.manners.refuse = 503
      await wait(step.forMs)
      server.manners.refuse = undefined
      break
    case 'mute':
      server.manners.isMute = true
      await wait(step.forMs)
      server.manners.isMute = false
      break
    case 'wait':
      await wait(step.forMs)
  }
}

/** Whether every wanted channel comes over one connection, as the server sees it too, and nothing else does. */
function isSettled(server: StreamServer, pool: StreamPool, wanted: ReadonlySet<number>): boolean {
  const names = [...wanted].map((number) => `s${number}@trade`).sort()
  const served = server.open.flatMap((peer) => [...peer.names]).sort()
  const states = pool.channels()
  return (
    states.length === wanted.size &&
    states.every(({ state }) => state === 'live') &&
    served.length === names.length &&
    served.every((name, i) => name === names[i]) &&
    pool.connections().every(({ state, channels }) => state === 'open' && channels > 0) &&
    pool.connections().length === server.open.length
  )
}

describe('a pool of connections under random trouble', () => {
  it('ends up with every wanted channel live on one connection, and no other', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const server = await StreamServer.start()
        const events: StreamEvent[] = []
        const bounds = {
          silenceMs: 150,
          pingIntervalMs: 40,
          pingTimeoutMs: 80,
          connectTimeoutMs: 120,
          closeTimeoutMs: 50,
        }
        const pool = new StreamPool(
          {
            endpoint: server.endpoint,
            ...bounds,
            reconnectDelayMs: 10,
            maxReconnectDelayMs: 40,
            rotateOverlapMs: 15,
            channelsPerConnection: 4,
          },
          {
            event: (event) => events.push(event.type === 'bad-frame' ? { ...event, frame: new Uint8Array(0) } : event),
          },
        )
        const wanted = new Set<number>()
        try {
          for (const step of list) await take(step, server, pool, wanted)
          // A frozen end would never see that it was left.
          for (const peer of server.open) peer.socket.resume()
          // No clock decides: a pool that never settles runs into the test's time limit, with its state told.
          for (let looks = 0; !isSettled(server, pool, wanted); looks++) {
            if (looks === 1500) {
              const told = { wanted: [...wanted], channels: pool.channels(), connections: pool.connections() }
              const served = server.open.map((peer) => [peer.number, ...peer.names])
              const lines = [...told.channels, ...told.connections, ...events.slice(-40)].map((line) =>
                JSON.stringify(line),
              )
              expect.fail([JSON.stringify([told.wanted, served, list]), ...lines].join('\n'))
            }
            await wait(10)
          }
        } finally {
          await pool.close()
          await server.close()
        }
        expect(pool.connections()).toEqual([])
        expect(pool.isOverlapping).toBe(false)
        expect(server.busiestSecond).toBeLessThanOrEqual(5)
      }),
      {
        numRuns: Number(process.env.CHAOS_RUNS ?? 8),
        ...(process.env.CHAOS_SEED ? { seed: Number(process.env.CHAOS_SEED) } : {}),
        endOnFailure: true,
        interruptAfterTimeLimit: 100_000,
      },
    )
  }, 120_000)
})
