/** Memory that one flush may keep for the next one, bytes. Larger ones take memory of their own. */
const MOST = 4 * 1024 * 1024

/** Where columns get their memory from. */
export interface ColumnMemory {
  /** All zero. */
  numbers(count: number): Float64Array
  ids(count: number): BigInt64Array
  counts(count: number): Uint32Array
}

/** Memory that belongs to whoever asks for it. */
export const OWN_MEMORY: ColumnMemory = {
  numbers: (count) => new Float64Array(count),
  ids: (count) => new BigInt64Array(count),
  counts: (count) => new Uint32Array(count),
}

const idle: Scratch[] = []

/**
 * Memory for the columns of one flush, used again by the next: hundreds of series that are written every few seconds
 * would leave more garbage than all that waits.
 */
export class Scratch implements ColumnMemory, Disposable {
  #buffer = new ArrayBuffer(0)
  #used = 0
  #wanted = 0

  /** To be disposed of when nothing that it gave is in use any more. */
  static take(): Scratch {
    return idle.pop() ?? new Scratch()
  }

  numbers(count: number): Float64Array {
    const at = this.#take(count * 8)
    return at < 0 ? new Float64Array(count) : new Float64Array(this.#buffer, at, count).fill(0)
  }

  ids(count: number): BigInt64Array {
    const at = this.#take(count * 8)
    return at < 0 ? new BigInt64Array(count) : new BigInt64Array(this.#buffer, at, count)
  }

  counts(count: number): Uint32Array {
    const at = this.#take(count * 4)
    return at < 0 ? new Uint32Array(count) : new Uint32Array(this.#buffer, at, count)
  }

  [Symbol.dispose](): void {
    if (this.#wanted > this.#buffer.byteLength && this.#wanted <= MOST) this.#buffer = new ArrayBuffer(this.#wanted)
    this.#used = this.#wanted = 0
    idle.push(this)
  }

  /** Where so many bytes begin; -1 where there are none left. */
  #take(bytes: number): number {
    const size = Math.ceil(bytes / 8) * 8
    this.#wanted += size
    if (this.#used + size > this.#buffer.byteLength) return -1
    const at = this.#used
    this.#used += size
    return at
  }
}
