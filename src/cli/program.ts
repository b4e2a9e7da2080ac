import { Command, CommanderError } from 'commander'
import { VERBS } from './commands/index.ts'
import { type CommonOptions, Context, type Io, LOG_FORMATS, LOG_LEVELS } from './context.ts'
import type { Interruption } from './interrupt.ts'
import { wordOption } from './options.ts'
import { ExitCode, type Verb } from './verb.ts'

/** Runs one command line (without node and script) and gives the exit code. Never throws, never exits. */
export async function run(argv: readonly string[], io: Io, version: string): Promise<number> {
  // The frame needs these two before anything is parsed, to tell parsing errors in the wanted form.
  const json = argv.includes('--json')
  let context: Context | undefined
  let exitCode: number = ExitCode.done
  const usageErrors: string[] = []

  const program = new Command('ticklake')
    .description('Complete, verified crypto market data on your own disk.')
    .usage('<verb> [options]')
    .commandsGroup('Verbs:')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [verb]', 'show help of a verb')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => (json ? usageErrors.push(text) : void io.stderr.write(text)),
      getOutHelpWidth: () => Math.min(io.stdout.columns || 100, 120),
      getErrHelpWidth: () => Math.min(io.stderr.columns || 100, 120),
    })
    .configureHelp({
      showGlobalOptions: true,
      styleTitle: (title) => title.replace('Global Options', 'Common options'),
    })
    .showHelpAfterError('(add --help for what is understood)')
  addCommonOptions(program)
  program.addHelpText(
    'after',
    `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but data are incomplete.

Examples:
  # every 1m candle of BTCUSDT since listing
  ticklake download BTCUSDT --interval 1m

  # what is there, what is missing and why
  ticklake coverage BTCUSDT

  # ask for it in SQL
  ticklake query "SELECT date_trunc('year', open_time) AS year, max(high) FROM candle GROUP BY ALL ORDER BY ALL"`,
  )

  for (const entry of VERBS) {
    const command = program
      .command(entry.name)
      .summary(entry.summary)
      .description(sentence(entry.summary))
      .exitOverride()
    let verb: Verb | undefined
    const load = async (): Promise<Verb> => {
      if (!verb) {
        verb = (await entry.load()).verb as unknown as Verb
        verb.configure(command)
      }
      return verb
    }
    loaders.set(command, load)
    command.action(async () => {
      const body = await load()
      context = new Context(io, program.opts<CommonOptions>())
      exitCode = await body.run(context, command.args, command.opts())
    })
  }
  // A verb's file is loaded only now, before its own options are read.
  program.hook('preSubcommand', async (_, command) => {
    await loaders.get(command)?.()
  })

  try {
    if (argv.length === 0) program.outputHelp()
    else await program.parseAsync(helpFirst(argv), { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      exitCode = error.exitCode === 0 ? ExitCode.done : ExitCode.usage
      if (exitCode !== ExitCode.done && json) {
        const message = error.message.replace(/^error: /, '').replace(/\n\(/, ' (')
        io.stderr.write(`${JSON.stringify({ error: { code: 'USAGE', message } })}\n`)
      }
    } else exitCode = await tell(error, io, context ?? new Context(io, { json }))
  }
  await context?.close()
  return exitCode
}

const loaders = new WeakMap<Command, () => Promise<unknown>>()

/** `help verb` as `verb --help`: commander shows help before a verb's file could be loaded. */
function helpFirst(argv: readonly string[]): string[] {
  const [first, verb, ...rest] = argv
  if (first !== 'help' || verb === undefined || verb.startsWith('-')) return [...argv]
  return VERBS.some(({ name }) => name === verb) ? [verb, '--help', ...rest] : [verb]
}

/** Tells an error, unless it only says that the work was stopped, and gives the exit code. */
async function tell(error: unknown, io: Io, context: Context): Promise<number> {
  const { isNewsAfterAbort, tellError } = await import('./failure.ts')
  if (!context.signal.aborted) return tellError(context, error).exitCode
  // Stopping was asked for: most of what the work throws on its way out says nothing new.
  if (isNewsAfterAbort(error)) tellError(context, error)
  if (!io.signal.aborted) return ExitCode.done
  return (io.signal.reason as Partial<Interruption> | undefined)?.exitCode ?? ExitCode.failed
}

function addCommonOptions(program: Command): void {
  program
    .option('--data-dir <folder>', 'folder of the lake (default: ticklake-data)')
    .option('--cache-dir <folder>', 'folder of what can be built again (default: <data-dir>/.cache)')
    .option('--config <file>', 'config file (default: ticklake.config.yaml)')
    .option('--exchange <name>', 'exchange (default: binance)')
    .option('--market <market>', 'market: spot, usdm or coinm (default: what the symbol says, else spot)')
    .option('--endpoint <url>', 'one URL for REST, WebSocket and archive, e.g. of a sandbox')
    .option('--json', 'result as JSON lines on stdout, and nothing else there')
    .option('--quiet', 'no progress and no messages, only results and errors')
    .addOption(wordOption('--log-level <level>', 'what to log', LOG_LEVELS, 'warn'))
    .addOption(wordOption('--log-format <format>', 'how to log', LOG_FORMATS, 'pretty; json with --json'))
    .option('--log-file <file>', 'append the log to a file too, as JSON lines')
}

function sentence(summary: string): string {
  return `${summary[0]!.toUpperCase()}${summary.slice(1)}.`
}
