import { ParseError } from '../../model/errors.ts'
import type { Columns } from './definition.ts'

/** A formula over columns, ready to be computed. It can look back (`prev`), never ahead. */
export interface Expression {
  /** Columns that it reads. */
  readonly inputs: readonly string[]
  /** How many rows before a row it looks at. */
  readonly lookback: number
  compute(columns: Columns, length: number): Float64Array
}

/** Value of a part of a formula in one row. */
type Cell = (columns: Columns, row: number) => number

interface Part {
  readonly cell: Cell
  readonly lookback: number
}

const TOKEN =
  /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([\p{L}_][\p{L}\p{N}_]*)|(<=|>=|==|!=|&&|\|\||[-+*/%^()<>,!]))/uy

type Numbers = readonly number[]

/** Functions of numbers, with the least and the greatest number of arguments. */
const FUNCTIONS: Readonly<Record<string, readonly [least: number, most: number, apply: (values: Numbers) => number]>> =
  {
    abs: [1, 1, ([x]) => Math.abs(x!)],
    sqrt: [1, 1, ([x]) => Math.sqrt(x!)],
    log: [1, 1, ([x]) => Math.log(x!)],
    exp: [1, 1, ([x]) => Math.exp(x!)],
    sign: [1, 1, ([x]) => Math.sign(x!)],
    floor: [1, 1, ([x]) => Math.floor(x!)],
    ceil: [1, 1, ([x]) => Math.ceil(x!)],
    round: [1, 1, ([x]) => Math.round(x!)],
    isnan: [1, 1, ([x]) => (Number.isNaN(x) ? 1 : 0)],
    min: [2, 16, (values) => Math.min(...values)],
    max: [2, 16, (values) => Math.max(...values)],
    if: [3, 3, ([test, yes, no]) => (isTrue(test!) ? yes! : no!)],
  }

const BINARY: readonly Readonly<Record<string, (a: number, b: number) => number>>[] = [
  { '||': (a, b) => Number(isTrue(a) || isTrue(b)) },
  { '&&': (a, b) => Number(isTrue(a) && isTrue(b)) },
  { '==': (a, b) => Number(a === b), '!=': (a, b) => Number(a !== b) },
  {
    '<': (a, b) => Number(a < b),
    '<=': (a, b) => Number(a <= b),
    '>': (a, b) => Number(a > b),
    '>=': (a, b) => Number(a >= b),
  },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => a / b, '%': (a, b) => a % b },
]

function isTrue(value: number): boolean {
  return value !== 0 && !Number.isNaN(value)
}

/** Parts that may lie in one another, at most: deeper text is a mistake, or an attack. */
const MAX_DEPTH = 100
/** Characters of a formula, at most: each part calls the one in it. */
const MAX_LENGTH = 4_000
/** Rows that `prev` may look back, at most. */
const MAX_LOOKBACK = 1_000_000

/**
 * Reads a formula: numbers, columns, `+ - * / % ^`, comparisons (1 or 0), `&& || !`, the functions abs, sqrt, log, exp,
 * sign, floor, ceil, round, isnan, min, max, if(test, yes, no), and `prev(x, n)`, the value n rows before (NaN where
 * there is none).
 * @throws ParseError with the place of the mistake.
 */
export function parseExpression(text: string, source = 'expression'): Expression {
  if (text.length > MAX_LENGTH) throw new ParseError(source, `it is longer than ${MAX_LENGTH} characters.`)
  const parser = new Parser(text, source)
  const { cell, lookback } = parser.whole()
  return {
    inputs: [...parser.inputs],
    lookback,
    compute(columns, length) {
      const values = new Float64Array(length)
      for (let row = 0; row < length; row++) values[row] = cell(columns, row)
      return values
    },
  }
}

class Parser {
  readonly inputs = new Set<string>()
  readonly #text: string
  readonly #source: string
  #at = 0
  #depth = 0
  #number: number | undefined
  #word: string | undefined
  #sign: string | undefined
  #end = false

  constructor(text: string, source: string) {
    this.#text = text
    this.#source = source
    this.#next()
  }

