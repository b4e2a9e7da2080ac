import { expect, it } from 'vitest'
import { getJson, klines, NOW, type Row, rowsOf, sandboxFor } from './help.ts'

const now = Date.parse(NOW)

it('the truth ends with the last closed candle; from is inside, to is not', async () => {
  const sandbox = await sandboxFor({ speed: 0.001 })
  const minute = Math.floor(now / 60_000) * 60_000
  const rows = await getJson<Row[]>(sandbox, `/sandbox/truth?market=usdm&symbol=BTCUSDT&from=${minute - 180_000}`)
  expect(rows.map((row) => row[0])).toEqual([3, 2, 1].map((i) => minute - i * 60_000))
  const query = `/sandbox/truth?symbol=BTCUSDT&interval=1h&from=2024-05-01T01:00Z&to=2024-05-01T03:00Z`
  const hours = await getJson<Row[]>(sandbox, query)
  expect(hours.map((row) => new Date(row[0]).getUTCHours())).toEqual([1, 2])
  expect(hours).toEqual(await klines(sandbox, { symbol: 'BTCUSDT', interval: '1h', startTime: hours[0]![0], limit: 2 }))
})

it('the truth of a long range comes whole, as JSON, as CSV and by the library', async () => {
  const sandbox = await sandboxFor({ tradesPerSecond: 0.02 })
  const query = '/sandbox/truth?symbol=ETHUSDT&from=2024-04-01&to=2024-04-12'
  const rows = await getJson<Row[]>(sandbox, query)
  expect(rows.length).toBe(11 * 1440)
  const csv = await (await fetch(`${sandbox.endpoint}${query}&format=csv`)).text()
  expect(csv.startsWith('open_time,open,')).toBe(true)
  expect(rowsOf(Buffer.from(csv))).toEqual(rows)
  expect(await sandbox.truthCandles('spot', 'ETHUSDT', '1m', '2024-04-01', '2024-04-12')).toEqual(rows)
})

it('the truth of a delisted symbol is known though REST does not have it', async () => {
  const sandbox = await sandboxFor()
  const rows = await sandbox.truthCandles('spot', 'SRMUSDT', '1d')
  expect(new Date(rows.at(-1)![0]).toISOString()).toBe('2022-11-28T00:00:00.000Z')
})

it.each([
  [
    'kind=ticker&symbol=BTCUSDT',
    /kind is "ticker"; this sandbox knows the truth of: candle, trade, aggTrade, bookDelta/,
  ],
  ['kind=trade&symbol=BTCUSDT', /from is missing \(a time, or fromId\)/],
  ['kind=markPrice&symbol=BTCUSDT&from=0', /only futures have: ask with market=usdm/],
  ['kind=bookDelta&symbol=BTCUSDT&from=2024-05-10&speed=50', /speed is 50; allowed: 100, 250, 500, 1000/],
  ['kind=book&symbol=BTCUSDT&levels=some', /levels is "some"; give a whole number/],
  ['kind=liquidation&market=usdm&symbol=BTCUSDT&fromId=5', /ask for a liquidation by time/],
  ['market=mars&symbol=BTCUSDT', /allowed: spot, usdm/],
  ['symbol=NOPE', /symbol is "NOPE"/],
  ['kind=candle', /symbol is missing/],
  ['symbol=BTCUSDT&interval=7m', /interval is "7m"/],
  ['symbol=BTCUSDT&from=yesterday', /from: "yesterday" is not a time/],
])('a wrong question about the truth is answered clearly: %s', async (query, message) => {
  const sandbox = await sandboxFor()
  const response = await fetch(`${sandbox.endpoint}/sandbox/truth?${query}`)
  expect(response.status).toBe(400)
  expect(((await response.json()) as { error: string }).error).toMatch(message)
})

it('describes itself and what it can be asked', async () => {
  const sandbox = await sandboxFor()
  const about = await getJson<{ endpoint: string; ws: string }>(sandbox, '/sandbox')
  expect(about.endpoint).toBe(sandbox.endpoint)
  expect(about.ws).toMatch(/^ws:\/\/127\.0\.0\.1:\d+$/)
  const lost = await fetch(`${sandbox.endpoint}/sandbox/nowhere`)
  expect(lost.status).toBe(404)
  expect(await lost.text()).toContain('GET /sandbox/truth')
})
