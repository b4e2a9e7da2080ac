import { raiseIds } from '../faults/large-ids.ts'
import type { EventFault, LiveFaults, StreamFault } from './faults.ts'
import { frameOf, wrapping } from './frames.ts'
import type { Subscription } from './subscription.ts'

/** An event that a fault keeps back. */
export interface Held {
  readonly payload: Buffer
  /** Events of the stream that still go before it (`reorder`) … */
  ahead: number
  /** … or the instant on the exchange's clock at which it goes (`delay`). */
  readonly until: number
}

/** Sends an event as the faults of its stream would have it. */
export function damage(
  subscription: Subscription,
  payload: Buffer,
  time: number,
  hitting: readonly StreamFault[],
  faults: LiveFaults,
): void {
  const { connection } = subscription
  let bytes = payload
  let copies = 1
  let ahead = 0
  let until = 0
  for (const fault of hitting) {
    const { spec } = fault
    if (!faults.hits(fault)) continue
    const id = idOf(payload)
    switch (spec.type) {
      case 'disconnect':
      case 'half-open':
      case 'close':
      case 'server-shutdown':
        faults.act(connection, spec)
        if (connection.isClosed || connection.isMute) return
        continue
      case 'large-ids':
        bytes = Buffer.from(raiseIds(bytes.toString(), BigInt(spec.offset ?? 2 ** 53)))
        continue
      default:
    }
    faults.record(spec.type, connection, subscription.name, id)
    switch (spec.type) {
      case 'silent-stream':
      case 'drop':
        copies = 0
        break
      case 'duplicate':
        copies *= spec.copies ?? 2
        break
      case 'reorder':
        ahead = spec.by ?? 1
        break
      case 'delay':
        until = time + spec.ms
        break
      case 'garbage-frame':
        if (spec.instead) copies = 0
        connection.push(garbage(spec, subscription, bytes), 1)
        break
      case 'unknown-event':
        subscription.deliver(Buffer.from(`{"e":"somethingNew","E":${time},"s":"NEWUSDT","x":{"y":[1,"2",null]}}`))
        break
      case 'unknown-field':
        bytes = withField(bytes)
        break
      case 'blanks':
        bytes = withBlanks(bytes)
        break
    }
  }
  if (copies === 0) return
  const { held } = subscription
  const waiting = held.some((one) => one.until > 0)
  if (until > 0 || waiting) {
    const last = held.reduce((most, one) => Math.max(most, one.until), 0)
    for (let i = 0; i < copies; i++) held.push({ payload: bytes, ahead: 0, until: Math.max(until, last) })
    return
  }
  if (ahead > 0) {
    for (let i = 0; i < copies; i++) held.push({ payload: bytes, ahead, until: 0 })
    return
  }
  for (let i = 0; i < copies; i++) subscription.deliver(bytes)
  passBy(subscription)
}

/** An event went by those that were put behind it. */
function passBy(subscription: Subscription): void {
  const { held } = subscription
  for (let i = 0; i < held.length; ) {
    const one = held[i]!
    if (one.until === 0 && --one.ahead <= 0) {
      held.splice(i, 1)
      subscription.deliver(one.payload)
    } else i++
  }
}

/** Sends what was delayed long enough. */
export function release(subscription: Subscription, now: number): void {
  const { held } = subscription
  for (let i = 0; i < held.length; ) {
    const one = held[i]!
    if (one.until > 0 && one.until <= now) {
      held.splice(i, 1)
      subscription.deliver(one.payload)
    } else i++
  }
}

function garbage(
  spec: Extract<EventFault, { type: 'garbage-frame' }>,
  subscription: Subscription,
  payload: Buffer,
): Buffer {
  if (spec.body === 'text') return frameOf('upstream connect error or disconnect/reset before headers')
  const { before, after } = wrapping(subscription.name)
  const whole = subscription.connection.combined ? Buffer.concat([before, payload, after]) : payload
  if (spec.body === 'binary') return frameOf(Buffer.from([0x00, 0xff, 0xfe, ...whole.subarray(0, 64)]), true)
  // A letter of several bytes is not cut: the frame would be no text any more, and clients have to close then.
  let end = Math.floor(whole.length / 2)
  while (end > 0 && (whole[end]! & 0xc0) === 0x80) end--
  return frameOf(whole.subarray(0, end))
}

function withField(payload: Buffer): Buffer {
  const text = payload.toString()
  const end = text.lastIndexOf('}')
  return Buffer.from(`${text.slice(0, end)},"zz":{"new":[1,"a}",null]}${text.slice(end)}`)
}

/** Blanks of all kinds between the parts of a JSON text. */
function withBlanks(payload: Buffer): Buffer {
  const kinds = [' ', '\n', '\t', '  ', '\r\n']
  let turn = 0
  const text = payload.toString().replace(/"(?:[^"\\]|\\.)*"|[[\]{}:,]/g, (part) => {
    if (part.startsWith('"')) return part
    const blank = kinds[turn++ % kinds.length]!
    return `${blank}${part}${blank}`
  })
  return Buffer.from(text)
}

/** First id of an event: of a trade or an update. */
function idOf(payload: Buffer): number | undefined {
  const text = payload.toString('latin1', 0, Math.min(payload.length, 400))
  const event = /^\{"e":"(\w+)"/.exec(text)?.[1]
  const field =
    event === 'trade' ? 't' : event === 'aggTrade' ? 'a' : event === 'depthUpdate' ? 'U' : 'u|lastUpdateId|t'
  const found = new RegExp(`"(?:${field})":(\\d+)`).exec(text)?.[1]
  return found === undefined ? undefined : Number(found)
}
