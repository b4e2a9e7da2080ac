import { ByteWriter } from '../bytes.ts'
import { RestFailure } from './failure.ts'
import type { Params } from './params.ts'
import { askedRange } from './range.ts'
import { listedSymbol, type RestCall } from './route.ts'

const TIME_ZONE = /^([+-]?)(\d{1,2})(?::(\d{2}))?$/

/** `klines` and `uiKlines`: the range goes by open time, both ends inside. */
export async function candles(call: RestCall, most: number): Promise<Buffer> {
  const { params } = call
  const symbol = params.symbol() ?? ''
  const interval = params.interval()
  const limit = params.limit(500, most)
  const shift = timeZone(params)
  const { from = 0, to, last } = askedRange(call)
  const info = await listedSymbol(call, symbol)
  const rows = await call.data.candles(info, { interval, from, to, max: limit, last, shift }, call.now)
  const writer = new ByteWriter(rows.length * 160 + 16)
  writer.byte(91)
  for (let row = 0; row < rows.length; row++) {
    if (row > 0) writer.byte(44)
    rows.writeJson(writer, row, call.unit)
  }
  return writer.byte(93).take()
}

/** `timeZone=8` or `-1:00`, from -12:00 to +14:00, in ms. */
function timeZone(params: Params): number {
  const text = params.text('timeZone')
  if (text === undefined) return 0
  const parts = TIME_ZONE.exec(text)
  const minutes = parts ? Number(parts[2]) * 60 + Number(parts[3] ?? 0) : Number.NaN
  const signed = parts?.[1] === '-' ? -minutes : minutes
  if (!(signed >= -12 * 60 && signed <= 14 * 60) || Number(parts?.[3] ?? 0) > 59) {
    throw new RestFailure(-1130, "Data sent for parameter 'timeZone' is not valid.")
  }
  return signed * 60_000
}
