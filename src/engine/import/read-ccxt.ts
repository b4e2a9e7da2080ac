import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { ParseError } from '../../model/errors.ts'
import { PlainCandles } from './plain-candles.ts'
import type { ImportTarget, OnBatch, ReadFacts } from './types.ts'

/** A row of candles is never longer. */
const LONGEST_ROW = 4096

/**
 * Reads `[[time, open, high, low, close, volume], …]` as it arrives: a file larger than memory is no matter.
 * @throws ParseError naming the line where the text stops being such a list.
 */
export async function readCcxt(
  target: ImportTarget,
  onBatch: OnBatch,
  context: { readonly until: number; readonly signal: AbortSignal | undefined },
): Promise<ReadFacts> {
  const { path } = target
  const { signal, until } = context
  const hash = createHash('sha256')
  const candles = new PlainCandles(target, until, onBatch)
  const scanner = new RowScanner(path)
  for await (const chunk of createReadStream(path, signal ? { signal } : {})) {
    hash.update(chunk as Buffer)
    for (const { values, line } of scanner.push((chunk as Buffer).toString('latin1'))) {
      if (values) candles.add(values, line)
      else candles.bad(line, 'is no row of numbers')
      if (candles.isFull) await candles.flush()
    }
  }
  scanner.finish()
  await candles.flush()
  const { defects, count } = candles.defects
  return {
    sha256: hash.digest('hex'),
    rows: candles.rows,
    inexactValues: 0,
    defects,
    defectCount: count,
    notes: candles.notes,
  }
}

interface ScannedRow {
  /** Undefined for a row that holds anything but numbers. */
  readonly values: readonly number[] | undefined
  readonly line: number
}

/** Cuts the text of a list of rows into rows, whatever the pieces that it comes in. */
class RowScanner {
  readonly #path: string
  #rest = ''
  #line = 1
  #state: 'before' | 'inside' | 'after' = 'before'

  constructor(path: string) {
    this.#path = path
  }

  *push(text: string): Generator<ScannedRow, void, void> {
    const all = this.#rest + text
    let at = 0
    for (;;) {
      // Between rows: blanks, commas, the brackets of the list.
      while (at < all.length && (this.#state !== 'inside' || all[at] !== '[')) {
        const c = all[at]!
        if (c === '\n') this.#line++
        else if (c === '[' && this.#state === 'before') this.#state = 'inside'
        else if (c === ']' && this.#state === 'inside') this.#state = 'after'
        else if (c !== ' ' && c !== '\r' && c !== '\t' && !(c === ',' && this.#state === 'inside'))
          throw this.#error(`has ${JSON.stringify(all.slice(at, at + 20))} where a row should be`)
        at++
      }
      if (at >= all.length) break
      const end = all.indexOf(']', at)
      if (end < 0) {
        if (all.length - at > LONGEST_ROW) throw this.#error('has a row without an end')
        break
      }
      const row = all.slice(at + 1, end)
      const line = this.#line
      for (let i = row.indexOf('\n'); i >= 0; i = row.indexOf('\n', i + 1)) this.#line++
      yield { values: numbersOf(row), line }
      at = end + 1
    }
    this.#rest = all.slice(at)
  }

  /** @throws ParseError when the list has not ended. */
  finish(): void {
    if (this.#state !== 'after' || this.#rest.trim() !== '') throw this.#error('ends inside the list: it was cut')
  }

  #error(what: string): ParseError {
    return new ParseError(`${this.#path}:${this.#line}`, `${what}; a list of rows [[time, open, …], …] is read`)
  }
}

const NUMBER = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

function numbersOf(row: string): number[] | undefined {
  const values: number[] = []
  for (const part of row.split(',')) {
    const text = part.trim().replace(/^"(.*)"$/, '$1')
    if (!NUMBER.test(text)) return undefined
    values.push(Number(text))
  }
  return values
}
