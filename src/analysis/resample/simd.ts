import { greatest, least } from './rows.ts'

// The greatest and the least of many bars in WebAssembly, which has instructions for two float64 at a time and needs no
// branch: measured, with the copy into its memory, that takes less than half as long as the loops of rows.ts, which wait for
// branches that nobody can guess. The module is put together below, instruction by instruction: it is small, and so no
// compiler is needed to build it.

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
const PAGE = 65_536
const PAGES = Math.ceil((VALUES_AT + ROOM * 8) / PAGE)

/** The less or the greater of two values; where the second is NaN the first, which is what came before. */
const PMIN = [0xfd, 0xf6, 0x01]
const PMAX = [0xfd, 0xf7, 0x01]

const I32 = 0x7f
const V128 = 0x7b
const BLOCK = [0x02, 0x40]
const LOOP = [0x03, 0x40]
const END = 0x0b
const I32_LOAD = [0x28, 2, 0]
const I32_EQZ = 0x45
const I32_GT = 0x4b
const I32_GE = 0x4f
const I32_ADD = 0x6a
const I32_SUB = 0x6b
const F64_STORE = [0x39, 3, 0]
const V128_LOAD = [0xfd, 0x00, 3, 0]
const V128_LOAD_NEXT = [0xfd, 0x00, 3, 16]
const F64_LOAD_BOTH = [0xfd, 0x0a, 3, 0]
const FIRST_LANE = [0xfd, 0x21, 0]
const SECOND_LANE = [0xfd, 0x21, 1]
const get = (local: number) => [0x20, local]
const set = (local: number) => [0x21, local]
const number = (value: number) => [0x41, value]
const exitIf = (depth: number) => [0x0d, depth]
const again = [0x0c, 0]

/** Variables of a function: parameters are how many bars are left, and where their first row, the row after the last and the result stand. */
const LEFT = 0
const FROM = 1
const TO = 2
const OUT = 3
const ROW = 4
const STOP = 5
const EVEN = 6
const ODD = 7

/** @param pick PMAX or PMIN @param both scalar of the same @param start little-endian bytes of a float64 */
function extreme(pick: readonly number[], both: number, start: readonly number[]): number[] {
  const nothing = [0xfd, 0x0c, ...start, ...start]
  const step = (local: number, bytes: number) => [...get(local), ...number(bytes), I32_ADD, ...set(local)]
  const take = (local: number, load: readonly number[]) => [...get(local), ...get(ROW), ...load, ...pick, ...set(local)]
  return [
    // Variables: two of i32, two of v128.
    ...[2, 2, I32, 2, V128],
    ...[...BLOCK, ...LOOP, ...get(LEFT), I32_EQZ, ...exitIf(1)],
    ...[...get(FROM), ...I32_LOAD, ...set(ROW), ...get(TO), ...I32_LOAD, ...set(STOP)],
    ...[...nothing, ...set(EVEN), ...nothing, ...set(ODD)],
    // Four values at a time, then one by one.
    ...[...BLOCK, ...LOOP, ...get(ROW), ...number(32), I32_ADD, ...get(STOP), I32_GT, ...exitIf(1)],
    ...[...take(EVEN, V128_LOAD), ...take(ODD, V128_LOAD_NEXT), ...step(ROW, 32), ...again, END, END],
    ...[...BLOCK, ...LOOP, ...get(ROW), ...get(STOP), I32_GE, ...exitIf(1)],
    ...[...take(EVEN, F64_LOAD_BOTH), ...step(ROW, 8), ...again, END, END],
    ...[...get(EVEN), ...get(ODD), ...pick, ...set(EVEN)],
    ...[...get(OUT), ...get(EVEN), ...FIRST_LANE, ...get(EVEN), ...SECOND_LANE, both, ...F64_STORE],
    ...[...step(FROM, 4), ...step(TO, 4), ...step(OUT, 8)],
    ...[...get(LEFT), ...number(1), I32_SUB, ...set(LEFT), ...again, END, END, END],
  ]
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const size = (bytes: number) => (bytes < 128 ? [bytes] : [(bytes & 127) | 128, bytes >> 7])
  const section = (id: number, content: readonly number[]) => [id, ...size(content.length), ...content]
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)]
  const code = (body: readonly number[]) => [...size(body.length), ...body]
  const [F64_MIN, F64_MAX] = [0xa4, 0xa5]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // One type of function, four i32 and no result; two functions of it; the memory; their names; their code.
    ...section(1, [1, 0x60, 4, I32, I32, I32, I32, 0]),
    ...section(3, [2, 0, 0]),
    ...section(5, [1, 0, PAGES]),
    ...section(7, [3, ...name('memory'), 2, 0, ...name('greatest'), 0, 0, ...name('least'), 0, 1]),
    ...section(10, [
      2,
      ...code(extreme(PMAX, F64_MAX, [0, 0, 0, 0, 0, 0, 0xf0, 0xff])),
      ...code(extreme(PMIN, F64_MIN, [0, 0, 0, 0, 0, 0, 0xf0, 0x7f])),
    ]),
  ])
}

/** As far as it is used here: the types of Node leave it to those of browsers. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> }
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
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()))
    const { buffer } = exports.memory as { readonly buffer: ArrayBuffer }
    this.from = new Int32Array(buffer, FROM_AT, BARS)
    this.to = new Int32Array(buffer, TO_AT, BARS)
    this.out = new Float64Array(buffer, OUT_AT, BARS)
    this.values = new Float64Array(buffer, VALUES_AT, ROOM)
    this.greatest = exports.greatest as Run
    this.least = exports.least as Run
  }
}

/** Made at first use; null where the platform has no such instructions. */
let simd: Simd | null | undefined

function load(): Simd | null {
  if (simd !== undefined) return simd
  try {
    simd = new Simd()
  } catch {
    simd = null
  }
  return simd
}

/** Rows of many bars, one after another. */
export interface BarRows {
  readonly count: number
  readonly from: Int32Array
  readonly to: Int32Array
}

/** What `greatest` gives of each bar, NaN passed over, from `at` on. */
export function greatestOfBars(values: Float64Array, bars: BarRows, into: Float64Array, at: number): void {
  const module = hold(values, bars)
  if (module) {
    module.greatest(bars.count, FROM_AT, TO_AT, OUT_AT)
    into.set(module.out.subarray(0, bars.count), at)
    return
  }
  const { count, from, to } = bars
  for (let b = 0; b < count; b++) into[at + b] = greatest(values, from[b]!, to[b]!, Number.NEGATIVE_INFINITY)
}

/** As `greatestOfBars`. */
export function leastOfBars(values: Float64Array, bars: BarRows, into: Float64Array, at: number): void {
  const module = hold(values, bars)
  if (module) {
    module.least(bars.count, FROM_AT, TO_AT, OUT_AT)
    into.set(module.out.subarray(0, bars.count), at)
    return
  }
  const { count, from, to } = bars
  for (let b = 0; b < count; b++) into[at + b] = least(values, from[b]!, to[b]!, Number.POSITIVE_INFINITY)
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
