import { createHash } from 'node:crypto'
import { constants, crc32, deflateRawSync } from 'node:zlib'
import { addOpens } from '../../model/interval.ts'
import { floorDay, HOUR, parseTime } from '../../model/time.ts'
import { type ArchiveFile, type ArchiveKind, parseKey, periodEnd } from '../archive/keys.ts'
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
    case 'rows-after-end': {
      const longer = goesOn(content.toString('latin1'), parseKey(source))
      return longer === undefined ? zip : zipOf(name, Buffer.from(longer, 'latin1'))
    }
    default: {
      const lines = content.toString('latin1').split('\n')
      const changed = changeLines(lines, fault, COLUMNS[parseKey(source)?.kind ?? 'klines'])
      if (!changed) return zip
      return zipOf(name, Buffer.from(changed.join('\n'), 'latin1'), zip.length)
    }
  }
}

/** Which columns of a kind's files faults go for. */
interface Columns {
  readonly time: number
  readonly price: number
  /** An amount that is never negative. */
  readonly amount: number
  readonly high: number
  /** What an older version has less of, as decimals and as a count. */
  readonly amounts: readonly number[]
  readonly count?: number
  /** Cells that files lack now and then. */
  readonly blank?: readonly number[]
}

const PRICES: Columns = { time: 0, price: 4, amount: 5, high: 2, amounts: [4] }

const COLUMNS: Readonly<Record<ArchiveKind, Columns>> = {
  klines: { time: 0, price: 4, amount: 5, high: 2, amounts: [5, 7, 9, 10], count: 8 },
  markPriceKlines: PRICES,
  indexPriceKlines: PRICES,
  premiumIndexKlines: PRICES,
  trades: { time: 4, price: 1, amount: 2, high: 1, amounts: [2, 3] },
  aggTrades: { time: 5, price: 1, amount: 2, high: 1, amounts: [2] },
  fundingRate: { time: 0, price: 2, amount: 1, high: 2, amounts: [2] },
  bookTicker: { time: 5, price: 1, amount: 2, high: 3, amounts: [2, 4] },
  bookDepth: { time: 0, price: 2, amount: 3, high: 2, amounts: [2, 3] },
  metrics: { time: 0, price: 2, amount: 3, high: 4, amounts: [2, 3], blank: [4, 5, 6, 7] },
  liquidationSnapshot: { time: 0, price: 5, amount: 4, high: 6, amounts: [4, 8, 9] },
}

const isData = (line: string): boolean => /^\d/.test(line)

function changeLines(lines: readonly string[], fault: VariantFault, columns: Columns): string[] | undefined {
  switch (fault.type) {
    case 'missing-rows': {
      const from = parseTime(fault.from)
      const to = parseTime(fault.to)
      const kept = lines.filter(
        (line) => !isData(line) || !(timeOf(line, columns) >= from && timeOf(line, columns) < to),
      )
      return kept.length === lines.length ? undefined : kept
    }
    case 'bad-rows': {
      const rows = lines.flatMap((line, index) => (isData(line) ? [index] : []))
      const count = Math.min(fault.rows ?? 3, rows.length)
      const bad = new Set(Array.from({ length: count }, (_, i) => rows[Math.floor(((i + 0.5) * rows.length) / count)]!))
      return lines.map((line, index) => (bad.has(index) ? garbled(line, fault.kind, columns) : line))
    }
    case 'shuffled-rows':
      return shuffled(lines, fault.rows ?? 20)
    case 'repeated-rows': {
      const every = Math.max(1, fault.every ?? 50)
      let count = 0
      return lines.flatMap((line) => (isData(line) && ++count % every === 0 ? [line, line] : [line]))
    }
    case 'blank-cells': {
      const blank = columns.blank ?? columns.amounts
      const every = Math.max(1, fault.every ?? 10)
      let count = 0
      return lines.map((line) => (isData(line) && ++count % every === 0 ? blanked(line, blank) : line))
    }
    case 'other-labels':
      return relabelled(lines)
    case 'republished': {
      const share = fault.share ?? 0.1
      return lines.map((line) => (isData(line) && isOld(line, share, columns) ? lessVolume(line, columns) : line))
    }
    default:
      return undefined
  }
}

