/** The different values of a column, in the order of their first appearance, and which one each row has. */
export interface Dictionary {
  readonly entries: Float64Array
  readonly indexes: Int32Array
}

/** Slots at first. There are always twice as many as entries at least, and not many more: they fit a nearer cache. */
const FIRST_SLOTS = 4096
/** How much larger the table becomes when it is full: all entries move each time. */
const GROWTH = 4
/**
 * A column whose first sixteenth has hardly any value twice gets no dictionary: of values drawn at random from so many
 * that only one row in 32 repeats one, two thirds are different in the whole column, and an index saves nothing then.
 */
const SAMPLE = 1 / 16
const LEAST_REPEATS = 1 / 32
const MIN_SAMPLE = 4096

/** Index of the entry plus one; 0 where there is none. */
let slots = new Int32Array(FIRST_SLOTS)
let entries = new Float64Array(FIRST_SLOTS)
let indexes = new Int32Array(0)

/**
 * Finds the different values of a column, by their bits: -0 is not 0, and NaN is itself.
 * @param most gives up beyond so many.
 * @returns views on memory that the next call uses again; undefined when there are more, or will be by the looks of it.
 */
export function findDictionary(values: Float64Array, count: number, most: number): Dictionary | undefined {
  if (indexes.length < count) indexes = new Int32Array(count)
  const halves = new Int32Array(values.buffer, values.byteOffset, count * 2)
  let known = new Int32Array(entries.buffer)
  let mask = FIRST_SLOTS - 1
  slots.fill(0, 0, FIRST_SLOTS)
  let found = 0
  let index = -1
  let low = 0
  let high = 0
  const sample = Math.max(MIN_SAMPLE, Math.floor(count * SAMPLE))
  for (let i = 0; i < count; i++) {
    if (i === sample && found > sample * (1 - LEAST_REPEATS)) return undefined
    const nextLow = halves[2 * i]!
    const nextHigh = halves[2 * i + 1]!
    // Prices come several times in a row.
    if (index < 0 || nextLow !== low || nextHigh !== high) {
      low = nextLow
      high = nextHigh
      let slot = hashOf(low, high) & mask
      for (;;) {
        index = slots[slot]! - 1
        if (index < 0 || (known[2 * index] === low && known[2 * index + 1] === high)) break
        slot = (slot + 1) & mask
      }
      if (index < 0) {
        if (found === most) return undefined
        known[2 * found] = low
        known[2 * found + 1] = high
        index = found++
        slots[slot] = found
        if (2 * found > mask) {
          mask = GROWTH * (mask + 1) - 1
          known = spread(found, mask)
        }
      }
    }
    indexes[i] = index
  }
  return { entries: entries.subarray(0, found), indexes: indexes.subarray(0, count) }
}

/** Gives the entries that there are new slots, and room for more. @returns the entries as halves. */
function spread(found: number, mask: number): Int32Array<ArrayBuffer> {
  if (slots.length <= mask) slots = new Int32Array(mask + 1)
  else slots.fill(0, 0, mask + 1)
  if (entries.length <= mask) {
    const grown = new Float64Array(mask + 1)
    grown.set(entries.subarray(0, found))
    entries = grown
  }
  const known = new Int32Array(entries.buffer)
  for (let index = 0; index < found; index++) {
    let slot = hashOf(known[2 * index]!, known[2 * index + 1]!) & mask
    while (slots[slot] !== 0) slot = (slot + 1) & mask
    slots[slot] = index + 1
  }
  return known
}

function hashOf(low: number, high: number): number {
  let hash = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35)
  return hash ^ (hash >>> 13)
}
