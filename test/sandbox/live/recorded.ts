import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'

export type Line = { t: number; frame: string } | { t: number; rest: string; status: number; body: string }

/** Writes a capture that is removed when the test is over. */
export function captureFile(lines: readonly Line[], name = 'session.ndjson.gz'): string {
  const folder = mkdtempSync(join(tmpdir(), 'ticklake-capture-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  const file = join(folder, name)
  writeFileSync(file, name.endsWith('.gz') ? gzipSync(text) : text)
  return file
}

/** Begin of the captures that are made here, epoch µs. */
export const T = 1_721_347_020_000_000

/** A capture of trades with ids from 1 on, one every `everyMs`, of these symbols in turn. */
export function tradesFile(count: number, everyMs: number, symbols: readonly string[] = ['BTCUSDT']): string {
  const lines = Array.from({ length: count * symbols.length }, (_, i) => {
    const symbol = symbols[i % symbols.length]!
    const id = Math.floor(i / symbols.length) + 1
    const t = T + id * everyMs * 1000
    const payload = `{"e":"trade","E":${t / 1000},"s":"${symbol}","t":${id},"p":"1.00","q":"2.0","T":${t / 1000},"m":true,"M":true}`
    return { t, frame: `{"stream":"${symbol.toLowerCase()}@trade","data":${payload}}` }
  })
  return captureFile(lines)
}
