import { FramePace } from '../../../net/websocket/frame-pace.ts'

/** Binance takes 300 attempts in 5 minutes per address; what other programs here need is left to them. */
const ATTEMPTS = 250
const PER_MS = 300_000

/** Per host for the whole process, because the exchange counts by address. */
const hosts = new Map<string, FramePace>()

function paceOf(url: string): FramePace {
  const { host } = new URL(url)
  let pace = hosts.get(host)
  if (!pace) {
    pace = new FramePace(ATTEMPTS, PER_MS)
    hosts.set(host, pace)
  }
  return pace
}

/** Counts an attempt to connect to the URL's host, and says how long it has to wait, ms. */
export function claimAttempt(url: string, now: number): number {
  const pace = paceOf(url)
  const wait = pace.wait(now)
  pace.sent(now + wait)
  return wait
}

/**
 * How far apart attempts to connect to the URL's host have to be for those that are left to last, ms: whoever has used them
 * up stays away for minutes after the exchange is back. 0 while most are left.
 */
export function attemptSpacing(url: string, now: number): number {
  return paceOf(url).spacing(now)
}
