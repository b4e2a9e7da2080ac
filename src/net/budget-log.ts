import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { StorageError } from '../model/errors.ts'

/** What one program tells the others about the budget that they share. */
export type BudgetEventType = 'claim' | 'finish' | 'cancel' | 'pause' | 'others' | 'here' | 'limit' | 'clock'

export interface BudgetEvent {
  readonly type: BudgetEventType
  /** Who wrote it: drawn anew for each log that is opened. */
  readonly sender: number
  readonly pid: number
  /** When, on the clock that all programs of the machine share (`machineNow`), ms. */
  readonly at: number
  /** Number of the request in its sender's count; of `others` and `limit`, the length of the window in ms; of `clock` how wrong it may be. */
  readonly number: number
  /** Weight of a request, length of a pause in ms, weight spent by others, weight allowed, or what the server's clock is ahead. */
  readonly value: number
  /** The sender is a live collector, which bulk downloads leave some room. */
  readonly isLive: boolean
  readonly isOwn: boolean
}

export interface BudgetLogOptions {
  /** Folder of the files; made when it is missing. */
  readonly folder: string
  /** Name of the budget, e.g. host and pool. */
  readonly name: string
  readonly isLive?: boolean
  /** Length of a file's life, ms. */
  readonly slotMs?: number
  /** The machine's clock, ms; for tests. */
  readonly clock?: () => number
}

const TYPES: readonly BudgetEventType[] = ['claim', 'finish', 'cancel', 'pause', 'others', 'here', 'limit', 'clock']
const RECORD = 32
const MARK = 0x7b
/** Longest window of any limit of Binance's public API. A file and the one before it hold at least so much. */
const SLOT = 5 * 60_000
/** How long after its end a file is still read: by then whoever was about to write to it has done so, or sees that it is late. */
const GRACE = 2_000
/** How often a file is looked at whether someone has removed it, ms. */
const LOOK = 1_000
const BUFFER = Buffer.allocUnsafe(2_048 * RECORD)
/** `performance.now()` counts from the start of the process, the clock under it from the start of the machine. */
const MACHINE_BASE = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/** Milliseconds on the monotonic clock that all programs of this machine share. */
export function machineNow(): number {
  return MACHINE_BASE + performance.now()
}

/** A budget's name as its files begin with it. */
export function fileNameOf(name: string): string {
  return name.replace(/[^\w.-]+/g, '_')
}

interface Slot {
  readonly number: number
  readonly fd: number
  position: number
}

/**
 * What several programs have to tell each other about one rate budget: a file that each of them only appends to, in
 * records of one size. The kernel puts appended records in one order, the same for all, so nobody needs a lock: who has
 * appended a claim and then reads up to it knows of every claim before it. A program that dies leaves whole records, and
 * holds nothing that others wait for. A new file is begun every five minutes.
 */
export class BudgetLog implements Disposable {
  readonly folder: string
  readonly #name: string
  readonly #flags: number
  readonly #slotMs: number
  readonly #clock: () => number
  readonly #sender = Math.floor(Math.random() * 2 ** 32)
  readonly #record = Buffer.alloc(RECORD)
  #former: Slot | undefined
  #current: Slot | undefined
  #lookedAt = 0
  #isClosed = false

