import { createHash } from 'node:crypto'
import { constants, crc32, deflateRawSync } from 'node:zlib'
import { parseTime } from '../../model/time.ts'
import { unzip, wrapDeflated, zipOf } from '../archive/zip-writer.ts'
import { Breath } from '../breath.ts'
import { hash32 } from '../market/noise.ts'
import type { VariantFault } from './engine.ts'

/** The zip as a fault would have it: same name, other content, a valid zip in itself. */
export async function distorted(zip: Buffer, fault: VariantFault, source: string): Promise<Buffer> {
  const { name, content } = unzip(source, zip)
  switch (fault.type) {
    case 'zip-path-entry':
      return zipOf(fault.name ?? '../../evil.csv', content)
    case 'zip-bomb':
      return bomb(name, fault.bytes ?? 512 * 1024 * 1024)
    default: {
      const lines = content.toString('latin1').split('\n')
      const changed = changeLines(lines, fault)
      if (!changed) return zip
      return zipOf(name, Buffer.from(changed.join('\n'), 'latin1'), zip.length)
    }
  }
}

const isData = (line: string): boolean => /^\d/.test(line)

function changeLines(lines: readonly string[], fault: VariantFault): string[] | undefined {
  switch (fault.type) {
    case 'missing-rows': {
      const from = parseTime(fault.from)
      const to = parseTime(fault.to)
      const kept = lines.filter((line) => !isData(line) || !(openTime(line) >= from && openTime(line) < to))
      return kept.length === lines.length ? undefined : kept
    }
    case 'bad-rows': {
      const rows = lines.flatMap((line, index) => (isData(line) ? [index] : []))
      const count = Math.min(fault.rows ?? 3, rows.length)
      const bad = new Set(Array.from({ length: count }, (_, i) => rows[Math.floor(((i + 0.5) * rows.length) / count)]!))
      return lines.map((line, index) => (bad.has(index) ? garbled(line, fault.kind) : line))
    }
    case 'republished': {
      const share = fault.share ?? 0.1
      return lines.map((line) => (isData(line) && isOld(line, share) ? lessVolume(line) : line))
    }
    default:
      return undefined
  }
}

function openTime(line: string): number {
  const time = Number(line.slice(0, line.indexOf(',')))
  return time >= 1e14 ? Math.floor(time / 1000) : time
}

function garbled(line: string, kind: 'cut' | 'nan' | 'negative' | 'absurd'): string {
  if (kind === 'cut') return line.slice(0, Math.floor(line.length * 0.6))
  const fields = line.split(',')
  if (kind === 'nan') fields[4] = 'NaN'
  else if (kind === 'negative') fields[5] = `-${fields[5]}`
  else fields[2] = '1e300'
  return fields.join(',')
}

function isOld(line: string, share: number): boolean {
  return hash32(0x0ddba11, Math.floor(openTime(line) / 1000) | 0) / 0x100000000 < share
}

/** What an older copy of a candle looks like: the last tenth of its volumes had not been counted yet. */
function lessVolume(line: string): string {
  const fields = line.split(',')
  for (const index of [5, 7, 9, 10]) {
    const text = fields[index] ?? '0'
    const digits = (text.split('.')[1] ?? '').length
    fields[index] = digits === 0 ? String(Math.floor(Number(text) * 0.9)) : (Number(text) * 0.9).toFixed(digits)
  }
  fields[8] = String(Math.floor(Number(fields[8]) * 0.9))
  return fields.join(',')
}

/** One megabyte of zeros, deflated once and repeated: about a thousandth of what it inflates to. */
async function bomb(name: string, bytes: number): Promise<Buffer> {
  const unit = Buffer.alloc(1024 * 1024, 48)
  const block = deflateRawSync(unit, { level: 9, finishFlush: constants.Z_FULL_FLUSH })
  const count = Math.max(1, Math.round(bytes / unit.length))
  const breath = new Breath()
  let crc = 0
  for (let i = 0; i < count; i++) {
    crc = crc32(unit, crc)
    await breath.take()
  }
  const blocks = [...Array.from({ length: count }, () => block), Buffer.from([0x01, 0x00, 0x00, 0xff, 0xff])]
  const deflated = blocks.reduce((sum, one) => sum + one.length, 0)
  return wrapDeflated({ name, crc, deflated, size: count * unit.length }, blocks)
}

/** The zip with some bytes flipped in its middle. */
export function corrupted(zip: Buffer, count: number): Buffer {
  const bad = Buffer.from(zip)
  const middle = Math.floor(bad.length / 2)
  for (let i = 0; i < count && middle + i < bad.length; i++) bad[middle + i] = bad[middle + i]! ^ 0xff
  return bad
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
