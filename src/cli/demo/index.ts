import { history } from './history.ts'
import { live } from './live.ts'
import type { DemoPart } from './part.ts'

/** The chapters of `ticklake demo`, in order. */
export const DEMO_PARTS: readonly DemoPart[] = [history, live]
