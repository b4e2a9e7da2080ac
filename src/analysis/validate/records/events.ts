import { countIds, nextId, previousId, sameId } from '../../../model/live/ids.ts'
import type { RecordId } from '../../../model/live/record.ts'
import { type CheckContext, type Stage, show } from './stage.ts'

/** What every live record carries, as far as it is there. */
export interface CheckedEvent {
  readonly symbol?: string | undefined
  readonly eventTime?: number | undefined
  readonly receiveTime?: number | undefined
}

/** What is known of a series of events. */
export interface EventContext extends CheckContext {
  /** How long after the exchange sent a record it may reach us, ms. Default 60,000. */
  readonly maxLatencyMs?: number
  /** How far our clock may be behind the exchange's, ms. Default 5,000. */
  readonly maxLeadMs?: number
  /** The highest funding rate that the contract may have, as a fraction. Default 0.04, above every cap that was seen. */
  readonly fundingCap?: number
  /** How far a mark price may be from its index, as a fraction. Default 0.1, of dated contracts 0.3. */
  readonly maxMarkDistance?: number
}

/** Events come in the order in which they were sent. */
export function timeStage<Row extends CheckedEvent>(
  happenedAt: (row: Row) => number | undefined,
): Stage<Row, EventContext> {
  return {
    name: 'time',
    meaning: 'times are there and do not go back, and nothing is sent before it happened',
    start: () => {
      let latest = Number.NEGATIVE_INFINITY
      return (row, report) => {
        const time = happenedAt(row)
        if (time === undefined) return
        if (!(time > 0 && time < Number.POSITIVE_INFINITY)) report('no-time', 'error', `the time is ${time}`)
        else if (time < latest) {
          report('time-goes-back', 'error', `${show(time)} after ${show(latest)}`)
        } else latest = time
        const { eventTime } = row
        // The engine and the sender round by themselves.
        if (eventTime !== undefined && eventTime < time - 1) {
          report('sent-before-it-happened', 'error', `sent ${show(eventTime)}, happened ${show(time)}`)
        }
      }
    },
  }
}

/** Each instant has one record, and they rise: of kinds that are told apart by their time. `least` ms lie between two. */
export function instantStage<Row extends CheckedEvent>(
  instantOf: (row: Row) => number | undefined,
  least = 0,
): Stage<Row, EventContext> {
  return {
    name: 'time',
    meaning: 'times are there and rise, each occurs once',
    start: () => {
      let latest = Number.NEGATIVE_INFINITY
      return (row, report) => {
        const time = instantOf(row)
        if (time === undefined) return
        if (!(time > 0 && time < Number.POSITIVE_INFINITY)) report('no-time', 'error', `the time is ${time}`)
        else if (time === latest) report('repeated-time', 'error', `${show(time)} comes twice`)
        else if (time < latest) report('time-goes-back', 'error', `${show(time)} after ${show(latest)}`)
        else {
          if (time - latest < least)
            report('repeated-time', 'error', `${show(time)} is told at ${show(latest)} already`)
          latest = time
        }
      }
    },
  }
}

/** Records reach us soon after they were sent. */
export function latencyStage<Row extends CheckedEvent>(): Stage<Row, EventContext> {
  return {
    name: 'latency',
    meaning: 'records reach us soon after they were sent',
    start:
      ({ maxLatencyMs = 60_000, maxLeadMs = 5_000 }) =>
      ({ eventTime, receiveTime }, report) => {
        if (eventTime === undefined || receiveTime === undefined) return
        const latency = receiveTime - eventTime
        if (latency > maxLatencyMs) {
          report(
            'late',
            'error',
            `received ${show(receiveTime)}, sent ${show(eventTime)}: ${Math.round(latency)} ms later`,
          )
        } else if (latency < -maxLeadMs) {
          report('received-before-sent', 'error', `received ${show(receiveTime)}, sent ${show(eventTime)}`)
        }
      },
  }
}

/** All records are of one symbol. */
export function symbolStage<Row extends CheckedEvent>(): Stage<Row, EventContext> {
  return {
    name: 'symbol',
    meaning: 'every record is of the symbol asked for',
    start: (context) => {
      let expected = context.symbol
      return ({ symbol }, report) => {
        if (symbol === undefined) return
        expected ??= symbol
        if (symbol !== expected) report('wrong-symbol', 'error', `is of ${symbol}, not of ${expected}`)
      }
    },
  }
}

/** Whether the side, where the row tells it, is one that there is. */
export function sideStage<Row extends CheckedEvent & { readonly side?: number | undefined }>(): Stage<
  Row,
  EventContext
> {
  return {
    name: 'side',
    meaning: 'the side is 1 or 2',
    start:
      () =>
      ({ side }, report) => {
        if (side !== undefined && side !== 1 && side !== 2) report('side-unknown', 'error', `side is ${side}`)
      },
  }
}

/** Ids rise, and each occurs once. */
export function idStage<Row extends CheckedEvent>(idOf: (row: Row) => RecordId | undefined): Stage<Row, EventContext> {
  return {
    name: 'ids',
    meaning: 'ids rise, and each occurs once',
    start: () => {
      let latest: RecordId | undefined
      return (row, report) => {
        const id = idOf(row)
        if (id === undefined) return
        if (typeof id === 'number' && !Number.isSafeInteger(id)) report('id-not-whole', 'error', `the id is ${id}`)
        else if (latest !== undefined && sameId(id, latest)) report('repeated-id', 'error', `id ${id} comes twice`)
        else if (latest !== undefined && id < latest) report('id-goes-back', 'error', `id ${id} after ${latest}`)
        else latest = id
      }
    },
  }
}

/** Ids count by one. */
export function countStage<Row extends CheckedEvent>(
  idOf: (row: Row) => RecordId | undefined,
): Stage<Row, EventContext> {
  return {
    name: 'continuity',
    meaning: 'ids count by one: no record is missing',
    start: () => {
      let latest: RecordId | undefined
      return (row, report) => {
        const id = idOf(row)
        if (id === undefined || (typeof id === 'number' && !Number.isSafeInteger(id))) return
        if (latest !== undefined && id > nextId(latest)) {
          const first = nextId(latest)
          const last = previousId(id)
          const missing = countIds(first, last)
          report('missing', 'error', `${missing} missing: ${first}${missing > 1 ? ` to ${last}` : ''}`, missing)
        }
        if (latest === undefined || id > latest) latest = id
      }
    },
  }
}
