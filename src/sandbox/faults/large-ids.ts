/** Fields that hold ids, by event; `''` for events without a name (spot's bookTicker and partial depth). */
const STREAM_FIELDS: Readonly<Record<string, string>> = {
  '': 'u|lastUpdateId',
  trade: 't',
  aggTrade: 'a|f|l',
  depthUpdate: 'U|u|pu',
  bookTicker: 'u',
  kline: 'f|L',
  continuous_kline: 'f|L',
  '24hrTicker': 'F|L',
  '1hTicker': 'F|L',
  '4hTicker': 'F|L',
  '1dTicker': 'F|L',
}

/** Fields of REST that hold ids, by the end of the path. */
const REST_FIELDS: Readonly<Record<string, string>> = {
  trades: 'id',
  historicalTrades: 'id',
  aggTrades: 'a|f|l',
  depth: 'lastUpdateId',
  '24hr': 'firstId|lastId',
}

function raise(text: string, fields: string | undefined, offset: bigint): string {
  if (fields === undefined) return text
  return text.replace(
    new RegExp(`"(${fields})":(\\s*)(\\d+)`, 'g'),
    (_, name: string, blank: string, id: string) => `"${name}":${blank}${BigInt(id) + offset}`,
  )
}

/** The ids of an event, higher by an offset. */
export function raiseIds(payload: string, offset: bigint): string {
  const event = /^\[?\{"e":"(\w+)"/.exec(payload)?.[1] ?? ''
  return raise(payload, Object.hasOwn(STREAM_FIELDS, event) ? STREAM_FIELDS[event] : undefined, offset)
}

/** The ids of an answer of REST, higher by an offset. */
export function raiseRestIds(path: string, body: string, offset: bigint): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return raise(body, Object.hasOwn(REST_FIELDS, name) ? REST_FIELDS[name] : undefined, offset)
}

/** An id that a client asks from, as the market knows it. */
export function lowerId(id: string, offset: bigint): string {
  if (!/^\d{1,19}$/.test(id)) return id
  const own = BigInt(id) - offset
  return own < 0n ? '0' : String(own)
}
