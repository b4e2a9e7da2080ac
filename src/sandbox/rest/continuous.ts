import type { TimeRange } from '../../model/time.ts'
import { ByteWriter } from '../bytes.ts'
import { isDated, pairOf } from '../market/listing.ts'
import type { SymbolInfo } from '../market/market.ts'
import { badSymbol, RestFailure } from './failure.ts'
import { askedRange } from './range.ts'
import type { RestCall } from './route.ts'

const TYPES = ['PERPETUAL', 'CURRENT_QUARTER', 'NEXT_QUARTER', 'TRADIFI_PERPETUAL'] as const
type ContractType = (typeof TYPES)[number]

/** A contract, and the time in which it is the one of its type. */
interface Turn extends TimeRange {
  readonly info: SymbolInfo
}

/** `continuousKlines`: the candles of a type of contract, one contract after another. */
export async function continuousCandles(call: RestCall): Promise<Buffer> {
  const { params, data, now } = call
  const pair = params.text('pair') ?? ''
  const type = params.oneOf('contractType', TYPES, -1130, "Data sent for parameter 'contractType' is not valid.")
  if (type === undefined) throw new RestFailure(-1102, "Mandatory parameter 'contractType' was not sent.")
  const interval = params.interval()
  const max = params.limit(500, 1500)
  const { from = 0, to, last } = askedRange(call)
  const turns = await turnsOf(call, pair, type)
  if (turns.length === 0) throw badSymbol()
  const rows: Buffer[] = []
  const writer = new ByteWriter()
  // The newest rows are those of the last contracts.
  for (const turn of last ? turns.toReversed() : turns) {
    const range = { from: Math.max(from, turn.from), to: Math.min(to, turn.to) }
    if (range.from >= range.to || rows.length >= max) continue
    const found = await data.candles(turn.info, { interval, ...range, max, last }, now)
    const own: Buffer[] = []
    for (let row = 0; row < found.length; row++) {
      found.writeJson(writer, row, 'ms')
      own.push(writer.take())
    }
    rows.splice(last ? 0 : rows.length, 0, ...own)
  }
  const page = last ? rows.slice(-max) : rows.slice(0, max)
  return Buffer.from(`[${page.join(',')}]`)
}

async function turnsOf({ data, market, now }: RestCall, pair: string, type: ContractType): Promise<Turn[]> {
  const infos = (await data.symbols(market, now)).filter(({ symbol }) => pairOf(symbol) === pair)
  if (type === 'PERPETUAL') {
    return infos
      .filter(({ symbol }) => !isDated(symbol))
      .map((info) => ({ info, from: 0, to: Number.POSITIVE_INFINITY }))
  }
  const dated = infos.filter(({ symbol }) => isDated(symbol)).sort((a, b) => endOf(a) - endOf(b))
  if (type === 'TRADIFI_PERPETUAL') return []
  const behind = type === 'CURRENT_QUARTER' ? 0 : 1
  return dated.flatMap((info, index) => {
    const before = dated[index - 1 - behind]
    const to = behind === 0 ? endOf(info) : endOf(dated[index - 1] ?? info)
    // The first contract of all was never the next one behind another.
    if (behind === 1 && index === 0) return []
    return [{ info, from: Math.max(info.listedAt, before ? endOf(before) : 0), to }]
  })
}

function endOf({ endsAt }: SymbolInfo): number {
  return endsAt ?? Number.POSITIVE_INFINITY
}
