import {
  type Code,
  F64,
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
  when,
  whereThereIsWasm,
} from '../wasm.ts'

// The correlation's loop in WebAssembly. A loop over single numbers waits for the processor's one unit of roots and
// quotients, which needs as long for two numbers as for one; two rows at a time, the whole loop takes less than that wait.
// Sums still grow row by row, in the same order, so that the bits are those of the loop over single rows.

/** Places of what a kernel remembers of its two series among its sums; those of the second series are one further. */
export const PLACES = { anchor: 0, sum: 2, squares: 4, last: 6, same: 8, products: 10, length: 11 } as const

/** Rows that are copied at a time: so few that they stay in the processor's cache. */
const ROOM = 4096
/** Of each column there are as many rows once more before those, for what leaves the windows. */
const COLUMN = 2 * ROOM

/** Places in the memory of the module, bytes. */
const SUMS_AT = 0
const X_AT = 128
const Y_AT = X_AT + COLUMN * 8
const OUT_AT = Y_AT + COLUMN * 8

/** Variables: first row, row after the last, and how far back a row leaves the window, in bytes; and the period. */
const [ROW, STOP, BACK, PERIOD, GONE] = [0, 1, 2, 3, 4]
/** The period for both rows; of each series the anchor; of both series the sums; and whether every row so far is right. */
const [N, ANCHOR_A, ANCHOR_B, SUM_AB, SQUARES_AB, PRODUCT, RIGHT] = [5, 6, 7, 8, 9, 10, 11]
/** Of two rows: what comes and what leaves, as differences from the anchor; and by what the sums grow. */
const [A, B, OLD_A, OLD_B, MORE_A, MORE_B, MORE_SQUARES_A, MORE_SQUARES_B, MORE_PRODUCT] = [
  12, 13, 14, 15, 16, 17, 18, 19, 20,
]
/** The sums after the first of the two rows; and what is made of the sums for both. */
const [FIRST_SUM_AB, FIRST_SQUARES_AB, FIRST_PRODUCT, SUM_A, SUM_B, VARIANCE_A, R] = [21, 22, 23, 24, 25, 26, 27]

/** From what has a row in each lane to what has a series in each, and back: the first lanes of two, or the second ones. */
const firsts = (one: number, other: number) => f64x2.pick(get(one), get(other), 0, 2)
const seconds = (one: number, other: number) => f64x2.pick(get(one), get(other), 1, 3)
const { plus, minus, times } = f64x2
const stored = (place: number) => SUMS_AT + place * 8

/**
 * The arithmetic of `carefulRows`, operation by operation. Returns whether every row was right, which is to say its
 * variance above 0 and its coefficient not beyond 1; otherwise nothing is remembered.
 */
