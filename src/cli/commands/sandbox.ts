import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ConfigError } from '../../model/errors.ts'
import { type Market, parseMarket } from '../../model/series.ts'
import { parseTime } from '../../model/time.ts'
import { words } from '../config/values.ts'
import type { Context } from '../context.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface SandboxOptions {
  readonly port?: string
  readonly archive?: string
  readonly capture?: readonly string[]
  readonly now?: string
  readonly speed?: string
  readonly seed?: string
  readonly symbols?: readonly string[]
  readonly tradesPerSecond?: string
  readonly faults?: string
}

export const verb: Verb<SandboxOptions> = {
  configure(command) {
    command
      .option('--port <n>', 'port on loopback; 0 takes a free one (default: 0)')
      .option('--archive <folder>', 'serve a tree in the layout of the archive instead of the seeded market')
      .option(
        '--capture <files...>',
        'play recorded WebSocket frames instead of the seeded ones; usdm:FILE names a market',
      )
      .option('--now <time>', "the exchange's clock: ISO or epoch ms (default: now, or where a capture begins)")
      .option('--speed <x>', 'how fast its clock runs (default: 1)')
      .option('--seed <n>', 'which seeded market (default: 1)')
      .option('--symbols <list...>', 'only these symbols; names that are not built in are made up')
      .option('--trades-per-second <n>', 'rate of the seeded market (default: 1)')
      .option('--faults <file>', 'list of faults to show from the start, JSON or YAML; more by POST /sandbox/faults')
    command.addHelpText(
      'after',
      `
--market takes a list here (default: spot,usdm,coinm). When ready it prints one JSON line with endpoint, rest, ws and
archive; it runs until Ctrl-C or SIGTERM.`,
    )
    examples(command, [
      [
        'ticklake sandbox --port 9000',
        'a seeded exchange; then: ticklake download BTCUSDT --endpoint http://127.0.0.1:9000',
      ],
      ['ticklake sandbox --archive ./tree --now 2024-03-01', 'recorded data, as of a day'],
      ['ticklake sandbox --capture session.ndjson.gz --speed 10', 'recorded frames, ten times as fast'],
    ])
  },

  async run(context, _operands, options) {
    const markets =
      context.common.market === undefined
        ? undefined
        : words(context.common.market).map((word): Market => parseMarket(word))
    const settings = {
      port: number(options.port, '--port', 0, 65_535) ?? 0,
      ...(markets === undefined ? {} : { markets }),
      ...(options.archive === undefined ? {} : { archive: resolve(context.cwd, options.archive) }),
      ...(options.capture === undefined ? {} : { capture: options.capture.map((file) => captureOf(context, file)) }),
      ...(options.now === undefined ? {} : { now: parseTime(options.now, '--now') }),
      ...optional('speed', number(options.speed, '--speed', 1e-6, 1e6, false)),
      ...optional('seed', number(options.seed, '--seed', 0, 2 ** 32 - 1)),
      ...(options.symbols === undefined ? {} : { symbols: words(options.symbols).map((word) => word.toUpperCase()) }),
      ...optional('tradesPerSecond', number(options.tradesPerSecond, '--trades-per-second', 0.0001, 10_000, false)),
    }
    const faultList = options.faults === undefined ? undefined : await readFaults(context, options.faults)
    const { parseFaults, startSandbox } = await import('../../sandbox/index.ts')
    await using sandbox = await startSandbox({
      ...settings,
      log: await context.log(),
      ...(faultList === undefined ? {} : { faults: parseFaults(faultList) }),
    })
    const { endpoint, rest, ws, archive } = sandbox
    await context.out.json({ endpoint, rest, ws, archive })
    context.say('The sandbox is running; Ctrl-C ends it.')
    if (!context.signal.aborted) {
      await new Promise<void>((done) => context.signal.addEventListener('abort', () => done(), { once: true }))
    }
    return ExitCode.done
  },
}

/** Relative to where the command runs; what names a market stays in front. */
function captureOf(context: Context, file: string): string {
  const [, market = '', path = file] = /^(spot:|usdm:|coinm:)(.*)$/.exec(file) ?? []
  return market + resolve(context.cwd, path)
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V })
}

function number(text: string | undefined, flag: string, min: number, max: number, whole = true): number | undefined {
  if (text === undefined) return undefined
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value
  throw new ConfigError(`${flag} is "${text}"; allowed: a ${whole ? 'whole ' : ''}number from ${min} to ${max}.`)
}

/** Reads the list of faults, JSON or YAML. What the list says is for `parseFaults` to judge. */
async function readFaults(context: Context, file: string): Promise<unknown> {
  const path = resolve(context.cwd, file)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`--faults is "${file}", which cannot be read (${(error as Error).message}).`, {
      cause: error,
    })
  }
  // All JSON is YAML, but a JSON parser says better what is wrong with JSON.
  const isJson = /\.json$/i.test(file)
  try {
    if (isJson) return JSON.parse(text)
    const { parse } = await import('yaml')
    return parse(text, { prettyErrors: true })
  } catch (error) {
    const [what] = (error as Error).message.split('\n')
    throw new ConfigError(`--faults is "${file}", which is not ${isJson ? 'JSON' : 'YAML'}: ${what}`, { cause: error })
  }
}