/** A file of candles or fundings whose rows go on to the end of its period; undefined for one that is full, or another. */
function goesOn(text: string, file: ArchiveFile | undefined): string | undefined {
  const last = text.trimEnd().split('\n').at(-1)?.split(',')
  if (!file || !last || !isData(last[0]!)) return undefined
  const { kind, interval } = file
  if (kind !== 'fundingRate' && (kind !== 'klines' || interval === undefined)) return undefined
  const rows: string[] = []
  const grid = { interval: interval ?? '8h', origin: Number(last[0]) }
  const step = kind === 'fundingRate' ? Number(last[1]) * HOUR : 0
  const after = (time: number): number => (step > 0 ? time + step : addOpens(grid, time, 1))
  for (let time = after(Number(last[0])); time < periodEnd(file); time = after(time)) {
    const price = last[4]
    const candle = [time, price, price, price, price, 0, after(time) - 1, 0, 0, 0, 0, 0]
    rows.push((kind === 'fundingRate' ? [time, last[1], '0.00010000'] : candle).join(','))
  }
  return rows.length === 0 ? undefined : `${text.trimEnd()}\n${rows.join('\n')}\n`
}

function blanked(line: string, cells: readonly number[]): string {
  const fields = line.split(',')
  for (const cell of cells) fields[cell] = ''
  return fields.join(',')
}

const LABEL = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}/

/** Periods labelled by their starts instead of their ends, or the other way round. */
function relabelled(lines: readonly string[]): string[] | undefined {
  const labels = lines.flatMap((line) => {
    const [text] = LABEL.exec(line) ?? []
    return text === undefined ? [] : [Date.parse(`${text.replace(' ', 'T')}Z`)]
  })
  const [first, second] = labels
  if (first === undefined || second === undefined) return undefined
  const byStart = floorDay(first) === floorDay(labels.at(-1)!)
  const shift = byStart ? second - first : first - second
  return lines.map((line) => {
    const [text] = LABEL.exec(line) ?? []
    if (text === undefined) return line
    const label = new Date(Date.parse(`${text.replace(' ', 'T')}Z`) + shift).toISOString()
    return `${label.slice(0, 19).replace('T', ' ')}${line.slice(text.length)}`
  })
}

/** Rows in an order of their own: each goes to a place near by, as files of November 2023 have it. */
function shuffled(lines: readonly string[], reach: number): string[] {
  const rows = lines.filter(isData)
  const place = rows.map((_, index) => index + (hash32(0x5f1e, index) % (reach + 1)))
  const order = rows.map((_, index) => index).sort((a, b) => place[a]! - place[b]! || b - a)
  const turned = order.map((index) => rows[index]!)
  let next = 0
  return lines.map((line) => (isData(line) ? turned[next++]! : line))
}

function timeOf(line: string, columns: Columns): number {
  const text = line.split(',', columns.time + 1)[columns.time] ?? ''
  if (text.includes(' ')) return Date.parse(`${text.replace(' ', 'T')}Z`)
  const time = Number(text)
  return time >= 1e14 ? Math.floor(time / 1000) : time
}

function garbled(line: string, kind: 'cut' | 'nan' | 'negative' | 'absurd', columns: Columns): string {
  if (kind === 'cut') return line.slice(0, Math.floor(line.length * 0.6))
  const fields = line.split(',')
  if (kind === 'nan') fields[columns.price] = 'NaN'
  else if (kind === 'negative') fields[columns.amount] = `-${fields[columns.amount]}`
  else fields[columns.high] = '1e300'
  return fields.join(',')
}

function isOld(line: string, share: number, columns: Columns): boolean {
  return hash32(0x0ddba11, Math.floor(timeOf(line, columns) / 1000) | 0) / 0x100000000 < share
}

/** What an older copy of a candle looks like: the last tenth of its volumes had not been counted yet. */
function lessVolume(line: string, columns: Columns): string {
  const fields = line.split(',')
  for (const index of columns.amounts) {
    const text = fields[index] ?? '0'
    const digits = (text.split('.')[1] ?? '').length
    fields[index] = digits === 0 ? String(Math.floor(Number(text) * 0.9)) : (Number(text) * 0.9).toFixed(digits)
  }
  if (columns.count !== undefined) fields[columns.count] = String(Math.floor(Number(fields[columns.count]) * 0.9))
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
