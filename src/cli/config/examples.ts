import { CONFIG_FILE } from './load.ts'
import { DEFAULT_PAIRS } from './pairs.ts'
import { settingEntries } from './settings.ts'

/** A file that `ticklake init` writes. */
export interface ExampleFile {
  readonly name: string
  readonly about: string
  readonly content: string
}

const GROUP_TITLES: Readonly<Record<string, string>> = {
  exchange: 'Where the data come from',
  data: 'Where the data go',
  websocket: 'Live connections',
  collect: 'Live collection',
  download: 'History',
}

/** Example values for settings that have no default. */
const EXAMPLES: Readonly<Record<string, string>> = {
  'exchange.market': 'usdm',
  'exchange.endpoint': 'http://127.0.0.1:9000',
  'exchange.restUrl': 'https://api.binance.com',
  'exchange.wsUrl': 'wss://stream.binance.com:9443',
  'exchange.archiveUrl': 'https://data.binance.vision',
  'exchange.apiKey': '"…"',
  'exchange.secretKey': '"…"',
  'data.cacheDir': 'ticklake-data/.cache',
  'collect.intervals': '[1m, 1h]',
  'download.intervals': '[30m, 1h, 2h]',
  'download.months': '12',
}

/** The commented examples: the config at its defaults, the default pairs, and the environment. */
export function exampleFiles(): ExampleFile[] {
  return [
    { name: CONFIG_FILE, about: 'every setting, at its default', content: configExample() },
    {
      name: 'pairs.yaml',
      about: `${DEFAULT_PAIRS.pairs.length} pairs by sector, for \`ticklake download\``,
      content: pairsExample(),
    },
    { name: '.env.example', about: 'environment variables; copy to .env what you need', content: envExample() },
  ]
}

function configExample(): string {
  const lines = [
    '# Settings of ticklake. Flags win over the environment, the environment over .env, .env over this file, and this',
    '# file over the defaults, which are the values you see here. Relative paths count from the folder of this file.',
    '# Check it with: ticklake doctor',
  ]
  let group = ''
  for (const entry of settingEntries()) {
    if (entry.group !== group) {
      group = entry.group
      lines.push('', `# ${GROUP_TITLES[group]}`, `${group}:`)
    }
    const { setting, key, name } = entry
    const other = [...(setting.flag ? [setting.flag] : []), ...(setting.env ?? [])]
    lines.push(`  # ${setting.about}${other.length > 0 ? ` Also: ${other.join(', ')}.` : ''}`)
    lines.push(`  # Allowed: ${setting.type.allowed}`)
    lines.push(
      setting.default === undefined
        ? `  # ${name}: ${EXAMPLES[key] ?? ''}`
        : `  ${name}: ${setting.type.show(setting.default)}`,
    )
  }
  return `${lines.join('\n')}\n`
}

function pairsExample(): string {
  const lines = [
    '# What `ticklake download` fetches when no symbol is named. Symbols in any spelling: BTCUSDT, BTC/USDT, or',
    '# BTC/USDT:USDT for a USD-M perpetual. `market` (spot, usdm, coinm) may stand beside a symbol; sectors are yours.',
    '',
    `intervals: [${DEFAULT_PAIRS.intervals.join(', ')}]`,
    `months: ${DEFAULT_PAIRS.months}`,
    '',
    'pairs:',
  ]
  for (const { symbol, sector } of DEFAULT_PAIRS.pairs) lines.push(`  - { symbol: ${symbol}, sector: ${sector} }`)
  return `${lines.join('\n')}\n`
}

function envExample(): string {
  const lines = [
    '# Environment of ticklake. Copy to .env and fill in what you need; real environment variables win over .env.',
    '# Keep .env out of version control.',
  ]
  for (const { key, setting } of settingEntries()) {
    if (!setting.env) continue
    const [name, ...aliases] = setting.env
    const alias = aliases.length > 0 ? ` ${aliases.join(', ')} is understood too.` : ''
    const value = setting.secret
      ? ''
      : setting.default === undefined
        ? (EXAMPLES[key] ?? '')
        : setting.type.show(setting.default)
    lines.push('', `# ${setting.about}${alias} Allowed: ${setting.type.allowed}.`, `# ${name}=${value}`)
  }
  return `${lines.join('\n')}\n`
}
