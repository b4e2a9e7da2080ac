import { expect, test } from 'vitest'
import { ExchangeError, HttpError, isAbortError, NetworkError } from '../../src/model/errors.ts'
import { Hosts, HostsDownError } from '../../src/net/breaker.ts'

const A = 'http://a'
const B = 'http://b'
const C = 'http://c'
const cut = (): Promise<never> => Promise.reject(new NetworkError(A, 'cut'))

async function fail(hosts: Hosts, base: string, times: number, call: () => Promise<unknown> = cut): Promise<void> {
  for (let i = 0; i < times; i++) {
    await hosts.pick([base])
    await hosts.run(base, call).catch(() => {})
  }
}

test('healthy hosts take turns', async () => {
  const hosts = new Hosts()
  const picks = [await hosts.pick([A, B]), await hosts.pick([A, B]), await hosts.pick([A, B]), await hosts.pick([A, B])]
  expect(picks).toEqual([A, B, A, B])
})

test('a host that fails several times in a row is left alone, and the others take its load', async () => {
  const hosts = new Hosts({ failures: 3, openMs: 60_000 })
  await fail(hosts, A, 2)
  expect(hosts.isOpen(A)).toBe(false)
  await fail(hosts, A, 1)
  expect(hosts.isOpen(A)).toBe(true)
  expect([await hosts.pick([A, B]), await hosts.pick([A, B]), await hosts.pick([A, B])]).toEqual([B, B, B])
  await expect(hosts.run(A, () => Promise.resolve(1))).rejects.toMatchObject({ retryable: true, code: 'NETWORK' })
})

test('a success in between starts the count anew', async () => {
  const hosts = new Hosts({ failures: 3, openMs: 60_000 })
  await fail(hosts, A, 2)
  await hosts.run(A, () => Promise.resolve(1))
  await fail(hosts, A, 2)
  expect(hosts.isOpen(A)).toBe(false)
})

test('errors about the request say nothing about the host', async () => {
  const hosts = new Hosts({ failures: 1, openMs: 60_000 })
  await fail(hosts, A, 3, () => Promise.reject(new ExchangeError(A, 400, -1100, 'bad')))
  await fail(hosts, A, 3, () => Promise.reject(new HttpError(A, 404, '')))
  expect(hosts.isOpen(A)).toBe(false)
  await fail(hosts, A, 1, () => Promise.reject(new HttpError(A, 502, '')))
  expect(hosts.isOpen(A)).toBe(true)
})

test('when all hosts are left alone, calls wait for the first that may be probed, and its success closes it', async () => {
  const hosts = new Hosts({ failures: 1, openMs: 30 })
  await fail(hosts, B, 1)
  await fail(hosts, A, 1)
  expect([hosts.isOpen(A), hosts.isOpen(B)]).toEqual([true, true])
  const base = await hosts.pick([A, B])
  expect(await hosts.run(base, () => Promise.resolve('alive'))).toBe('alive')
  expect(hosts.isOpen(base)).toBe(false)
})

test('a probe that fails leaves the host alone again', async () => {
  const hosts = new Hosts({ failures: 1, openMs: 20, maxOpenMs: 60_000 })
  await fail(hosts, A, 1)
  await fail(hosts, A, 1)
  expect(hosts.isOpen(A)).toBe(true)
})

test('when all hosts are left alone for long, calls fail at once and say what the host failed with', async () => {
  const hosts = new Hosts({ failures: 1, openMs: 20_000, maxWaitMs: 1_000 })
  await fail(hosts, A, 1)
  const error = await hosts.pick([A]).catch((failure: unknown) => failure)
  expect(error).toBeInstanceOf(HostsDownError)
  expect(error).toMatchObject({ code: 'NETWORK', retryable: true, url: A })
  expect(String(error)).toMatch(/left alone for 20 s\. Its last failure: http:\/\/a: cut/)
  expect(await hosts.pick([A, B])).toBe(B)
})

