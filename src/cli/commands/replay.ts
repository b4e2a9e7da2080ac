import type { Replay, ReplayKind, ReplaySeries, TransformList } from '../../engine/replay/index.ts'
import { ConfigError } from '../../model/errors.ts'
import type { Interval } from '../../model/interval.ts'
import { KINDS, kindOf } from '../../model/kinds.ts'
import { isSymbolPattern } from '../../model/symbol-pattern.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { kindOfWord, suggestKind } from '../collect/kinds.ts'
import { words } from '../config/values.ts'
import type { Context } from '../context.ts'
import { openEngine } from '../engine.ts'
import { type RangeOptions, readRange } from '../range.ts'
import { type Played, recordJson, recordText } from '../render/record.ts'
import { plural } from '../render/text.ts'
import { formatInstant } from '../render/time.ts'
import { readIntervals, readSymbols, type SelectOptions, selectSeries, symbolWords } from '../select.ts'
import { explainGap, isHarmless } from '../summary.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface ReplayVerbOptions extends RangeOptions, SelectOptions {
  readonly kinds?: readonly string[]
  readonly speed?: string
  readonly transform?: string
  readonly limit?: string
}

export const verb: Verb<ReplayVerbOptions> = {
  configure(command) {
    command
      .argument('<symbols...>', 'symbols in any spelling, or patterns of those in the lake')
      .option('--kind <kind>', 'kind of data (default: candle)')
      .option('--kinds <kinds...>', 'several kinds: trade,candle; depth is the updates of the book and its snapshots')
      .option('--interval <list>', 'intervals of candles, e.g. 1m,1h (default: DEFAULT_INTERVAL)')
      .option('--intervals <intervals...>', 'the same')
      .option('--from <time>', 'first instant wanted: 2024-01-31, ISO or epoch ms (default: the first)')
      .option('--to <time>', 'first instant no longer wanted (default: the end)')
      .option('--start-date <date>', 'the same as --from')
      .option('--end-date <date>', 'last day, month or instant wanted: inclusive')
      .option('--speed <times>', 'times as fast as it happened; 1 is real time (default: as fast as they are read)')
      .option('--transform <file>', 'add columns and drop records by the formulas of a file')
      .option('--limit <records>', 'stop after so many records')
    command.addHelpText(
      'after',
      `
All series come as one stream, in the order in which their records were known: a candle at its close, all else at the
exchange's time of the event. Candles are replayed that lie whole in the range. Nothing is fetched.
With --json a line is a record as live subscribers get it, with "knownAt" (epoch ms) before it, and with --transform its
row of columns as "row".
Exit code 3 and a note on stderr tell that records are missing which the exchange published, or may have.`,
    )
    examples(command, [
      [
        'ticklake replay BTCUSDT --kinds trade,candle --interval 1m --from 2024-06-01 --to 2024-06-02 --json | ./my-bot',
        'a day of trades and candles, for a program that reads lines',
      ],
      ['ticklake replay BTCUSDT ETHUSDT --interval 1m --from 2024-06-01 --speed 60', 'an hour a minute, to look at'],
    ])
  },

  async run(context, typed, options) {
    const speed = readSpeed(options.speed)
    const limit = readLimit(options.limit)
    const kinds = readKinds(options)
    const { from, to } = readRange(options)
    const transforms = await readTransforms(context, kinds, options.transform)
    await using engine = await openEngine(context)
    const series = await readSeries(context, await engine.lake(), typed, kinds, options)
    const request = { series, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
    const how = { signal: context.signal, ...(speed === undefined ? {} : { speed }) }
    if (transforms === undefined) {
      await using replay = await engine.replay(request, how)
      return await play(context, replay, (record) => ({ record }), limit, speed)
    }
    await using replay = await engine.replay(request, { ...how, transforms })
    return await play(context, replay, (transformed) => transformed, limit, speed)
  },
}

/** Text that is gathered before it is written, where nobody waits for single records. */
const CHUNK = 65_536

async function play<Item>(
  context: Context,
  replay: Replay<Item>,
  played: (item: Item) => Played,
  limit: number,
  speed: number | undefined,
): Promise<ExitCode> {
  tellMissing(context, replay)
  const write = context.json ? recordJson : recordText
  let text = ''
  let count = 0
  try {
    if (limit > 0) {
      for await (const item of replay) {
        text += `${write(played(item), replay.time)}\n`
        count++
        if (speed !== undefined || text.length >= CHUNK) {
          const full = text
          text = ''
          await context.out.write(full)
        }
        if (count === limit) break
      }
    }
  } finally {
    // What was replayed before somebody stopped it is told all the same.
    if (text !== '') await context.out.write(text)
  }
  context.say(`replayed ${plural(count, 'record')} of ${plural(replay.series.length, 'series', 'series')}`)
  return replay.complete ? ExitCode.done : ExitCode.incomplete
}

/** Says on stderr what is missing, before the first record. */
function tellMissing(context: Context, { gaps }: Replay<unknown>): void {
  const missing = gaps.filter((gap) => !isHarmless(gap))
  for (const gap of missing.slice(0, 5)) {
    context.warn(`missing in ${gap.series}: ${formatInstant(gap.from)} to ${formatInstant(gap.to)}, ${explainGap(gap)}`)
  }
  if (missing.length > 5) context.warn(`${plural(missing.length - 5, 'more gap')}: ticklake coverage --gaps all`)
}

/** @throws ConfigError for what is no speed. */
function readSpeed(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^(\d+\.?\d*|\.\d+)x?$/.test(text) && Number.parseFloat(text) > 0) return Number.parseFloat(text)
  throw new ConfigError(`--speed is "${text}"; allowed: a number above 0: 1 is real time, 60 an hour a minute.`)
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new ConfigError(`--limit is "${text}"; allowed: a whole number.`)
}

