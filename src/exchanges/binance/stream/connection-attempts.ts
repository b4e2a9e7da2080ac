import { FramePace } from '../../../net/websocket/frame-pace.ts'

/** Binance takes 300 attempts in 5 minutes per address; what other programs here need is left to them. */
const ATTEMPTS = 250
const PER_MS = 300_000

/** Per host for the whole process, because the exchange counts by address. */
const hosts = new Map<string, FramePace>()

/** Counts an attempt to connect to the URL's host, and says how long it has to wait, ms. */
export function claimAttempt(url: string, now: number): number {
  const { host } = new URL(url)
  let pace = hosts.get(host)
  if (!pace) {
    pace = new FramePace(ATTEMPTS, PER_MS)
    hosts.set(host, pace)
  }
  const wait = pace.wait(now)
  pace.sent(now + wait)
  return wait
}
