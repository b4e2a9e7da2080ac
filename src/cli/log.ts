import { Writable } from 'node:stream'
import type { Log, LogFields } from '../model/log.ts'
import { createLog, LOG_LEVELS, type LogLevel, type LogOptions, type OpenLog } from '../net/log.ts'

/** A log whose machinery is loaded with the first line that is to be written: most runs of most verbs write none. */
export class LazyLog implements Log, AsyncDisposable {
  readonly #options: LogOptions
  readonly #least: number
  #open: Promise<OpenLog> | undefined
  #last: Promise<void> = Promise.resolve()

  private constructor(options: LogOptions) {
    this.#options = options
    this.#least = LOG_LEVELS.indexOf(options.level ?? 'info')
  }

  /** @throws ConfigError when the log file can't be opened. */
  static async create(options: LogOptions): Promise<LazyLog> {
    const log = new LazyLog(options)
    // A log file that can't be written must be known before an hour of work, not after.
    if (options.file !== undefined) log.#open = createLog(options)
    await log.#open
    return log
  }

  debug(fields: LogFields, message: string): void {
    this.#write('debug', fields, message)
  }

  info(fields: LogFields, message: string): void {
    this.#write('info', fields, message)
  }

  warn(fields: LogFields, message: string): void {
    this.#write('warn', fields, message)
  }

  error(fields: LogFields, message: string): void {
    this.#write('error', fields, message)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last
    const open = await this.#open
    // pino hands its lines on in the same turn, pino-pretty one later.
    await new Promise((done) => setImmediate(done))
    await open?.close()
  }

  #write(level: Exclude<LogLevel, 'silent'>, fields: LogFields, message: string): void {
    if (LOG_LEVELS.indexOf(level) < this.#least) return
    this.#open ??= createLog(this.#options)
    this.#last = this.#last.then(async () => (await this.#open!)[level](fields, message))
  }
}

/** Gives whole lines to a function: so a log and a drawing can share a terminal. */
export function lineStream(write: (line: string) => void, isTTY: boolean): Writable & { isTTY: boolean } {
  let rest = ''
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Uint8Array, _encoding, done) {
      const lines = (rest + (typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'))).split('\n')
      rest = lines.pop()!
      for (const line of lines) write(line)
      done()
    },
  })
  return Object.assign(stream, { isTTY })
}
