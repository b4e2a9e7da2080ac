import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import { StorageError } from '../../model/errors.ts'
import { silentLog } from '../../model/log.ts'
import type { Market } from '../../model/series.ts'
import { storageError } from '../lake/errors.ts'
import { makeFolder } from '../lake/files.ts'
import { type FileLock, lockFile } from '../lake/lock.ts'
import { BlockQueue } from './block-queue.ts'
import type { SpoolEntry, SpoolEntryType } from './format.ts'
import { type SpoolLimits, type SpoolOptions, type SpoolStatus, spoolLimits } from './options.ts'
import { SegmentWriter } from './segment-writer.ts'
import { findSegments, replaySegments, type SegmentShelf } from './segments.ts'

const LOCK_FILE = '.lock'
/**
 * Sequences left out between two runs. Entries may have reached the lake without being safe in the spool when the
 * process died: their sequences must never be given again. More than fit into the memory can't be lost.
 */
export const RUN_GAP = 2 ** 27

/**
 * Where every record is before it counts as stored: an append-only log on disk, of the frames as they arrived. One
 * process holds it. What is in the lake is released; what was not is read back by the next start.
 */
export class Spool implements AsyncDisposable {
  readonly folder: string
  /** Tells this spool from an earlier one whose sequences began anew. */
  readonly id: string
  readonly #options: SpoolOptions
  readonly #limits: SpoolLimits
  readonly #lock: FileLock
  readonly #shelf: SegmentShelf
  readonly #queue: BlockQueue
  #next: number
  #durable: number
  #releasedTo = -1
  #writer: SegmentWriter | undefined
  #timer: NodeJS.Timeout | undefined
  #retryTimer: NodeJS.Timeout | undefined
  #pumping: Promise<void> | undefined
  #wantsSync = false
  #error: Error | undefined
  #state: SpoolStatus['state'] = 'fine'
  #closed = false
  #waiting: { readonly sequence: number; readonly done: () => void; readonly fail: (error: Error) => void }[] = []
  #draining: (() => void)[] = []
  #entries = 0
  #bytes = 0
  #refusedEntries = 0
  #refusedBytes = 0
  #syncs = 0
  #lastSyncMs = 0

  private constructor(folder: string, lock: FileLock, shelf: SegmentShelf, limits: SpoolLimits, options: SpoolOptions) {
    this.folder = folder
    this.#lock = lock
    this.#shelf = shelf
    this.#limits = limits
    this.#options = options
    this.#queue = new BlockQueue(limits.blockBytes, limits.memoryBytes)
    this.id = shelf.id ?? randomBytes(16).toString('hex')
    this.#next = shelf.segments.length > 0 ? shelf.last + RUN_GAP : 1
    this.#durable = this.#next - 1
  }

  /**
   * Opens the spool in a folder and cuts the torn tail that a crash left. Read what is in it with `replay`.
   * @throws LakeLockedError naming the process that holds it.
   */
  static async open(dir: string, options: SpoolOptions & { readonly signal?: AbortSignal } = {}): Promise<Spool> {
    const limits = spoolLimits(options)
    const folder = resolve(dir)
    await makeFolder(folder).catch((cause: unknown) => {
      throw storageError(folder, 'the spool could not be made', cause)
    })
    const lock = await lockFile(join(folder, LOCK_FILE), {
      waitMs: options.lockWaitMs ?? 0,
      ...(options.signal ? { signal: options.signal } : {}),
    })
    try {
      const shelf = await findSegments(
        folder,
        limits.spareSegments,
        (damage) => report(options, damage),
        options.signal,
      )
      return new Spool(folder, lock, shelf, limits, options)
    } catch (error) {
      await lock.release()
      throw storageError(folder, 'the spool could not be opened', error)
    }
  }

  /** Sequence of the newest entry. */
  get last(): number {
    return this.#next - 1
  }

  /** Every entry of this run up to this sequence is safe on disk. */
  get durable(): number {
    return this.#durable
  }

  /** With `whenFull: 'block'`: the disk is slower than the market, and the sockets should be paused until `drained`. */
  get isFull(): boolean {
    return this.#limits.whenFull === 'block' && this.isShort
  }

  /** Half of the memory is used, whatever `whenFull` says: what can come later should wait for `drained`. */
  get isShort(): boolean {
    return this.#queue.memory > this.#limits.memoryBytes / 2
  }

