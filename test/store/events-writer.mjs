// A process that spools trades, moves them to the lake and merges them until it is killed. Says on stdout what is
// safe: `spooled <id>` and `stored <id>`.
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { Lake } from '../../dist/store/lake/lake.js'
import { decodeRecords, encodeRecords, Spool } from '../../dist/store/spool/index.js'

const [dataDir, origin] = [process.argv[2], Number(process.argv[3])]
const say = (line) => process.stdout.write(`${line}\n`)
const ids = new Map()
const spool = await Spool.open(join(dataDir, '.spool'), {
  commitMs: 2,
  segmentBytes: 1_048_576,
  onDurable: (sequence) => say(`spooled ${ids.get(sequence)}`),
})
const lake = await Lake.open(dataDir)
const series = { exchange: 'binance', market: 'spot', kind: 'trade', symbol: 'BTCUSDT' }
const writer = await lake.eventWriter(series, { spoolId: spool.id })
let last = Number(writer.held.at(-1)?.last ?? 0)
for await (const { sequence, bytes, start, end } of spool.replay()) {
  for (const record of decodeRecords(bytes, start, end)) {
    writer.append(record, sequence)
    last = Math.max(last, record.id)
  }
}
for (;;) {
  for (let count = 1 + randomInt(200); count > 0; count--) {
    const id = ++last
    const time = origin + id
    const trade = { kind: 'trade', market: 'spot', symbol: 'BTCUSDT', id, time, price: id / 8, quantity: 1 }
    const record = { ...trade, buyerIsMaker: false, eventTime: time, receiveTime: time, flags: 2 }
    const sequence = spool.append('records', 'spot', time, encodeRecords([record]))
    ids.set(sequence, id)
    writer.append(record, sequence)
  }
  const upTo = spool.last
  await writer.flush()
  say(`stored ${last}`)
  if (randomInt(3) === 0) await spool.release(upTo)
  if (randomInt(4) === 0) await writer.compact(new Date(origin).toISOString().slice(0, 10))
}
