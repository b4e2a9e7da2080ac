import { InvalidRangeError } from '../model/errors.ts'
import { formatTime, parseInclusiveEnd, parseTime, type TimeRange } from '../model/time.ts'
import type { GetDataRequest } from './requests.ts'

/** Where rows are to come from. */
export type DataSource = NonNullable<GetDataRequest['source']>

const SOURCES: readonly DataSource[] = ['auto', 'lake', 'archive', 'rest']

/** @throws InvalidRangeError: a misspelt source must not mean the lake alone. */
export function readSource(source: DataSource = 'auto'): DataSource {
  if (SOURCES.includes(source)) return source
  throw new InvalidRangeError(`source is "${String(source)}"; use ${SOURCES.join(', ')}.`)
}

/** Bounds of a request; an end that is left open is undefined. */
export interface OpenBounds {
  readonly from: number | undefined
  readonly to: number | undefined
}

/**
 * The half-open bounds that a request names, as far as it names any.
 * @throws InvalidRangeError for bounds that are none, or contradict each other.
 */
export function readOpenBounds(request: Pick<GetDataRequest, 'startTime' | 'endTime' | 'from' | 'to'>): OpenBounds {
  if (request.startTime !== undefined && request.from !== undefined)
    throw new InvalidRangeError('Give startTime or from, not both.')
  if (request.endTime !== undefined && request.to !== undefined)
    throw new InvalidRangeError('Give endTime or to, not both.')
  const start = request.startTime ?? request.from
  const from =
    start === undefined ? undefined : parseTime(start, request.startTime === undefined ? 'from' : 'startTime')
  const to =
    request.endTime !== undefined
      ? parseInclusiveEnd(request.endTime, 'endTime')
      : request.to !== undefined
        ? parseTime(request.to, 'to')
        : undefined
  if (from !== undefined && to !== undefined) checkOrder({ from, to })
  return { from, to }
}

/**
 * The half-open range that a request names.
 * @param present where it ends when no end is given
 * @throws InvalidRangeError for bounds that are none, or contradict each other.
 */
export async function readBounds(
  request: Pick<GetDataRequest, 'startTime' | 'endTime' | 'from' | 'to'>,
  present: () => number | Promise<number>,
): Promise<TimeRange> {
  const bounds = readOpenBounds(request)
  const { from } = bounds
  if (from === undefined) throw new InvalidRangeError('The start is missing: give startTime or from.')
  const range = { from, to: bounds.to ?? Math.floor(await present()) + 1 }
  checkOrder(range)
  return range
}

function checkOrder({ from, to }: TimeRange): void {
  if (to >= from) return
  throw new InvalidRangeError(`The range ends (${formatTime(to)}) before it begins (${formatTime(from)}).`)
}
