import { BLOCK_HEADER, Block, ENTRY_HEADER } from './format.ts'

/** Share of the memory that spare blocks may keep: as much as waits for a sync under load, so that it goes round. */
const SPARE = 1 / 4

/**
 * Blocks on their way to the disk: one that is being filled, then those to be written, then those written but not yet
 * synced. A block keeps its memory until it is safe, so that a failing disk loses nothing.
 */
export class BlockQueue {
  readonly #blockBytes: number
  readonly #memoryBytes: number
  #current: Block | undefined
  #unwritten: Block[] = []
  #unsynced: Block[] = []
  readonly #spare: Block[] = []
  readonly #maxSpare: number
  #memory = 0
  #unsyncedMemory = 0

  constructor(blockBytes: number, memoryBytes: number) {
    this.#blockBytes = blockBytes
    this.#memoryBytes = memoryBytes
    this.#maxSpare = Math.floor((memoryBytes * SPARE) / blockBytes)
  }

  /** Memory of all blocks that hold entries, bytes. */
  get memory(): number {
    return this.#memory
  }

  /** Blocks that wait to be written. */
  get unwritten(): number {
    return this.#unwritten.length
  }

  get unsyncedMemory(): number {
    return this.#unsyncedMemory
  }

  get isEmpty(): boolean {
    return this.#memory === 0
  }

  /** Sequence of the newest entry that was written but not synced; undefined when there is none. */
  get lastWritten(): number | undefined {
    return this.#unsynced.at(-1)?.last
  }

  /** Whether there is memory for an entry of that size. */
  fits(size: number): boolean {
    if (this.#current?.hasRoom(size) || this.#memory === 0) return true
    return this.#memory + Math.max(this.#blockBytes, BLOCK_HEADER + ENTRY_HEADER + size) <= this.#memoryBytes
  }

  /** The block that takes an entry of that size next; undefined when memory is used up. */
  room(size: number, sequence: number): Block | undefined {
    if (this.#current?.hasRoom(size)) return this.#current
    // An entry larger than all the memory is taken when nothing else is held.
    if (!this.fits(size)) return undefined
    const capacity = Math.max(this.#blockBytes, BLOCK_HEADER + ENTRY_HEADER + size)
    this.sealCurrent()
    const block = (capacity === this.#blockBytes ? this.#spare.pop() : undefined) ?? new Block(capacity)
    block.begin(sequence)
    this.#memory += capacity
    this.#current = block
    return block
  }

  /** Ends the block that is being filled, if it holds anything. */
  sealCurrent(): void {
    if (!this.#current) return
    this.#unwritten.push(this.#current)
    this.#current = undefined
  }

  nextUnwritten(): Block | undefined {
    return this.#unwritten[0]
  }

  /** The first block was written. */
  written(block: Block): void {
    this.#unwritten.shift()
    this.#unsynced.push(block)
    this.#unsyncedMemory += block.capacity
  }

  /** All blocks up to a sequence are safe: their memory is free. */
  synced(last: number): void {
    while (this.#unsynced[0] && this.#unsynced[0].last <= last) {
      const block = this.#unsynced.shift()!
      this.#memory -= block.capacity
      this.#unsyncedMemory -= block.capacity
      if (block.capacity === this.#blockBytes && this.#spare.length < this.#maxSpare) this.#spare.push(block)
    }
  }

  /** What is not safe has to be written again. */
  rewrite(): void {
    this.#unwritten = [...this.#unsynced, ...this.#unwritten]
    this.#unsynced = []
    this.#unsyncedMemory = 0
  }
}
