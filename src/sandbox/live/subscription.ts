import type { Channel } from './channel.ts'
import type { Connection } from './connection.ts'
import { damage, type Held } from './damage.ts'
import type { LiveFaults, StreamFault } from './faults.ts'
import { type Due, frameBatch } from './frames.ts'

/** A stream on a connection. */
export class Subscription {
  readonly connection: Connection
  readonly name: string
  /** Undefined for a stream that does not exist or that this route does not carry: acknowledged, and silent. */
  readonly channel: Channel | undefined
  readonly #faults: LiveFaults
  /** Faults that hit single events of this stream, as of a version of the list. */
  #hitting: readonly StreamFault[] = []
  #version = -1
  /** Events that a fault keeps back. */
  readonly held: Held[] = []
  frames = 0

  constructor(connection: Connection, name: string, channel: Channel | undefined, faults: LiveFaults) {
    this.connection = connection
    this.name = name
    this.channel = channel
    this.#faults = faults
    channel?.subscriptions.add(this)
  }

  close(): void {
    this.channel?.subscriptions.delete(this)
    this.held.length = 0
  }

  send(due: Due): void {
    const { connection } = this
    if (connection.isMute) return
    if (this.#version !== this.#faults.version) {
      this.#version = this.#faults.version
      this.#hitting = this.#faults.of(this, this.#hitting)
    }
    if (this.#hitting.length > 0 || this.held.length > 0) {
      this.#sendDamaged(due)
      return
    }
    const { bytes, ends } = due.prepared.frames(connection.combined)
    const count = due.to - due.from
    this.frames += count
    connection.push(bytes.subarray(due.from === 0 ? 0 : ends[due.from - 1]!, ends[due.to - 1]!), count)
  }

  /** Event by event, as faults would have it. */
  #sendDamaged(due: Due): void {
    const { batch } = due.prepared
    for (let i = due.from; i < due.to; i++) {
      if (this.connection.isMute || this.connection.isClosed) return
      const payload = batch.bytes.subarray(i === 0 ? 0 : batch.ends[i - 1]!, batch.ends[i]!)
      damage(this, payload, batch.times[i]!, this.#hitting, this.#faults)
    }
  }

  /** Sends a payload in the connection's form. */
  deliver(payload: Buffer): void {
    const batch = { bytes: payload, ends: [payload.length], times: [0] }
    this.frames++
    this.connection.push(frameBatch(batch, this.connection.combined ? this.name : undefined).bytes, 1)
  }
}
