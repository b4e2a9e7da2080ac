import { join, relative, resolve } from 'node:path'
import { type Log, silentLog } from '../model/log.ts'
import type { LoadedSettings } from './config/load.ts'
import type { SettingKey, Settings } from './config/settings.ts'
import type { LazyLog } from './log.ts'
import { Output, type OutputStream } from './output.ts'
import { createStyle, type Style, wantsColour } from './render/style.ts'

/** What a run of the CLI may touch; tests hand in their own. */
export interface Io {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Aborts when the user wants to stop. */
  readonly signal: AbortSignal
}

/** Options that every verb understands. */
export interface CommonOptions {
  readonly dataDir?: string
  readonly cacheDir?: string
  readonly config?: string
  readonly exchange?: string
  readonly market?: string
  readonly endpoint?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly logLevel?: LogLevel
  readonly logFormat?: LogFormat
  readonly logFile?: string
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export const LOG_FORMATS = ['json', 'pretty'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/** Something that draws on the terminal again and again, and must be asked before a line is written there. */
export interface LiveRegion {
  /** Writes lines above the drawing. */
  above(text: string): void
}

/** Everything a verb works with. */
export class Context {
  readonly io: Io
  readonly common: CommonOptions
  /** Results. */
  readonly out: Output
  /** Messages, progress and logs. */
  readonly err: Output
  readonly style: Style
  /** For what goes to stderr. */
  readonly errStyle: Style
  /** Aborts when the user wants to stop or the reader of stdout has gone. */
  readonly signal: AbortSignal
  readonly json: boolean
  readonly quiet: boolean
  readonly cwd: string
  #live: LiveRegion | undefined
  #loaded: Promise<LoadedSettings> | undefined
  #log: Promise<LazyLog | undefined> | undefined

  constructor(io: Io, common: CommonOptions) {
    const readerGone = new AbortController()
    this.io = io
    this.common = common
    this.cwd = io.cwd
    this.json = common.json ?? false
    this.quiet = common.quiet ?? false
    this.out = new Output(io.stdout, () => readerGone.abort())
    this.err = new Output(io.stderr)
    this.style = createStyle(!this.json && wantsColour(io.stdout, io.env))
    this.errStyle = createStyle(wantsColour(io.stderr, io.env))
    this.signal = AbortSignal.any([io.signal, readerGone.signal])
  }

  /** Flags given, by the setting they stand for; a verb adds its own. */
  flags(own: Readonly<Partial<Record<SettingKey, unknown>>> = {}): Partial<Record<SettingKey, unknown>> {
    const { dataDir, cacheDir, exchange, market, endpoint } = this.common
    return {
      'data.dataDir': dataDir,
      'data.cacheDir': cacheDir,
      'exchange.name': exchange,
      'exchange.market': market,
      'exchange.endpoint': endpoint,
      ...own,
    }
  }

  /** The settings in force, read and checked once; `own` are the setting flags of the verb itself. */
  load(own: Readonly<Partial<Record<SettingKey, unknown>>> = {}): Promise<LoadedSettings> {
    this.#loaded ??= (async () => {
      const { loadSettings } = await import('./config/load.ts')
      return loadSettings({
        flags: this.flags(own),
        env: this.io.env,
        cwd: this.cwd,
        ...(this.common.config === undefined ? {} : { configFile: this.common.config }),
      })
    })()
    return this.#loaded
  }

  async settings(own: Readonly<Partial<Record<SettingKey, unknown>>> = {}): Promise<Settings> {
    return (await this.load(own)).settings
  }

  /** The log of this run, made once. */
  log(): Promise<Log> {
    this.#log ??= (async () => {
      const { logLevel = 'warn', logFormat = this.json ? 'json' : 'pretty', logFile } = this.common
      if (logLevel === 'silent') return undefined
      const { LazyLog, lineStream } = await import('./log.ts')
      return LazyLog.create({
        level: logLevel,
        format: logFormat,
        stream: lineStream((line) => this.always(line), this.errStyle.colour),
        ...(logFile === undefined ? {} : { file: resolve(this.cwd, logFile) }),
      })
    })()
    return this.#log.then((log) => log ?? silentLog)
  }

  /** A message for people, on stderr; nothing with `--quiet`. */
  say(text: string): void {
    if (!this.quiet) this.always(text)
  }

  /** A warning for people, on stderr; nothing with `--quiet`. */
  warn(text: string): void {
    this.say(`${this.errStyle.yellow('warning:')} ${text}`)
  }

  /** A line on stderr, `--quiet` or not. */
  always(text: string): void {
    if (this.#live) this.#live.above(text)
    else void this.err.line(text)
  }

  /** Puts a drawing in charge of the terminal until the returned function is called. */
  takeOver(live: LiveRegion): () => void {
    this.#live = live
    return () => {
      if (this.#live === live) this.#live = undefined
    }
  }

  /** Ends the log and waits until everything written has left the process. */
  async close(): Promise<void> {
    // A log that could not be opened has told so already.
    const log = await this.#log?.catch(() => undefined)
    await log?.[Symbol.asyncDispose]()
    await this.out.flush()
    await this.err.flush()
  }

  /** A path as the user would type it: relative where that is shorter. */
  shortPath(path: string): string {
    const short = relative(this.cwd, path)
    return short !== '' && !short.startsWith(join('..', '..')) && short.length < path.length ? short : path
  }
}