test('whoever knows that hosts are back lets a probe through at once', async () => {
  const hosts = new Hosts({ failures: 1, openMs: 600_000, maxOpenMs: 600_000, maxWaitMs: 3_600_000 })
  await fail(hosts, A, 1)
  const waiting = hosts.pick([A])
  hosts.wake([A, B])
  expect(await waiting).toBe(A)
  expect(hosts.isOpen(A)).toBe(false)
  // It was wrong: the host is left alone again, and one more probe is one more word.
  await hosts.run(A, cut).catch(() => {})
  expect(hosts.isOpen(A)).toBe(true)
  await expect(hosts.run(A, () => Promise.resolve(1))).rejects.toThrow(/left alone/)
  hosts.wake([A])
  expect(await hosts.run(await hosts.pick([A]), () => Promise.resolve('back'))).toBe('back')
  expect(await hosts.run(A, () => Promise.resolve('still'))).toBe('still')
})

test('waiting for a probe ends with the signal', async () => {
  const hosts = new Hosts({ failures: 1, openMs: 60_000, maxWaitMs: 120_000 })
  await fail(hosts, A, 1)
  const controller = new AbortController()
  const pending = hosts.pick([A], controller.signal).catch((error: unknown) => error)
  controller.abort()
  expect(isAbortError(await pending)).toBe(true)
})

test('an excluded host is never usable again', () => {
  const hosts = new Hosts()
  hosts.exclude(A)
  expect(hosts.usable([A, B])).toEqual([B])
})

/** Calls as `Hosts` would choose them, each host taking so many ms by a clock of our own; counts the calls. */
function caller(took: Record<string, number>) {
  let now = 0
  const hosts = new Hosts({ clock: () => now, failures: 5, openMs: 60_000 })
  const calls: Record<string, number> = {}
  const call = async (times: number, fails?: string): Promise<Record<string, number>> => {
    for (const base of Object.keys(took)) calls[base] = 0
    for (let i = 0; i < times; i++) {
      const base = await hosts.pick(Object.keys(took))
      calls[base]!++
      await hosts
        .run(base, () => {
          now += took[base]!
          return base === fails ? cut() : Promise.resolve()
        })
        .catch(() => {})
    }
    return { ...calls }
  }
  return { hosts, call, took }
}

test('the host that answers fastest is preferred, and the others are tried now and then', async () => {
  const { call } = caller({ [A]: 200, [B]: 40, [C]: 120 })
  expect(await call(6)).toEqual({ [A]: 2, [B]: 2, [C]: 2 })
  const calls = await call(320)
  expect(calls[B]).toBeGreaterThanOrEqual(290)
  expect([calls[A]! > 5, calls[C]! > 5]).toEqual([true, true])
})

test('hosts that answer about as fast share the load', async () => {
  const { call } = caller({ [A]: 50, [B]: 70, [C]: 300 })
  await call(6)
  const calls = await call(160)
  expect(Math.abs(calls[A]! - calls[B]!)).toBeLessThanOrEqual(10)
  expect(calls[C]).toBeLessThanOrEqual(10)
})

test('the first answer, which pays for the connection, says little', async () => {
  const { call, took, hosts } = caller({ [A]: 400, [B]: 20 })
  await call(2)
  took[A] = 10
  await call(2)
  expect([hosts.latencyOf(A), hosts.latencyOf(B), hosts.latencyOf(C)]).toEqual([10, 20, undefined])
})

test('a host that becomes slow loses its load, and one that becomes fast again is found out', async () => {
  const { call, took } = caller({ [A]: 40, [B]: 80 })
  expect((await call(100))[A]).toBeGreaterThan(80)
  took[A] = 500
  await call(30)
  expect((await call(100))[B]).toBeGreaterThan(80)
  took[A] = 40
  await call(1000)
  expect((await call(100))[A]).toBeGreaterThan(80)
})

test('a host that fails fast is not taken for a fast one', async () => {
  const { call } = caller({ [A]: 5, [B]: 80 })
  await call(20)
  const calls = await call(60, A)
  expect(calls[A]).toBeLessThanOrEqual(10)
})
