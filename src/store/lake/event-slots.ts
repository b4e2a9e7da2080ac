/** Numbers of one block, 8 KB: small beside what a busy series keeps, and little is lost in the last one of a quiet one. */
const BLOCK = 1024
/** Blocks made at a time, of one piece of memory: thousands of small pieces would leave holes behind. */
const SLAB = 32
/** Blocks that nobody uses and that are kept for whoever needs some next: 32 MB. */
const MOST_SPARE = 4096

/** Memory for numbers, and for 64-bit integers as the halves of them. */
interface Block {
  readonly numbers: Float64Array
  readonly halves: Int32Array
}

const spare: Block[] = []

function takeBlock(): Block {
  if (spare.length === 0) {
    const slab = new ArrayBuffer(SLAB * BLOCK * 8)
    for (let index = 0; index < SLAB; index++) {
      const start = index * BLOCK * 8
      spare.push({
        numbers: new Float64Array(slab, start, BLOCK),
        halves: new Int32Array(slab, start, BLOCK * 2),
      })
    }
  }
  return spare.pop() as Block
}

const NO_BLOCK: Block = { numbers: new Float64Array(0), halves: new Int32Array(0) }

/**
 * Numbers one behind another, in blocks that all series share: nothing is copied as it grows, and what one series gave
 * back another one takes. What is asked for at once lies together.
 */
export class Slots {
  /** The block that is being filled. */
  numbers = NO_BLOCK.numbers
  halves = NO_BLOCK.halves
  /** Where it goes on in that block. */
  #at = 0
  #limit = 0
  #blocks: Block[] = []
  /** How far each block but the last is filled. */
  #ends: number[] = []

  /** Memory held, bytes. */
  get capacityBytes(): number {
    return this.#blocks.reduce((sum, { numbers }) => sum + numbers.byteLength, 0)
  }

  /** Slots left in the block that is being filled. */
  get room(): number {
    return this.#limit - this.#at
  }

  /** Takes `count` slots. Gives the first of them, in `numbers` and `halves` as they are from then on. */
  take(count: number): number {
    if (this.#at + count > this.#limit) this.#turn(count)
    const at = this.#at
    this.#at = at + count
    return at
  }

  /** What was filled, block by block. */
  *filled(): Generator<Block & { readonly end: number }, void, void> {
    for (const [index, { numbers, halves }] of this.#blocks.entries())
      yield { numbers, halves, end: this.#ends[index] ?? this.#at }
  }

  /** Forgets everything and gives the memory back. */
  clear(): void {
    for (const block of this.#blocks) if (block.numbers.length === BLOCK && spare.length < MOST_SPARE) spare.push(block)
    this.#blocks = []
    this.#ends = []
    this.#at = this.#limit = 0
    this.numbers = NO_BLOCK.numbers
    this.halves = NO_BLOCK.halves
  }

  #turn(count: number): void {
    if (this.#blocks.length > 0) this.#ends.push(this.#at)
    const block = count <= BLOCK ? takeBlock() : newBlock(count)
    this.#blocks.push(block)
    this.numbers = block.numbers
    this.halves = block.halves
    this.#at = 0
    this.#limit = block.numbers.length
  }
}

function newBlock(count: number): Block {
  const numbers = new Float64Array(count)
  return { numbers, halves: new Int32Array(numbers.buffer) }
}
