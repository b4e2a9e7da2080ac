import { basename } from 'node:path'
import type { Interval } from '../../model/interval.ts'
import { MARKETS, type Market } from '../../model/series.ts'
import { didYouMean } from '../suggest.ts'
import { throwProblems } from './load.ts'
import type { Settings } from './settings.ts'
import { choice, count, intervals as intervalList, text, type ValueType } from './values.ts'
import { readYaml } from './yaml.ts'

/** A symbol of the pairs file, in any spelling, and what it is there for. */
export interface Pair {
  readonly symbol: string
  readonly sector?: string
  readonly market?: Market
}

/** What `ticklake download` fetches when no symbol is named. */
export interface Pairs {
  readonly pairs: readonly Pair[]
  readonly intervals: readonly Interval[]
  readonly months: number
  /** The file they came from, or `default`. */
  readonly from: string
}

export const DEFAULT_PAIRS: Pairs = {
  pairs: [
    { symbol: 'BTCUSDT', sector: 'store of value' },
    { symbol: 'LTCUSDT', sector: 'payments' },
    { symbol: 'XRPUSDT', sector: 'payments' },
    { symbol: 'ETHUSDT', sector: 'smart contracts' },
    { symbol: 'BNBUSDT', sector: 'smart contracts' },
    { symbol: 'SOLUSDT', sector: 'smart contracts' },
    { symbol: 'ADAUSDT', sector: 'smart contracts' },
    { symbol: 'AVAXUSDT', sector: 'smart contracts' },
    { symbol: 'NEARUSDT', sector: 'smart contracts' },
    { symbol: 'APTUSDT', sector: 'smart contracts' },
    { symbol: 'DOTUSDT', sector: 'interoperability' },
    { symbol: 'ATOMUSDT', sector: 'interoperability' },
    { symbol: 'ARBUSDT', sector: 'layer 2' },
    { symbol: 'OPUSDT', sector: 'layer 2' },
    { symbol: 'LINKUSDT', sector: 'oracles' },
    { symbol: 'UNIUSDT', sector: 'defi' },
    { symbol: 'AAVEUSDT', sector: 'defi' },
    { symbol: 'INJUSDT', sector: 'defi' },
    { symbol: 'FILUSDT', sector: 'storage' },
    { symbol: 'DOGEUSDT', sector: 'memes' },
  ],
  intervals: ['30m', '1h', '2h'],
  months: 12,
  from: 'default',
}

const KEYS = ['pairs', 'intervals', 'months']
const PAIR_KEYS = ['symbol', 'sector', 'market']

/**
 * The pairs in force: the list in the config, or the pairs file, or the default 20. `download.intervals` and
 * `download.months` of the config win over the file's.
 * @param fileIsNamed whether the config names the pairs file, which then must exist
 * @throws ConfigError naming every entry that can't be used.
 */
export async function loadPairs(settings: Settings, fileIsNamed: boolean): Promise<Pairs> {
  const wanted = settings.download.pairs
  const base =
    'symbols' in wanted
      ? { ...DEFAULT_PAIRS, pairs: wanted.symbols.map((symbol) => ({ symbol })), from: 'download.pairs' }
      : await readPairsFile(wanted.file, fileIsNamed)
  return {
    ...base,
    intervals: settings.download.intervals ?? base.intervals,
    months: settings.download.months ?? base.months,
  }
}

async function readPairsFile(path: string, mustExist: boolean): Promise<Pairs> {
  const problems: string[] = []
  const label = basename(path)
  const file = await readYaml(path, label, problems, { mustExist, flag: 'download.pairs' })
  throwProblems(problems)
  if (!file) return DEFAULT_PAIRS

  const read = <T>(where: string, key: string, type: ValueType<T>, value: unknown): T | undefined => {
    const found = type.read(value)
    if (found === undefined) {
      const hint =
        type.suggest?.(value) ?? (typeof value === 'string' && type.words ? didYouMean(value, type.words) : '')
      const shown = value == null ? 'missing' : JSON.stringify(value)
      problems.push(`${where}: ${key} is ${shown}; allowed: ${type.allowed}.${hint}`)
    }
    return found
  }
  for (const key of Object.keys(file.root)) {
    if (KEYS.includes(key)) continue
    problems.push(`${file.place([key])}: ${key} is not a setting; allowed: ${KEYS.join(', ')}.${didYouMean(key, KEYS)}`)
  }
  const { root } = file
  const intervals =
    root.intervals == null ? undefined : read(file.place(['intervals']), 'intervals', intervalList, root.intervals)
  const months = root.months == null ? undefined : read(file.place(['months']), 'months', count(1, 1_200), root.months)

  const pairs: Pair[] = []
  if (root.pairs != null && !Array.isArray(root.pairs)) {
    problems.push(
      `${file.place(['pairs'])}: pairs is not a list; allowed: a list of symbols, each with a sector if you like.`,
    )
  }
  for (const [index, entry] of (Array.isArray(root.pairs) ? root.pairs : []).entries()) {
    const where = file.place(['pairs', index])
    const name = `pairs[${index}]`
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      const symbol = read(where, name, symbolText, entry)
      if (symbol !== undefined) pairs.push({ symbol })
      continue
    }
    const fields = entry as Record<string, unknown>
    for (const key of Object.keys(fields)) {
      if (PAIR_KEYS.includes(key)) continue
      problems.push(
        `${where}: ${name}.${key} is not a setting; allowed: ${PAIR_KEYS.join(', ')}.${didYouMean(key, PAIR_KEYS)}`,
      )
    }
    const symbol = read(where, `${name}.symbol`, symbolText, fields.symbol)
    const sector = fields.sector == null ? undefined : read(where, `${name}.sector`, text, fields.sector)
    const market = fields.market == null ? undefined : read(where, `${name}.market`, choice(...MARKETS), fields.market)
    if (symbol !== undefined) {
      pairs.push({ symbol, ...(sector === undefined ? {} : { sector }), ...(market === undefined ? {} : { market }) })
    }
  }
  if (problems.length === 0 && pairs.length === 0) {
    problems.push(`${label}: holds no pairs; allowed: pairs: followed by a list of symbols.`)
  }
  const seen = new Set<string>()
  for (const { symbol, market } of pairs) {
    const key = `${market ?? ''} ${symbol.toUpperCase()}`
    if (seen.has(key)) problems.push(`${label}: ${symbol} is listed twice; allowed: each pair once.`)
    seen.add(key)
  }
  throwProblems(problems)
  return {
    pairs,
    intervals: intervals ?? DEFAULT_PAIRS.intervals,
    months: months ?? DEFAULT_PAIRS.months,
    from: label,
  }
}

const symbolText: ValueType<string> = { ...text, allowed: 'a symbol such as BTCUSDT or BTC/USDT' }
