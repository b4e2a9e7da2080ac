import {
  type Code,
  f64,
  f64x2,
  get,
  I32,
  i32,
  instantiate,
  set,
  until,
  V128,
  type WasmFunction,
  whereThereIsWasm,
} from '../wasm.ts'
import { greatest, least } from './rows.ts'

// The greatest and the least of many bars in WebAssembly, which has instructions for two float64 at a time and needs no
// branch: measured, with the copy into its memory, that takes less than half as long as the loops of rows.ts, which wait for
// branches that nobody can guess.

/** Values of a column that are looked at in one go: what is copied stays in the processor's cache. */
const ROOM = 32_768
/** Bars that are looked at in one go. */
const BARS = 256
/** Fewer are done before the module is called. */
const FEWEST_BARS = 8

/** Places in the memory of the module, bytes. */
const FROM_AT = 0
const TO_AT = FROM_AT + BARS * 4
const OUT_AT = TO_AT + BARS * 4
const VALUES_AT = OUT_AT + BARS * 8

/** Variables: how many bars are left, and where their first row, the row after the last and the result stand. */
const [LEFT, FROM, TO, OUT] = [0, 1, 2, 3]
const [ROW, STOP, EVEN, ODD] = [4, 5, 6, 7]

/** @param pick of two values at a time @param of two @param start what any value takes the place of */
function extreme(pick: typeof f64x2.least, of: typeof f64.least, start: number): WasmFunction {
  const step = (variable: number, bytes: number) => set(variable, i32.plus(get(variable), i32.number(bytes)))
  // What came before stands first: where a value is NaN, that remains.
  const take = (variable: number, values: Code) => set(variable, pick(get(variable), values))
  return {
    parameters: [I32, I32, I32, I32],
    variables: [I32, I32, V128, V128],
    results: [],
    body: [
      until(
        i32.isZero(get(LEFT)),
        set(ROW, i32.load(get(FROM))),
        set(STOP, i32.load(get(TO))),
        set(EVEN, f64x2.number(start)),
        set(ODD, f64x2.number(start)),
        // Four values at a time, then one by one.
        until(
          i32.isGreater(i32.plus(get(ROW), i32.number(32)), get(STOP)),
          take(EVEN, f64x2.load(get(ROW))),
          take(ODD, f64x2.load(get(ROW), 16)),
          step(ROW, 32),
        ),
        until(i32.isNotLess(get(ROW), get(STOP)), take(EVEN, f64x2.loadTwice(get(ROW))), step(ROW, 8)),
        take(EVEN, get(ODD)),
        f64.store(get(OUT), of(f64x2.first(get(EVEN)), f64x2.second(get(EVEN)))),
        step(FROM, 4),
        step(TO, 4),
        step(OUT, 8),
        set(LEFT, i32.minus(get(LEFT), i32.number(1))),
      ),
    ],
  }
}

type Run = (bars: number, from: number, to: number, out: number) => void

/** The module with its memory. */
class Simd {
  readonly from: Int32Array
  readonly to: Int32Array
  readonly out: Float64Array
  readonly values: Float64Array
  readonly greatest: Run
  readonly least: Run

  constructor() {
    const { memory, functions } = instantiate(VALUES_AT + ROOM * 8, {
      greatest: extreme(f64x2.greatest, f64.greatest, Number.NEGATIVE_INFINITY),
      least: extreme(f64x2.least, f64.least, Number.POSITIVE_INFINITY),
    })
    this.from = new Int32Array(memory, FROM_AT, BARS)
    this.to = new Int32Array(memory, TO_AT, BARS)
    this.out = new Float64Array(memory, OUT_AT, BARS)
    this.values = new Float64Array(memory, VALUES_AT, ROOM)
    this.greatest = functions.greatest as Run
    this.least = functions.least as Run
  }
}

const load = whereThereIsWasm(() => new Simd())

/** Rows of many bars, one after another. */
export interface BarRows {
  readonly count: number
  readonly from: Int32Array
  readonly to: Int32Array
}

/** What `greatest` gives of each bar, NaN passed over, from `at` on. */
export function greatestOfBars(values: Float64Array, bars: BarRows, into: Float64Array, at: number): void {
  if (extremesOf('greatest', values, bars, into, at)) return
  const { count, from, to } = bars
  for (let b = 0; b < count; b++) into[at + b] = greatest(values, from[b]!, to[b]!, Number.NEGATIVE_INFINITY)
}

/** As `greatestOfBars`. */
export function leastOfBars(values: Float64Array, bars: BarRows, into: Float64Array, at: number): void {
  if (extremesOf('least', values, bars, into, at)) return
  const { count, from, to } = bars
  for (let b = 0; b < count; b++) into[at + b] = least(values, from[b]!, to[b]!, Number.POSITIVE_INFINITY)
}

/** By the module; false where that cannot, or does not pay. */
function extremesOf(
  which: 'greatest' | 'least',
  values: Float64Array,
  bars: BarRows,
  into: Float64Array,
  at: number,
): boolean {
  const module = hold(values, bars)
  if (module === null) return false
  module[which](bars.count, FROM_AT, TO_AT, OUT_AT)
  into.set(module.out.subarray(0, bars.count), at)
  return true
}

/** Copies the rows of some bars; null where there is no room for them, or so few that it does not pay. */
function hold(values: Float64Array, { count, from, to }: BarRows): Simd | null {
  const first = from[0]!
  const end = to[count - 1]!
  if (count < FEWEST_BARS || count > BARS || end - first > ROOM) return null
  const module = load()
  if (module === null) return null
  module.values.set(values.subarray(first, end))
  for (let b = 0; b < count; b++) {
    module.from[b] = VALUES_AT + (from[b]! - first) * 8
    module.to[b] = VALUES_AT + (to[b]! - first) * 8
  }
  return module
}
