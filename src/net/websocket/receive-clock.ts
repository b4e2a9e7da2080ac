/** How far the fast clock may be from the wall clock before it is set, ms. */
const MAX_DRIFT = 2
/** How often it is compared, ms. */
const CHECK = 1000

let offset = performance.timeOrigin
let checkAt = 0

/**
 * The local clock, epoch ms with a fraction down to the microsecond, which is what the lake keeps. `performance.now()`
 * has the fraction but knows nothing of the times that the system's clock is set, so the two are compared once a second.
 */
export function receiveTime(): number {
  const now = performance.now()
  if (now >= checkAt) {
    checkAt = now + CHECK
    const drift = Date.now() - (offset + now)
    if (Math.abs(drift) > MAX_DRIFT) offset += drift
  }
  return Math.round((offset + now) * 1000) / 1000
}
