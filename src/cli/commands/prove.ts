import type { SeriesProof } from '../../engine/live/proof.ts'
import { ConfigError } from '../../model/errors.ts'
import { KIND_WORDS, liveKinds } from '../collect/kinds.ts'
import type { Context } from '../context.ts'
import { seriesLabel } from '../progress/state.ts'
import { renderTable } from '../render/table.ts'
import { formatCount } from '../render/text.ts'
import { openLake, type SelectOptions, sayNothing, selectSeries, seriesFields } from '../select.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface ProveOptions extends SelectOptions {
  readonly kinds?: string
}

export const verb: Verb<ProveOptions> = {
  configure(command) {
    command
      .argument('[symbols...]', 'only these symbols')
      .option('--kinds <list>', `only these kinds: ${KIND_WORDS.join(', ')}`)
      .option('--interval <list>', 'only these intervals, e.g. 1s,1m')
    command.addHelpText(
      'after',
      `
Compares the lake with what really happened on the sandbox that --endpoint names: every record, field by field, from the
first to the last; of order books also the stored snapshots, and books of the past rebuilt from them.
missing: not there, and nothing says so. lost: not there, and on record as a gap. extra: never happened.
Exit codes: 0 nothing is wrong or lost, 1 something is wrong, 3 only what is on record as a gap is lost, or there was
nothing to compare.`,
    )
    examples(command, [
      ['ticklake prove --endpoint http://127.0.0.1:9000', 'the whole lake'],
      ['ticklake prove BTCUSDT --kinds trade,depth --endpoint http://127.0.0.1:9000', 'trades and order books'],
    ])
  },

  async run(context, symbols, options) {
    const settings = await context.settings()
    const { endpoint } = settings.exchange
    if (endpoint === undefined) {
      throw new ConfigError('prove needs --endpoint with the URL of a sandbox: no real exchange tells its truth.')
    }
    const kinds = options.kinds === undefined ? undefined : liveKinds.read(options.kinds)
    if (options.kinds !== undefined && kinds === undefined) {
      throw new ConfigError(
        `--kinds is "${options.kinds}"; allowed: ${liveKinds.allowed}.${liveKinds.suggest?.(options.kinds) ?? ''}`,
      )
    }
    const lake = await openLake(context)
    const selected = await selectSeries(context, lake, symbols, options)
    const series = selected.filter(
      ({ kind }) =>
        kinds === undefined || kinds.some((one) => one === kind || (one === 'bookDelta' && kind === 'bookSnapshot')),
    )
    if (series.length === 0) {
      // A folder that was mistyped is no proof of anything.
      await sayNothing(context, lake, 'ticklake collect BTCUSDT')
      return ExitCode.incomplete
    }
    const [{ isRight }, { proveLake }] = await Promise.all([
      import('../../engine/live/proof.ts'),
      import('../../engine/live/prove.ts'),
    ])
    const proofs: SeriesProof[] = []
    for await (const proof of proveLake(lake, series, endpoint, context.signal)) {
      proofs.push(proof)
      if (context.json)
        await context.out.json({ ...seriesFields(proof.series), ...proof, series: undefined, ok: isRight(proof) })
    }
    const wrong = proofs.some((proof) => !isRight(proof))
    const lost = proofs.reduce((sum, proof) => sum + proof.lost, 0)
    if (!context.json) await tell(context, proofs, wrong, lost)
    return wrong ? ExitCode.failed : lost > 0 || !isAnyCompared(proofs) ? ExitCode.incomplete : ExitCode.done
  },
}

/** Whether there was a record that could be compared: without one nothing is proved. */
function isAnyCompared(proofs: readonly SeriesProof[]): boolean {
  return proofs.some(({ stored, unproved }) => stored > 0 && unproved === undefined)
}

const right = (title: string): { title: string; align: 'right' } => ({ title, align: 'right' })

/** The proofs as a table, their problems, and the verdict. */
export async function tell(
  context: Context,
  proofs: readonly SeriesProof[],
  wrong: boolean,
  lost: number,
): Promise<void> {
  const { style } = context
  const columns = [
    { title: 'market' },
    { title: 'symbol' },
    { title: 'kind' },
    ...['stored', 'true', 'missing', 'lost', 'duplicate', 'different', 'extra', 'books'].map(right),
  ]
  const rows = proofs.map(({ series, ...proof }) => [
    series.market,
    series.symbol,
    series.interval === undefined ? series.kind : `${series.kind} ${series.interval}`,
    formatCount(proof.stored),
    ...(proof.unproved === undefined
      ? [proof.truth, proof.missing, proof.lost, proof.duplicates, proof.different, proof.extra].map(formatCount)
      : ['-', '-', '-', '-', '-', '-']),
    proof.books > 0 ? formatCount(proof.books) : '-',
  ])
  for (const line of renderTable(columns, rows, { paintTitle: style.bold })) await context.out.line(line)
  for (const proof of proofs) {
    for (const problem of proof.problems)
      await context.out.line(`${style.red('wrong')}  ${seriesLabel(proof.series)}: ${problem}`)
    if (proof.unread !== undefined)
      await context.out.line(
        `${style.red('wrong')}  ${seriesLabel(proof.series)}: not read whole; ${firstLine(proof.unread)}`,
      )
    if (proof.unproved !== undefined)
      await context.out.line(`${seriesLabel(proof.series)}: not compared; ${proof.unproved}`)
  }
  if (wrong) await context.out.line(style.red('The lake is not what happened.'))
  else if (lost > 0)
    await context.out.line(
      style.yellow(`Nothing is wrong; ${formatCount(lost)} records are lost, and on record as gaps.`),
    )
  else if (proofs.every(({ stored }) => stored === 0))
    await context.out.line(style.yellow('Nothing is stored, so nothing is proved. Is it the right --data-dir?'))
  else if (!isAnyCompared(proofs))
    await context.out.line(style.yellow('There was nothing to compare with, so nothing is proved.'))
  else await context.out.line(style.green('Nothing is missing and nothing is wrong.'))
}

/** What DuckDB says of a file goes on with the SQL that it did not like. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.trim()
}
