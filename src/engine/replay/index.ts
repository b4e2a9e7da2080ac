import type { Lake } from '../../store/lake/lake.ts'
import { readOpenBounds } from '../data-range.ts'
import { readHoldings } from './holdings.ts'
import { Pace } from './pace.ts'
import { Replay } from './replay.ts'
import {
  assertReplay,
  type ReplayDefaults,
  type ReplayOptions,
  type ReplayRequest,
  seriesOfRequest,
} from './request.ts'
import { transformsOf } from './transforms.ts'

export type { ReplayHolding } from './holdings.ts'
export type { ReplayClock } from './pace.ts'
export { Replay } from './replay.ts'
export type { ReplayKind, ReplayOptions, ReplayRequest, ReplaySeries, TransformList } from './request.ts'

/** Makes a replay of what the lake holds. Nothing is read of the rows before somebody reads the replay. */
export async function openReplay(
  lake: Lake,
  request: ReplayRequest,
  options: ReplayOptions,
  defaults: ReplayDefaults,
): Promise<Replay<unknown>> {
  assertReplay(request, options)
  const { speed, clock, transforms, signal } = options
  signal?.throwIfAborted()
  const pace = new Pace(speed, clock)
  const bounds = readOpenBounds(request)
  const holdings = await readHoldings(lake, seriesOfRequest(request, defaults), bounds)
  return new Replay({
    ...{ lake, holdings, pace, options },
    transforms: await transformsOf(holdings, transforms, defaults),
    signals: [signal, defaults.closing],
  })
}
