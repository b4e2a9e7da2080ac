import { sendJson, startTestServer, type TestServer } from '../../helpers/http-server.ts'

/** An exchange with one symbol whose trades follow from their ids: price = id, one every 10 ms, two to an aggregate. */
export interface RepairServerOptions {
  /** Id of the first trade that it still gives, and of the last. */
  readonly first: bigint
  readonly last: bigint
  /** Time of trade 0, epoch ms. */
  readonly start: number
  /** Trades that it never shows, as futures withhold those of the insurance fund. */
  readonly withheld?: (id: bigint) => boolean
  readonly key?: string
}

export const STEP = 10
/** Fundings, one every 8 hours from `start` on. */
export const FUNDINGS = 1200

export async function startRepairServer(options: RepairServerOptions): Promise<TestServer> {
  const { first, last, start } = options
  const withheld = options.withheld ?? (() => false)
  const timeOf = (id: bigint): number => start + Number(id - first) * STEP
  const ids: bigint[] = []
  for (let id = first; id <= last; id++) if (!withheld(id)) ids.push(id)
  const tradeText = (id: bigint): string =>
    `{"id":${id},"price":"${id % 1000n}.50","qty":"1.5","quoteQty":"1","time":${timeOf(id)},"isBuyerMaker":${id % 2n === 0n}}`
  const aggs: { id: bigint; time: number; text: string }[] = []
  for (let id = first; id + 1n <= last; id += 2n) {
    const a = id / 2n
    const text = `{"a":${a},"p":"${id % 1000n}.50","q":"3","f":${id},"l":${id + 1n},"T":${timeOf(id)},"m":true}`
    aggs.push({ id: a, time: timeOf(id), text })
  }
  return await startTestServer((request, response, url) => {
    const query = url.searchParams
    const limit = Number(query.get('limit') ?? 500)
    const fromId = query.has('fromId') ? BigInt(query.get('fromId')!) : undefined
    const fail = (code: number, msg: string): void => sendJson(response, { code, msg }, 400)
    const isFutures = url.pathname.startsWith('/fapi')
    const name = url.pathname.split('/').at(-1)
    if (name === 'time') return sendJson(response, { serverTime: timeOf(last) + 1 })
    if (name === 'trades') {
      if (limit > 1000) return fail(-1130, 'limit')
      return sendJson(response, `[${ids.slice(-limit).map(tradeText).join()}]`)
    }
    if (name === 'historicalTrades') {
      if (isFutures && request.headers['x-mbx-apikey'] !== options.key) return fail(-2014, 'API-key format invalid.')
      if (limit > (isFutures ? 500 : 1000)) return fail(-1130, 'limit')
      const from = ids.findIndex((id) => id >= (fromId ?? 0n))
      const page = from < 0 ? [] : ids.slice(from, from + limit)
      return sendJson(response, `[${page.map(tradeText).join()}]`)
    }
    if (name === 'aggTrades') {
      const [startTime, endTime] = [query.get('startTime'), query.get('endTime')]
      if (limit > 1000) return fail(-1130, 'limit')
      if (fromId !== undefined && (startTime ?? endTime) !== null) return fail(-1128, 'fromId and times')
      if (isFutures && startTime !== null && endTime !== null && Number(endTime) - Number(startTime) >= 3_600_000) {
        return fail(-1127, 'More than 1 hours between startTime and endTime.')
      }
      let rows = aggs
      if (fromId !== undefined) rows = aggs.filter(({ id }) => id >= fromId).slice(0, limit)
      else if (startTime !== null) {
        rows = aggs
          .filter(({ time }) => time >= Number(startTime) && time <= Number(endTime ?? Infinity))
          .slice(0, limit)
      } else rows = aggs.slice(-limit)
      return sendJson(response, `[${rows.map(({ text }) => text).join()}]`)
    }
    if (name === 'fundingRate') {
      const rows: object[] = []
      for (let n = 0; n < FUNDINGS; n++) {
        const time = start + n * 8 * 3_600_000
        if (time < Number(query.get('startTime')) || time > Number(query.get('endTime'))) continue
        rows.push({ symbol: 'BTCUSDT', fundingRate: '-0.00010000', fundingTime: time, markPrice: '' })
      }
      return sendJson(response, rows.slice(0, limit))
    }
    return fail(-1, `no such path ${url.pathname}`)
  })
}
