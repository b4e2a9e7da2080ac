import type { SandboxMarket } from '../market/listing.ts'
import type { CaptureStatus } from './capture.ts'
import type { Connection } from './connection.ts'
import type { FaultRecord } from './faults.ts'
import type { Route } from './names.ts'

/** A stream on a connection. */
export interface LiveStreamStatus {
  readonly name: string
  /** False for a stream that does not exist or that the route does not carry: acknowledged, and silent. */
  readonly carried: boolean
  /** Frames sent of it. */
  readonly frames: number
}

/** One connection, open or closed. Times are the exchange's, epoch ms. */
export interface LiveConnectionStatus {
  readonly id: number
  readonly market: SandboxMarket
  readonly route?: Route
  readonly path: string
  readonly combined: boolean
  readonly state: 'open' | 'half-open' | 'closed'
  readonly openedAt: number
  readonly closedAt?: number
  /** How it ended, in words. */
  readonly ending?: string
  /** Frames and bytes sent, and frames received. */
  readonly frames: number
  readonly bytes: number
  readonly received: number
  /** Those subscribed, or those that were when it ended. */
  readonly streams: readonly LiveStreamStatus[]
}

/** `GET /sandbox/live`: what the WebSocket part does and has done. */
export interface SandboxLive {
  readonly now: number
  /** Upgrades asked for, and those not granted. */
  readonly attempts: number
  readonly refused: number
  readonly frames: number
  readonly bytes: number
  /** Open ones first, then the last thousand closed ones. */
  readonly connections: readonly LiveConnectionStatus[]
  /** What faults did, oldest first. */
  readonly faults: readonly FaultRecord[]
  readonly capture?: CaptureStatus
}

export function connectionStatus(connection: Connection): LiveConnectionStatus {
  const { id, market, route, path, combined, openedAt, closedAt, ending, frames, bytes, received } = connection
  const streams = [...connection.subscriptions.values()].map((one) => ({
    name: one.name,
    carried: one.channel !== undefined,
    frames: one.frames,
  }))
  return {
    id,
    market,
    ...(route === undefined ? {} : { route }),
    ...{ path, combined },
    state: closedAt !== undefined ? 'closed' : connection.isMute ? 'half-open' : 'open',
    openedAt,
    ...(closedAt === undefined ? {} : { closedAt }),
    ...(ending === undefined ? {} : { ending }),
    ...{ frames, bytes, received, streams },
  }
}