  /** @throws StorageError when the folder cannot be made, is not this user's own, or cannot be written. */
  constructor(options: BudgetLogOptions) {
    this.folder = options.folder
    this.#name = fileNameOf(options.name)
    this.#flags = options.isLive ? 1 : 0
    this.#slotMs = options.slotMs ?? SLOT
    this.#clock = options.clock ?? machineNow
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 })
      this.#begin(this.#slotOf(this.#clock()))
    } catch (cause) {
      this.close()
      throw problem(this.folder, cause)
    }
  }

  /** Milliseconds on the log's clock. */
  now(): number {
    return this.#clock()
  }

  /** Appends an event of our own. @throws StorageError */
  append(type: BudgetEventType, number: number, value: number): void {
    if (this.#isClosed) return
    try {
      // Whoever was held up between the choice of the file and the end of the writing may have written what nobody reads.
      for (;;) {
        const slot = this.#turn()
        this.#write(slot.fd, type, number, value)
        if (this.#clock() < (slot.number + 1) * this.#slotMs + GRACE / 2) return
      }
    } catch (cause) {
      throw problem(this.folder, cause)
    }
  }

  /** Hands on, in order, what was appended since the last call, our own events included. @throws StorageError */
  read(onEvent: (event: BudgetEvent) => void): void {
    if (this.#isClosed) return
    try {
      const current = this.#turn()
      const former = this.#former
      if (former) {
        this.#drain(former, onEvent)
        if (this.#clock() > current.number * this.#slotMs + GRACE) {
          closeSync(former.fd)
          this.#former = undefined
        }
      }
      this.#drain(current, onEvent)
    } catch (cause) {
      throw problem(this.folder, cause)
    }
  }

  /** The next `read` begins with the oldest event that is kept. @throws StorageError */
  rewind(): void {
    if (this.#isClosed) return
    try {
      this.#release()
      this.#begin(this.#slotOf(this.#clock()))
    } catch (cause) {
      throw problem(this.folder, cause)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#release()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #release(): void {
    for (const slot of [this.#former, this.#current]) if (slot) closeSync(slot.fd)
    this.#former = undefined
    this.#current = undefined
  }

  #slotOf(time: number): number {
    return Math.floor(time / this.#slotMs)
  }

  /** The file of now. */
  #turn(): Slot {
    const now = this.#clock()
    const number = this.#slotOf(now)
    const current = this.#current!
    if (number > current.number) return this.#begin(number)
    if (now - this.#lookedAt >= LOOK) {
      this.#lookedAt = now
      // Somebody tidied up: whoever comes next makes a new file, and both must be in the same one.
      if (fstatSync(current.fd).nlink === 0) return this.#begin(number)
    }
    return current
  }

  #begin(number: number): Slot {
    const fd = openSync(this.#path(number), 'a+', 0o600)
    const before = this.#current
    if (before?.number === number) closeSync(before.fd)
    else {
      if (this.#former) closeSync(this.#former.fd)
      this.#former = before?.number === number - 1 ? before : this.#openFormer(number - 1)
      if (before && before !== this.#former) closeSync(before.fd)
    }
    this.#current = { number, fd, position: 0 }
    this.#lookedAt = this.#clock()
    this.#sweep(number)
    return this.#current
  }

  #openFormer(number: number): Slot | undefined {
    try {
      return { number, fd: openSync(this.#path(number), 'r'), position: 0 }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  #path(number: number): string {
    return join(this.folder, `${this.#name}.${number}.budget1`)
  }

  /** Removes files that no program can need any more, those of a former start of the machine included. */
  #sweep(number: number): void {
    for (const file of readdirSync(this.folder)) {
      const slot = /\.(\d+)\.budget1$/.exec(file)?.[1]
      if (slot === undefined || Math.abs(Number(slot) - number) <= 1) continue
      try {
        unlinkSync(join(this.folder, file))
      } catch {
        // Another program was faster, or has it open where that matters.
      }
    }
  }

  #write(fd: number, type: BudgetEventType, number: number, value: number): void {
    const record = this.#record
    record[0] = MARK
    record[1] = TYPES.indexOf(type)
    record[2] = this.#flags
    record.writeUInt32LE(this.#sender, 4)
    record.writeDoubleLE(this.#clock(), 8)
    record.writeUInt32LE(number >>> 0, 16)
    record.writeUInt32LE(process.pid, 20)
    record.writeDoubleLE(value, 24)
    record[3] = checkOf(record, 0)
    const written = writeSync(fd, record)
    if (written !== RECORD) throw new StorageError(this.folder, `only ${written} of ${RECORD} bytes were written`)
  }

  #drain(slot: Slot, onEvent: (event: BudgetEvent) => void): void {
    for (;;) {
      const length = readSync(slot.fd, BUFFER, 0, BUFFER.length, slot.position)
      const whole = length - (length % RECORD)
      if (whole === 0) return
      // The buffer is shared by all logs, and whoever hears an event may read another log.
      const events: BudgetEvent[] = []
      let end = 0
      for (let at = 0; at < whole; at += RECORD) {
        const isSound = BUFFER[at] === MARK && BUFFER[at + 3] === checkOf(BUFFER, at)
        // What is not whole at the very end is just being written; in the middle it is damage, and is left out.
        if (!isSound && at + RECORD === whole && length < BUFFER.length) break
        end = at + RECORD
        const type = isSound ? TYPES[BUFFER[at + 1]!] : undefined
        if (type !== undefined) events.push(this.#event(type, at))
      }
      slot.position += end
      for (const event of events) onEvent(event)
      if (end < BUFFER.length) return
    }
  }

  #event(type: BudgetEventType, at: number): BudgetEvent {
    const sender = BUFFER.readUInt32LE(at + 4)
    return {
      type,
      sender,
      pid: BUFFER.readUInt32LE(at + 20),
      at: BUFFER.readDoubleLE(at + 8),
      number: BUFFER.readUInt32LE(at + 16),
      value: BUFFER.readDoubleLE(at + 24),
      isLive: (BUFFER[at + 2]! & 1) === 1,
      isOwn: sender === this.#sender,
    }
  }
}

function checkOf(bytes: Uint8Array, at: number): number {
  let sum = 0x55
  for (let index = 0; index < RECORD; index++) if (index !== 3) sum = (sum * 31 + bytes[at + index]!) & 0xff
  return sum
}

/** What the system refused, as an error that names the folder; anything else is no business of the log. */
function problem(folder: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || cause instanceof StorageError || !('syscall' in cause)) return cause
  return new StorageError(folder, `the shared rate budget cannot be kept there (${(cause as Error).message})`, {
    cause,
  })
}
