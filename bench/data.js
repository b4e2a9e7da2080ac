// Market-like data for the benchmarks: a random walk with the number formats, digits and sizes of real 1m candles.
import { createHash } from 'node:crypto'
import { crc32, deflateRawSync } from 'node:zlib'

/** A small fast generator, so that each run measures the same bytes. */
export function random(seed) {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** One month of spot candles as the archive's CSV text. */
export function monthCsv(month, stepMs = 60_000, seed = 1) {
  const next = random(seed + month)
  const from = Date.UTC(2024, month, 1)
  const to = Date.UTC(2024, month + 1, 1)
  const lines = []
  let price = 42_000_00
  for (let t = from; t < to; t += stepMs) {
    const open = price
    price = Math.max(100, price + Math.round((next() - 0.5) * 4000))
    const high = Math.max(open, price) + Math.round(next() * 900)
    const low = Math.min(open, price) - Math.round(next() * 900)
    const volume = Math.round(next() * next() * 80e5)
    const quote = (volume / 1e5) * (price / 100)
    const share = 0.3 + next() * 0.4
    const text = (cents) => `${(cents / 100).toFixed(2)}000000`
    lines.push(
      `${t},${text(open)},${text(high)},${text(low)},${text(price)},${(volume / 1e5).toFixed(5)}000,${t + stepMs - 1},${quote.toFixed(7)}0,${Math.round(next() * 3000)},${((volume / 1e5) * share).toFixed(5)}000,${(quote * share).toFixed(7)}0,0`,
    )
  }
  return `${lines.join('\n')}\n`
}

/** A zip of one file, as the archive makes them. */
export function zip(name, text) {
  const data = Buffer.from(text)
  const packed = deflateRawSync(data)
  const crc = crc32(data)
  const file = Buffer.from(name)
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50, 0)
  local.writeUInt16LE(20, 4)
  local.writeUInt16LE(8, 8)
  local.writeUInt32LE(crc, 14)
  local.writeUInt32LE(packed.length, 18)
  local.writeUInt32LE(data.length, 22)
  local.writeUInt16LE(file.length, 26)
  const entry = Buffer.alloc(46)
  entry.writeUInt32LE(0x02014b50, 0)
  entry.writeUInt16LE(20, 4)
  entry.writeUInt16LE(20, 6)
  entry.writeUInt16LE(8, 10)
  entry.writeUInt32LE(crc, 16)
  entry.writeUInt32LE(packed.length, 20)
  entry.writeUInt32LE(data.length, 24)
  entry.writeUInt16LE(file.length, 28)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(entry.length + file.length, 12)
  end.writeUInt32LE(local.length + file.length + packed.length, 16)
  const bytes = Buffer.concat([local, file, packed, entry, file, end])
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), rows: text.split('\n').length - 1 }
}

/** A year of monthly zips of 1m candles. */
export function yearOfZips() {
  return Array.from({ length: 12 }, (_, month) => {
    const name = `BTCUSDT-1m-2024-${String(month + 1).padStart(2, '0')}`
    return { month, path: `data/spot/monthly/klines/BTCUSDT/1m/${name}.zip`, ...zip(`${name}.csv`, monthCsv(month)) }
  })
}
