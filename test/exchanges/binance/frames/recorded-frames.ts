import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Market } from '../../../../src/model/series.ts'

export interface Recording {
  readonly file: string
  readonly market: Market
  readonly frames: readonly Buffer[]
}

const FOLDERS: readonly (readonly [string, Market])[] = [
  ['binance-spot', 'spot'],
  ['binance-usdm', 'usdm'],
  ['binance-coinm', 'coinm'],
]

/** Every raw frame of the recorded captures. What is no frame (REST answers, the recorder's own lines) is left out. */
export function recordings(realData: string): Recording[] {
  return FOLDERS.flatMap(([folder, market]) =>
    readdirSync(join(realData, 'ws', folder))
      .filter((name) => !name.endsWith('.csv.gz') && !name.includes('.http.'))
      .map((file) => ({ file, market, frames: framesOf(join(realData, 'ws', folder, file)) })),
  )
}

function framesOf(path: string): Buffer[] {
  const raw = readFileSync(path)
  const bytes = path.endsWith('.gz') ? gunzipSync(raw) : raw
  const frames: Buffer[] = []
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(10, start)
    const end = newline < 0 ? bytes.length : newline
    const open = bytes.indexOf(123, start)
    if (open >= 0 && open < end && bytes.toString('latin1', open, open + 10) === '{"stream":') {
      frames.push(bytes.subarray(open, end))
    }
    start = end + 1
  }
  return frames
}