function loop(): WasmFunction {
  const start = i32.number(0)
  const square = (variable: number) => times(get(variable), get(variable))
  const variance = (squares: Code, sum: number) => minus(times(get(N), squares), square(sum))
  const step = (variable: number) => set(variable, i32.plus(get(variable), i32.number(16)))
  /** Two sums of both series, row by row. */
  const grow = (sums: number, first: number, moreA: number, moreB: number) => [
    ...set(first, plus(get(sums), firsts(moreA, moreB))),
    ...set(sums, plus(get(first), seconds(moreA, moreB))),
  ]
  return {
    parameters: [I32, I32, I32, F64],
    variables: [I32, ...new Array<number>(R - GONE).fill(V128)],
    results: [I32],
    body: [
      set(GONE, i32.minus(get(ROW), get(BACK))),
      set(N, f64x2.twice(get(PERIOD))),
      set(ANCHOR_A, f64x2.loadTwice(start, stored(PLACES.anchor))),
      set(ANCHOR_B, f64x2.loadTwice(start, stored(PLACES.anchor + 1))),
      set(SUM_AB, f64x2.load(start, stored(PLACES.sum))),
      set(SQUARES_AB, f64x2.load(start, stored(PLACES.squares))),
      set(PRODUCT, f64x2.loadTwice(start, stored(PLACES.products))),
      set(RIGHT, f64x2.isGreater(f64x2.number(1), f64x2.number(0))),
      until(
        i32.isNotLess(get(ROW), get(STOP)),
        set(A, minus(f64x2.load(get(ROW), X_AT), get(ANCHOR_A))),
        set(B, minus(f64x2.load(get(ROW), Y_AT), get(ANCHOR_B))),
        set(OLD_A, minus(f64x2.load(get(GONE), X_AT), get(ANCHOR_A))),
        set(OLD_B, minus(f64x2.load(get(GONE), Y_AT), get(ANCHOR_B))),
        set(MORE_A, minus(get(A), get(OLD_A))),
        set(MORE_B, minus(get(B), get(OLD_B))),
        set(MORE_SQUARES_A, times(get(MORE_A), plus(get(A), get(OLD_A)))),
        set(MORE_SQUARES_B, times(get(MORE_B), plus(get(B), get(OLD_B)))),
        set(MORE_PRODUCT, minus(times(get(A), get(B)), times(get(OLD_A), get(OLD_B)))),
        grow(SUM_AB, FIRST_SUM_AB, MORE_A, MORE_B),
        grow(SQUARES_AB, FIRST_SQUARES_AB, MORE_SQUARES_A, MORE_SQUARES_B),
        // There is one sum of products for both series: right in the first lane, then in the second.
        set(FIRST_PRODUCT, plus(get(PRODUCT), get(MORE_PRODUCT))),
        set(PRODUCT, plus(f64x2.pick(get(FIRST_PRODUCT), get(FIRST_PRODUCT), 0, 0), get(MORE_PRODUCT))),
        set(SUM_A, firsts(FIRST_SUM_AB, SUM_AB)),
        set(SUM_B, seconds(FIRST_SUM_AB, SUM_AB)),
        set(VARIANCE_A, variance(firsts(FIRST_SQUARES_AB, SQUARES_AB), SUM_A)),
        set(
          R,
          f64x2.over(
            minus(times(get(N), f64x2.pick(get(FIRST_PRODUCT), get(PRODUCT), 0, 3)), times(get(SUM_A), get(SUM_B))),
            f64x2.root(times(get(VARIANCE_A), variance(seconds(FIRST_SQUARES_AB, SQUARES_AB), SUM_B))),
          ),
        ),
        f64x2.store(get(ROW), get(R), OUT_AT),
        set(RIGHT, f64x2.and(get(RIGHT), f64x2.isGreater(get(VARIANCE_A), f64x2.number(0)))),
        set(RIGHT, f64x2.and(get(RIGHT), f64x2.isNotGreater(square(R), f64x2.number(1)))),
        set(PRODUCT, f64x2.pick(get(PRODUCT), get(PRODUCT), 1, 1)),
        step(ROW),
        step(GONE),
      ),
      when(
        f64x2.areTrue(get(RIGHT)),
        f64x2.store(start, get(SUM_AB), stored(PLACES.sum)),
        f64x2.store(start, get(SQUARES_AB), stored(PLACES.squares)),
        f64.store(start, f64x2.first(get(PRODUCT)), stored(PLACES.products)),
      ),
      f64x2.areTrue(get(RIGHT)),
    ],
  }
}

/** The module, and the rows of a run that are held in its memory. */
class Paired {
  readonly sums: Float64Array
  readonly x: Float64Array
  readonly y: Float64Array
  readonly out: Float64Array
  /** How many places before a row in `x` and `y` stands what leaves its window. */
  back = 0
  /** How many places nearer to the beginning a row stands in `x`, `y` and `out` than in the run. */
  shift = 0
  readonly #run: (row: number, stop: number, back: number, period: number) => number

  constructor() {
    const { memory, functions } = instantiate(OUT_AT + COLUMN * 8, { run: loop() })
    this.sums = new Float64Array(memory, SUMS_AT, PLACES.length)
    this.x = new Float64Array(memory, X_AT, COLUMN)
    this.y = new Float64Array(memory, Y_AT, COLUMN)
    this.out = new Float64Array(memory, OUT_AT, COLUMN)
    this.#run = functions.run as (row: number, stop: number, back: number, period: number) => number
  }

  /**
   * Copies rows from `from` on, and those that leave their windows.
   * @returns the row after the last
   */
  hold(x: Float64Array, y: Float64Array, from: number, to: number, period: number): number {
    const end = Math.min(to, from + ROOM)
    this.back = Math.min(period, ROOM)
    this.shift = from - this.back
    this.#copy(this.x, x, from, end, period)
    this.#copy(this.y, y, from, end, period)
    return end
  }

  #copy(into: Float64Array, x: Float64Array, from: number, end: number, period: number): void {
    if (period <= ROOM) into.set(x.subarray(from - period, end))
    else {
      into.set(x.subarray(from - period, end - period))
      into.set(x.subarray(from, end), ROOM)
    }
  }

  /** Rows that are held, an even number of them. False where one needs a closer look; `sums` are as before then. */
  run(from: number, to: number, period: number): boolean {
    return this.#run((from - this.shift) * 8, (to - this.shift) * 8, this.back * 8, period) !== 0
  }

  /** Hands on the results of all rows that are held; `to` is the row after the last. */
  give(out: Float64Array, to: number): void {
    out.set(this.out.subarray(this.back, to - this.shift), this.back + this.shift)
  }
}

export type { Paired }

/** Null where the platform cannot. */
export const pairedRows = whereThereIsWasm(() => new Paired())
