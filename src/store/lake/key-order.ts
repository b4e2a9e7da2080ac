/**
 * Rows in the order of their keys, the first column counting most; rows with the same keys as they came.
 * @param dropsRepeated whether of rows with the same keys only the first is given.
 */
export function orderOfKeys(keys: readonly Float64Array[], rows: number, dropsRepeated: boolean): Uint32Array {
  const order = Uint32Array.from({ length: rows }, (_, row) => row)
  order.sort((a, b) => compareKeys(keys, a, b) || a - b)
  if (!dropsRepeated) return order
  let kept = 0
  for (let i = 0; i < rows; i++) {
    const row = order[i]!
    if (kept === 0 || compareKeys(keys, order[kept - 1]!, row) !== 0) order[kept++] = row
  }
  return order.subarray(0, kept)
}

/** Rows that lack a key come last. */
function compareKeys(keys: readonly Float64Array[], a: number, b: number): number {
  for (const values of keys) {
    const left = values[a]!
    const right = values[b]!
    if (left < right) return -1
    if (left > right) return 1
    if (left !== right && Number.isNaN(left) !== Number.isNaN(right)) return Number.isNaN(left) ? 1 : -1
  }
  return 0
}
