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

/**
 * The half-open range that a request names.
 * @param present where it ends when no end is given
 * @throws InvalidRangeError for bounds that are none, or contradict each other.
 */
export async function readBounds(
  request: Pick<GetDataRequest, 'startTime' | 'endTime' | 'from' | 'to'>,
  present: () => number | Promise<number>,
): Promise<TimeRange> {
  if (request.startTime !== undefined && request.from !== undefined)
    throw new InvalidRangeError('Give startTime or from, not both.')
  if (request.endTime !== undefined && request.to !== undefined)
    throw new InvalidRangeError('Give endTime or to, not both.')
  const start = request.startTime ?? request.from
  if (start === undefined) throw new InvalidRangeError('The start is missing: give startTime or from.')
  const from = parseTime(start, request.startTime === undefined ? 'from' : 'startTime')
  const to =
    request.endTime !== undefined
      ? parseInclusiveEnd(request.endTime, 'endTime')
      : request.to !== undefined
        ? parseTime(request.to, 'to')
        : Math.floor(await present()) + 1
  if (to < from) {
    throw new InvalidRangeError(`The range ends (${formatTime(to)}) before it begins (${formatTime(from)}).`)
  }
  return { from, to }
}
