/** What a log line carries besides its text: symbol, interval, from, to, attempt, error… */
export type LogFields = Readonly<Record<string, unknown>>

/** Where the library writes its log. pino loggers fit; the default is silence. */
export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

const nothing = (): void => {}

export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
