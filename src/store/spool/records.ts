import { ParseError } from '../../model/errors.ts'
import type { LiveRecord } from '../../model/live/index.ts'

/** Ids beyond 2^53, as text: no other value of a record looks like it. */
const BIG_ID = /^-?\d+n$/

/** Records as the bytes of a `records` entry: one line of JSON each. Ids stay exact, NaN is null. */
export function encodeRecords(records: readonly LiveRecord[]): Uint8Array {
  const lines = records.map((record) =>
    JSON.stringify(record, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
  )
  return Buffer.from(lines.join('\n'))
}

/** The records of a `records` entry. @throws ParseError for a line that is no JSON. */
export function decodeRecords(bytes: Uint8Array, start = 0, end = bytes.length): LiveRecord[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()
  if (text === '') return []
  return text.split('\n').map((line, index) => {
    try {
      return JSON.parse(line, (_, value: unknown) =>
        value === null
          ? Number.NaN
          : typeof value === 'string' && BIG_ID.test(value)
            ? BigInt(value.slice(0, -1))
            : value,
      ) as LiveRecord
    } catch (cause) {
      throw new ParseError('spool', `line ${index + 1} of a records entry is no JSON`, { cause })
    }
  })
}