/** @throws ConfigError for a kind that there is none of. */
function readKinds(options: ReplayVerbOptions): ReplayKind[] {
  const wanted = [...words(options.kind ?? []), ...words(options.kinds ?? [])]
  const kinds = wanted.flatMap((word): string[] => {
    // An update says nothing without the book that it changes.
    if (word.toLowerCase() === 'depth') return ['bookSnapshot', 'bookDelta']
    const kind = Object.hasOwn(KINDS, word) ? word : kindOfWord(word)
    if (kind !== undefined) return [kind]
    throw new ConfigError(
      `"${word}" is no kind of data; there are ${Object.keys(KINDS).join(', ')}.${suggestKind(word)}`,
    )
  })
  return (kinds.length === 0 ? ['candle'] : [...new Set(kinds)]) as ReplayKind[]
}

async function readTransforms(
  context: Context,
  kinds: readonly ReplayKind[],
  file: string | undefined,
): Promise<TransformList | undefined> {
  if (file === undefined) return undefined
  const { readTransformFile } = await import('../transform-file.ts')
  return readTransformFile(context, file, kinds.map(kindOf))
}

/** Each kind of each symbol; of patterns what the lake has. */
async function readSeries(
  context: Context,
  lake: Lake,
  typed: readonly string[],
  kinds: readonly ReplayKind[],
  options: ReplayVerbOptions,
): Promise<ReplaySeries[]> {
  const named = readIntervals(options)
  const intervals = named.length > 0 ? named : [(await context.settings()).download.defaultInterval as Interval]
  const given = symbolWords(typed)
  const found: ReplaySeries[] = []
  for (const pattern of given.filter(isSymbolPattern)) {
    for (const { symbol, market, kind, interval } of await selectSeries(context, lake, [pattern], {})) {
      if (!kinds.includes(kind as ReplayKind)) continue
      if (interval === undefined) found.push({ symbol, market, kind: kind as ReplayKind })
      else if (intervals.includes(interval)) found.push({ symbol, market, kind: kind as ReplayKind, interval })
    }
  }
  const plain = given.filter((word) => !isSymbolPattern(word))
  for (const { symbol, market } of await readSymbols(context, plain)) {
    for (const kind of kinds) {
      const wish = { symbol, market: market ?? (await marketOf(lake, symbol, kind)) }
      if (!kindOf(kind).hasInterval) found.push({ ...wish, kind })
      else for (const interval of intervals) found.push({ ...wish, kind, interval })
    }
  }
  if (found.length === 0) {
    throw new ConfigError(`The lake has no ${kinds.join(', ')} of ${given.join(' ')}. See what there is: ticklake list`)
  }
  return found
}

/** The market of a symbol that names none: spot, unless the lake has the kind, or all of it, of one other market alone. */
async function marketOf(lake: Lake, symbol: string, kind: string): Promise<string> {
  const all = (await lake.list()).filter((id) => id.symbol === symbol)
  const ofKind = all.filter((id) => id.kind === kind)
  const markets = new Set((ofKind.length > 0 ? ofKind : all).map(({ market }) => market))
  const [only] = markets
  return markets.size === 1 ? only! : 'spot'
}