  get status(): SpoolStatus {
    return {
      state: this.#error ? 'failing' : this.isShort ? 'full' : 'fine',
      error: this.#error,
      last: this.last,
      durable: this.#durable,
      memory: this.#queue.memory,
      segments: this.#shelf.segments.length + (this.#writer ? 1 : 0),
      disk: this.#shelf.bytes + (this.#writer?.size ?? 0),
      appended: { entries: this.#entries, bytes: this.#bytes },
      refused: { entries: this.#refusedEntries, bytes: this.#refusedBytes },
      syncs: this.#syncs,
      lastSyncMs: this.#lastSyncMs,
    }
  }

  /** Whether `append` would take an entry of that size now. */
  fits(size: number): boolean {
    return this.#queue.fits(size)
  }

  /**
   * Takes an entry, `bytes[start…end)`, which is copied. Gives its sequence, or -1 when there is no memory for it: then
   * it is not in the spool and must not count as received.
   */
  append(
    type: SpoolEntryType,
    market: Market,
    receiveTime: number,
    bytes: Uint8Array,
    start = 0,
    end = bytes.length,
  ): number {
    if (this.#closed) throw new StorageError(this.folder, 'the spool is closed.')
    const size = end - start
    const block = this.#queue.room(size, this.#next)
    if (!block) {
      this.#refusedEntries++
      this.#refusedBytes += size
      this.#pump()
      return -1
    }
    block.add(type, market, receiveTime, bytes, start, end)
    this.#entries++
    this.#bytes += size
    this.#timer ??= setTimeout(this.#onTimer, this.#limits.commitMs)
    if (this.#queue.unwritten > 0) {
      if (this.#state === 'fine' && this.isShort) this.#changeState(this.#error)
      if (!this.#pumping) this.#pump()
    }
    return this.#next++
  }

  /** Resolves when the entry of that sequence is safe on disk. @throws StorageError when the spool closes before. */
  flushed(sequence: number): Promise<void> {
    if (sequence <= this.#durable) return Promise.resolve()
    return new Promise((done, fail) => this.#waiting.push({ sequence, done, fail }))
  }

  /** Commits now all that was appended. */
  flush(): Promise<void> {
    this.#onTimer()
    return this.flushed(this.last)
  }

  /** Resolves when `isShort` is false, and with it `isFull`. */
  drained(): Promise<void> {
    return this.isShort ? new Promise((done) => this.#draining.push(done)) : Promise.resolve()
  }

  /**
   * Tells that every entry up to `sequence` is in the lake, or of no more use. Segments that hold no other entries are
   * deleted, or kept to be written over.
   */
  async release(sequence: number): Promise<void> {
    this.#releasedTo = Math.max(this.#releasedTo, sequence)
    // At once, also while the disk takes nothing: this is what makes room on it.
    await this.#shelf.release(this.#releasedTo, this.#mayKeep).catch((cause: unknown) => {
      throw storageError(this.folder, 'the spool could not be shortened', cause)
    })
    this.#pump()
    await this.#pumping
  }

  /**
   * What earlier runs left, in order. Damaged blocks are told to `onDamage` and passed over. An entry's memory is used
   * again for the next one.
   */
  async *replay(signal?: AbortSignal): AsyncGenerator<SpoolEntry, void, void> {
    yield* replaySegments(this.#shelf, (damage) => report(this.#options, damage), signal)
  }

  /** Commits what was appended and lets another process have the spool. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    try {
      this.#onTimer()
      await this.#pumping
      // What came while the last step ended, or the last try of a failing disk.
      if (!this.#queue.isEmpty) await this.#run()
      const failed = this.#error
      await this.#closeWriter().catch(() => {})
      await this.#dropReleased()
      // One that can't be deleted now is at the next start.
      await this.#shelf.dropSpares().catch(() => {})
      if (failed) throw failed
    } finally {
      clearTimeout(this.#timer)
      clearTimeout(this.#retryTimer)
      const error = this.#error ?? new StorageError(this.folder, 'the spool is closed.')
      for (const { fail } of this.#waiting.splice(0)) fail(error)
      for (const done of this.#draining.splice(0)) done()
      await this.#lock.release()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  readonly #onTimer = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#wantsSync = true
    this.#queue.sealCurrent()
    this.#pump()
  }

  #pump(): void {
    if (this.#pumping || this.#retryTimer) return
    this.#pumping = this.#run().finally(() => {
      this.#pumping = undefined
      // Something may have come while the last step ended.
      if (!this.#closed && !this.#error && (this.#queue.unwritten > 0 || this.#wantsSync)) this.#pump()
    })
  }

  /** Writes and syncs what is waiting. Never throws: a disk that fails is tried again. */
  async #run(): Promise<void> {
    try {
      for (;;) {
        if (this.#writer && this.#isWriterDone(this.#writer)) {
          await this.#sync()
          await this.#closeWriter()
        }
        const block = this.#queue.nextUnwritten()
        if (block) {
          this.#writer ??= await SegmentWriter.create(this.folder, this.id, block.first, this.#shelf.takeSpare())
          await this.#writer.write(block)
          this.#queue.written(block)
        }
        const due = this.#wantsSync && this.#queue.unwritten === 0
        // Blocks keep their memory until they are safe: under load they are made so before it runs out.
        if (due || this.#queue.unsyncedMemory > this.#limits.memoryBytes / 4) await this.#sync()
        if (this.#queue.unwritten === 0 && !this.#wantsSync) break
      }
      this.#changeState(undefined)
      await this.#dropReleased()
    } catch (cause) {
      await this.#onFailure(cause)
    }
  }

  /** Whether a released segment may stay on the disk as a spare one. */
  get #mayKeep(): boolean {
    return !this.#closed && this.#error === undefined
  }

  #isWriterDone(writer: SegmentWriter): boolean {
    return (
      writer.length >= this.#limits.segmentBytes ||
      Date.now() - writer.createdAt >= this.#limits.segmentAgeMs ||
      // A clock that was set back must not keep a segment for ever.
      Date.now() < writer.createdAt - 60_000
    )
  }

  async #sync(): Promise<void> {
    // What comes while the disk works needs a sync of its own.
    this.#wantsSync = this.#queue.unwritten > 0 && this.#wantsSync
    const last = this.#queue.lastWritten
    if (last === undefined || !this.#writer) return
    const started = performance.now()
    await this.#writer.sync(last)
    this.#lastSyncMs = performance.now() - started
    this.#syncs++
    this.#queue.synced(last)
    this.#durable = last
    this.#changeState(undefined)
    this.#tellDurable()
  }

  #tellDurable(): void {
    const { onDurable, log = silentLog } = this.#options
    try {
      onDurable?.(this.#durable)
    } catch (error) {
      log.error({ error }, 'onDurable of the spool threw')
    }
    if (this.#waiting.length > 0) {
      const ready = this.#waiting.filter(({ sequence }) => sequence <= this.#durable)
      this.#waiting = this.#waiting.filter(({ sequence }) => sequence > this.#durable)
      for (const { done } of ready) done()
    }
    if (!this.isShort) for (const done of this.#draining.splice(0)) done()
  }

  async #closeWriter(): Promise<void> {
    const writer = this.#writer
    if (!writer) return
    this.#writer = undefined
    await writer.close()
    if (writer.last >= writer.first) this.#shelf.add(writer)
  }

  async #dropReleased(): Promise<void> {
    const writer = this.#writer
    // An idle segment whose entries are all in the lake need not wait for more.
    if (writer && writer.last <= this.#releasedTo && this.#queue.isEmpty && writer.length > this.#limits.blockBytes)
      await this.#closeWriter()
    // A segment that can't be deleted costs space, nothing else; the next release tries again.
    await this.#shelf.release(this.#releasedTo, this.#mayKeep).catch((error: unknown) => {
      this.#options.log?.warn({ error }, 'the spool could not be shortened')
    })
  }

  /** Nothing acknowledged is in the part that failed: it goes to a new segment when the disk takes it. */
  async #onFailure(cause: unknown): Promise<void> {
    const error = storageError(this.#writer?.path ?? this.folder, 'the spool could not be written', cause)
    this.#queue.rewrite()
    this.#wantsSync = true
    await this.#closeWriter().catch(() => {})
    this.#changeState(error)
    // It may be that the disk is full.
    await this.#shelf.dropSpares().catch(() => {})
    if (this.#closed) return
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined
      this.#pump()
    }, this.#limits.retryMs)
  }

  #changeState(error: Error | undefined): void {
    const { log = silentLog, onState } = this.#options
    if (error && !this.#error) log.error({ error: error.message }, 'the spool takes nothing; it is tried again')
    if (!error && this.#error) log.info({}, 'the spool can be written again')
    this.#error = error
    const status = this.status
    if (status.state === this.#state) return
    this.#state = status.state
    try {
      onState?.(status)
    } catch (thrown) {
      log.error({ error: thrown }, 'onState of the spool threw')
    }
  }
}

function report(options: SpoolOptions, damage: Parameters<NonNullable<SpoolOptions['onDamage']>>[0]): void {
  const { log = silentLog, onDamage } = options
  const { path, offset, length, lost } = damage
  if (damage.isTail) log.info({ path, offset, length }, 'the spool ended in the middle of a write; the tail was cut')
  else log.warn({ path, offset, length, lost }, 'a part of the spool is damaged; the rest is read')
  onDamage?.(damage)
}
