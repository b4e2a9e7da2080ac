// WebAssembly put together in the source: it has instructions for two float64 at a time, which JavaScript lacks, and
// functions as small as those here need no compiler, no step of the build and no binary in the repository. Code is the
// bytes of its instructions, written as expressions: what an instruction takes is its arguments.

export type Code = readonly number[]

/** Types of variables. */
export const I32 = 0x7f
export const F64 = 0x7c
export const V128 = 0x7b

/** A number as WebAssembly writes those that are not negative: seven bits a byte, the lowest first. */
const digits = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...digits(value >> 7)])
const float = (value: number) => [...new Uint8Array(Float64Array.of(value).buffer)]
const simd = (code: number) => [0xfd, ...digits(code)]
const END = 0x0b

const unary =
  (instruction: Code) =>
  (value: Code): Code => [...value, ...instruction]
const binary =
  (instruction: Code) =>
  (one: Code, other: Code): Code => [...one, ...other, ...instruction]
/** `beyond`: bytes to add to the address, which costs nothing. */
const load =
  (instruction: Code, alignment: number) =>
  (address: Code, beyond = 0): Code => [...address, ...instruction, alignment, ...digits(beyond)]
const store =
  (instruction: Code, alignment: number) =>
  (address: Code, value: Code, beyond = 0): Code => [...address, ...value, ...instruction, alignment, ...digits(beyond)]

/** Variables are numbers: the parameters first. */
export const get = (variable: number): Code => [0x20, variable]
export const set = (variable: number, value: Code): Code => [...value, 0x21, variable]

export const i32 = {
  /** Less than 64: more would need other digits. */
  number: (value: number): Code => [0x41, value],
  load: load([0x28], 2),
  isZero: unary([0x45]),
  isGreater: binary([0x4b]),
  isNotLess: binary([0x4f]),
  plus: binary([0x6a]),
  minus: binary([0x6b]),
}

export const f64 = {
  store: store([0x39], 3),
  least: binary([0xa4]),
  greatest: binary([0xa5]),
}

/** Two float64 at a time; a comparison gives all bits, or none, of either. */
export const f64x2 = {
  number: (value: number): Code => [...simd(0x0c), ...float(value), ...float(value)],
  load: load(simd(0x00), 3),
  /** One float64 for both. */
  loadTwice: load(simd(0x0a), 3),
  store: store(simd(0x0b), 3),
  twice: unary(simd(0x14)),
  first: unary([...simd(0x21), 0]),
  second: unary([...simd(0x21), 1]),
  /** Two of four: 0 and 1 are those of `one`, 2 and 3 those of `other`. */
  pick: (one: Code, other: Code, first: number, second: number): Code => [
    ...[...one, ...other, ...simd(0x0d)],
    ...[first, second].flatMap((place) => Array.from({ length: 8 }, (_, byte) => place * 8 + byte)),
  ],
  isGreater: binary(simd(0x4a)),
  isNotGreater: binary(simd(0x4b)),
  and: binary(simd(0x4e)),
  /** Whether no lane is without any bit. */
  areTrue: unary(simd(0xc3)),
  root: unary(simd(0xef)),
  plus: binary(simd(0xf0)),
  minus: binary(simd(0xf1)),
  times: binary(simd(0xf2)),
  over: binary(simd(0xf3)),
  /** The less or the greater; where `other` is NaN it is `one`. */
  least: binary(simd(0xf6)),
  greatest: binary(simd(0xf7)),
}

/** `body` again and again until the condition holds, which is asked before. */
export function until(condition: Code, ...body: readonly Code[]): Code {
  return [...[0x02, 0x40, 0x03, 0x40], ...condition, ...[0x0d, 1], ...body.flat(), ...[0x0c, 0], END, END]
}

export function when(condition: Code, ...body: readonly Code[]): Code {
  return [...condition, ...[0x04, 0x40], ...body.flat(), END]
}

export interface WasmFunction {
  /** Types of the parameters, of the further variables, which begin at 0, and of what is returned. */
  readonly parameters: Code
  readonly variables: Code
  readonly results: Code
  readonly body: readonly Code[]
}

/** As far as it is used here: the types of Node leave it to those of browsers. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

const PAGE = 65_536

/**
 * A module of some functions and a memory of `size` bytes at least.
 * @throws whatever the platform throws that has no WebAssembly, or none of two float64 at a time; see `whereThereIsWasm`
 */
export function instantiate(
  size: number,
  functions: Readonly<Record<string, WasmFunction>>,
): { readonly memory: ArrayBuffer; readonly functions: Readonly<Record<string, unknown>> } {
  const list = (items: readonly Code[]) => [...digits(items.length), ...items.flat()]
  const sized = (bytes: Code) => [...digits(bytes.length), ...bytes]
  const section = (id: number, items: readonly Code[]) => [id, ...sized(list(items))]
  const name = (text: string) => sized([...new TextEncoder().encode(text)])
  const names = Object.keys(functions)
  const all = Object.values(functions)
  const code = ({ variables, body }: WasmFunction) => [
    ...list(variables.map((type) => [1, type])),
    ...[...body.flat(), END],
  ]
  const bytes = Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // Of each function its type; which type each one has; the memory; all their names; the code of each function.
    ...section(
      1,
      all.map(({ parameters, results }) => [0x60, ...sized(parameters), ...sized(results)]),
    ),
    ...section(
      3,
      all.map((_, index) => digits(index)),
    ),
    ...section(5, [[0, ...digits(Math.ceil(size / PAGE))]]),
    ...section(7, [[...name('memory'), 2, 0], ...names.map((text, index) => [...name(text), 0, ...digits(index)])]),
    ...section(
      10,
      all.map((one) => sized(code(one))),
    ),
  ])
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
  const { buffer } = exports.memory as { readonly buffer: ArrayBuffer }
  return { memory: buffer, functions: exports }
}

/** What `make` gives, made at first use; null where there is no WebAssembly that can do it. */
export function whereThereIsWasm<T>(make: () => T): () => T | null {
  let made: T | null | undefined
  return () => {
    if (made !== undefined) return made
    try {
      made = make()
    } catch {
      made = null
    }
    return made
  }
}
