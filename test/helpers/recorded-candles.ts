import { readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { gunzipSync, inflateRawSync } from 'node:zlib'

/** One recorded file of candles, read in the plainest way: tests compare ticklake's own parsers with it. */
export interface RecordedCandles {
  /** Path inside the folder of recorded data. */
  readonly path: string
  readonly market: 'spot' | 'usdm'
  readonly symbol: string
  /** As the file is named, `1mo` read as `1M`. */
  readonly interval: string
  /** Fields of every row, header left out, as text; times in the file's own unit. */
  rows(): string[][]
  /** Open times in epoch ms. */
  openTimes(): number[]
}

const NAME =
  /^(?<symbol>[A-Z0-9]+)(?:_USDT)?[-_](?<interval>\d+(?:mo|[smhdwM]))(?:-\d{4}-\d{2}(?:-\d{2})?)?\.(?:csv|ndjson|zip)(?:\.gz)?$/

/** Every candle file under `series/` and `vision/` of the recorded data. */
export function recordedCandles(root: string): RecordedCandles[] {
  const files: RecordedCandles[] = []
  for (const top of ['series/spot', 'series/um', 'vision/spot', 'vision/um']) {
    for (const entry of readdirSync(join(root, top), { recursive: true, withFileTypes: true })) {
      const match = entry.isFile() ? NAME.exec(entry.name)?.groups : undefined
      if (!match) continue
      const file = join(entry.parentPath, entry.name)
      const rows = () => readRows(file)
      files.push({
        path: relative(root, file),
        market: top.endsWith('spot') ? 'spot' : 'usdm',
        symbol: entry.name.includes('_USDT') ? `${match.symbol}USDT` : match.symbol!,
        interval: match.interval!.replace('1mo', '1M'),
        rows,
        openTimes: () => rows().map((row) => toMilliseconds(row[0]!)),
      })
    }
  }
  return files.sort((a, b) => a.path.localeCompare(b.path))
}

/** Spot archive times have 16 digits (microseconds) from 2025-01-01, 13 before. */
export function toMilliseconds(text: string): number {
  return text.length >= 16 ? Number(text) / 1000 : Number(text)
}

function readRows(file: string): string[][] {
  const raw = readFileSync(file)
  const bytes = file.endsWith('.gz') ? gunzipSync(raw) : file.endsWith('.zip') ? unzipOnly(raw) : raw
  const lines = bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim().length > 0)
  if (basename(file).includes('.ndjson')) return lines.map((line) => (JSON.parse(line) as unknown[]).map(String))
  const rows = lines.map((line) => line.trim().split(','))
  return /^\d/.test(rows[0]?.[0] ?? '') ? rows : rows.slice(1)
}

/** The bytes of a zip's only entry, found by the central directory. */
export function unzipOnly(zip: Buffer): Buffer {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  const central = zip.readUInt32LE(end + 16)
  const size = zip.readUInt32LE(central + 20)
  const local = zip.readUInt32LE(central + 42)
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
  const data = zip.subarray(start, start + size)
  return zip.readUInt16LE(central + 10) === 0 ? data : inflateRawSync(data)
}