  whole(): Part {
    const part = this.#binary(0)
    if (!this.#end) throw this.#mistake('something is left over')
    return part
  }

  #binary(level: number): Part {
    const operators = BINARY[level]
    if (operators === undefined) return this.#unary()
    let left = this.#binary(level + 1)
    while (this.#sign !== undefined && Object.hasOwn(operators, this.#sign)) {
      const apply = operators[this.#sign]!
      this.#next()
      const right = this.#binary(level + 1)
      const a = left.cell
      const b = right.cell
      left = {
        cell: (columns, row) => apply(a(columns, row), b(columns, row)),
        lookback: Math.max(left.lookback, right.lookback),
      }
    }
    return left
  }

  #unary(): Part {
    if (++this.#depth > MAX_DEPTH) throw this.#mistake('it is nested too deeply')
    try {
      if (this.#take('+')) return this.#unary()
      const isMinus = this.#take('-')
      if (!isMinus && !this.#take('!')) return this.#power()
      const { cell, lookback } = this.#unary()
      return {
        cell: isMinus ? (columns, row) => -cell(columns, row) : (columns, row) => Number(!isTrue(cell(columns, row))),
        lookback,
      }
    } finally {
      this.#depth--
    }
  }

  /** Binds tighter than a sign before it, looser than one behind it: -2 ^ -2 is -(2 ^ (-2)). */
  #power(): Part {
    const base = this.#atom()
    if (!this.#take('^')) return base
    const exponent = this.#unary()
    return {
      cell: (columns, row) => base.cell(columns, row) ** exponent.cell(columns, row),
      lookback: Math.max(base.lookback, exponent.lookback),
    }
  }

  #atom(): Part {
    const value = this.#number
    if (value !== undefined) {
      this.#next()
      return { cell: () => value, lookback: 0 }
    }
    const word = this.#word
    if (word !== undefined) {
      this.#next()
      return this.#take('(') ? this.#call(word) : this.#column(word)
    }
    if (!this.#take('(')) throw this.#mistake(this.#end ? 'it ends too early' : 'a number or a column is missing')
    const part = this.#binary(0)
    if (!this.#take(')')) throw this.#mistake('a ) is missing')
    return part
  }

  #column(name: string): Part {
    if (name === 'nan') return { cell: () => Number.NaN, lookback: 0 }
    this.inputs.add(name)
    return { cell: (columns, row) => columns[name]![row]!, lookback: 0 }
  }

  #call(name: string): Part {
    if (name === 'prev') return this.#previous()
    const parts: Part[] = []
    do parts.push(this.#binary(0))
    while (this.#take(','))
    if (!this.#take(')')) throw this.#mistake('a ) is missing')
    const entry = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined
    if (!entry) throw this.#mistake(`there is no function ${name}, only prev, ${Object.keys(FUNCTIONS).join(', ')}`)
    const [least, most, apply] = entry
    if (parts.length < least || parts.length > most) {
      throw this.#mistake(
        `${name} takes ${least === most ? least : `${least} to ${most}`} arguments, not ${parts.length}`,
      )
    }
    const cells = parts.map(({ cell }) => cell)
    return {
      cell: (columns, row) => apply(cells.map((cell) => cell(columns, row))),
      lookback: Math.max(...parts.map(({ lookback }) => lookback)),
    }
  }

  #previous(): Part {
    const part = this.#binary(0)
    let rows = 1
    // A number as it stands: how far a formula looks back must be known before it is computed.
    if (this.#take(',')) {
      rows = this.#number ?? 0
      this.#next()
    }
    const lookback = part.lookback + rows
    if (!Number.isInteger(rows) || rows < 1 || lookback > MAX_LOOKBACK || !this.#take(')')) {
      throw this.#mistake('prev takes a value and a whole number of rows, 1 or more')
    }
    const { cell } = part
    return { cell: (columns, row) => (row < rows ? Number.NaN : cell(columns, row - rows)), lookback }
  }

  #take(sign: string): boolean {
    if (this.#sign !== sign) return false
    this.#next()
    return true
  }

  #next(): void {
    this.#number = this.#word = this.#sign = undefined
    if (this.#text.slice(this.#at).trim() === '') {
      this.#at = this.#text.length
      this.#end = true
      return
    }
    TOKEN.lastIndex = this.#at
    const token = TOKEN.exec(this.#text)
    if (!token) throw this.#mistake(`"${this.#text.slice(this.#at).trim()[0]}" means nothing here`)
    this.#at = TOKEN.lastIndex
    if (token[1] !== undefined) this.#number = Number(token[1])
    else if (token[2] !== undefined) this.#word = token[2]
    else this.#sign = token[3]
  }

  #mistake(what: string): ParseError {
    const near = `${this.#text.slice(0, this.#at)}⟨here⟩${this.#text.slice(this.#at)}`
    return new ParseError(this.#source, `${what}: ${near}`)
  }
}
