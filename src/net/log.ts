import { ConfigError } from '../model/errors.ts'
import type { Log, LogFields } from '../model/log.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LogOptions {
  /** Least level that is written; `info` when left out. */
  readonly level?: LogLevel
  /** One JSON object per line, or coloured lines for people. A file always gets JSON. */
  readonly format?: 'json' | 'pretty'
  /** A file that gets the lines too, appended; its folder must exist. */
  readonly file?: string
  /** Where lines go; stderr when left out, because stdout belongs to results. */
  readonly stream?: NodeJS.WritableStream
}

/** A log that must be closed, so that its last lines reach the file. */
export interface OpenLog extends Log, AsyncDisposable {
  close(): Promise<void>
}

/**
 * A structured log: level, time, text, and the fields of each line. Errors become type, message, code and stack.
 * @throws ConfigError for a level or format that does not exist, or a file that can't be opened.
 */
export async function createLog(options: LogOptions = {}): Promise<OpenLog> {
  const { level = 'info', format = 'json', file } = options
  if (!LOG_LEVELS.includes(level)) {
    throw new ConfigError(`log level "${String(level)}" does not exist. Use one of ${LOG_LEVELS.join(', ')}.`)
  }
  if (format !== 'json' && format !== 'pretty') {
    throw new ConfigError(`log format "${String(format)}" does not exist. Use json or pretty.`)
  }
  const { default: pino } = await import('pino')
  const console = options.stream ?? process.stderr
  const closers: (() => Promise<void>)[] = []
  const streams: { level: string; stream: NodeJS.WritableStream }[] = []
  if (format === 'pretty') {
    const { default: pretty } = await import('pino-pretty')
    const colorize = (console as { isTTY?: boolean }).isTTY === true
    const stream = pretty({
      destination: console,
      colorize,
      translateTime: 'UTC:HH:MM:ss.l',
      // One entry is one line, so that a progress bar and grep can live with it; stacks are in the JSON form.
      singleLine: true,
      errorLikeObjectKeys: [],
      ignore: 'pid,hostname,error.stack',
    })
    streams.push({ level, stream })
  } else streams.push({ level, stream: console })
  if (file !== undefined) {
    const destination = pino.destination({ dest: file, append: true, sync: false })
    await new Promise<void>((resolve, reject) => {
      destination.once('ready', resolve)
      destination.once('error', (error: Error) => {
        // pino would flush it when the process ends, and throw, because it was never opened; a closed one it forgets.
        destination.emit('close')
        reject(new ConfigError(`The log file ${file} can't be opened: ${error.message}`, { cause: error }))
      })
    })
    streams.push({ level, stream: destination as unknown as NodeJS.WritableStream })
    closers.push(
      () =>
        new Promise((resolve) => {
          destination.once('close', () => resolve())
          destination.end()
        }),
    )
  }
  const target = streams.length === 1 ? streams[0]!.stream : pino.multistream(streams as never)
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: errorFields },
      formatters: { level: (label) => ({ level: label }) },
    },
    target as never,
  )
  const write = (name: 'debug' | 'info' | 'warn' | 'error') => (fields: LogFields, message: string) =>
    logger[name](fields, message)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= Promise.all(closers.map((closer) => closer())).then(() => {})
    return closing
  }
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Errors have no own enumerable members: without this a line would say `{}`. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { name, message, stack } = error
  const { code } = error as { code?: unknown }
  return { name, message, ...(code === undefined ? {} : { code }), stack }
}
