// Writes the parts of docs/ that the program itself knows: docs/cli.md whole, and the tables between the markers of
// configuration.md and lake.md. `--check` writes nothing and fails when a page is not up to date.
// Needs a build (npm run build).
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { VERBS } from '../dist/cli/commands/index.js'
import { settingEntries } from '../dist/cli/config/settings.js'
import { run } from '../dist/cli/program.js'
import { candle } from '../dist/index.js'

const docs = join(dirname(fileURLToPath(import.meta.url)), '..', 'docs')

/** A command that keeps the texts that are shown below its options. */
class Recorder extends Command {
  after = []
  addHelpText(_position, text) {
    this.after.push(text.trim())
    return this
  }
}

const cell = (text) => text.replaceAll('|', '\\|')
const table = (titles, rows) =>
  [titles, titles.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')

/** `a <b> c` as text that Markdown does not take for HTML. */
const plain = (text) => text.replaceAll('<', '&lt;').replaceAll('>', '&gt;')

async function commonOptions() {
  let help = ''
  const sink = new Writable({
    write(chunk, _, done) {
      help += chunk
      done()
    },
  })
  const stream = Object.assign(sink, { columns: 120 })
  const io = { stdout: stream, stderr: stream, env: {}, cwd: docs, signal: new AbortController().signal }
  await run(['--help'], io, '0.0.0')
  const section = /\nOptions:\n([\s\S]*?)\n\n/.exec(help)[1]
  return section.split('\n').map((line) => /^ {2}(\S.*?) {2,}(.*)$/.exec(line).slice(1))
}

/** One verb: what it does, its options, its notes, its examples. */
async function verbSection({ name, summary, load }) {
  const command = new Recorder(name)
  const { verb } = await load()
  verb.configure(command)
  const { after, options, registeredArguments } = command
  const operands = registeredArguments.map((argument) => {
    const shown = `${argument.name()}${argument.variadic ? '...' : ''}`
    return { shown: argument.required ? `<${shown}>` : `[${shown}]`, about: argument.description }
  })
  const rows = [
    ...operands.map(({ shown, about }) => [`\`${shown}\``, cell(plain(about))]),
    ...options.map((option) => [`\`${option.flags}\``, cell(plain(option.description))]),
  ]
  const examples = after.find((text) => text.startsWith('Examples:')) ?? ''
  const notes = after.filter((text) => text !== examples).map((text) => plain(text).replaceAll('\n--', '\n\n--'))
  const lines = examples.split('\n').slice(1)
  return [
    `## ${name}`,
    `${summary[0].toUpperCase()}${summary.slice(1)}.`,
    ['```text', ['ticklake', name, '[options]', ...operands.map(({ shown }) => shown)].join(' '), '```'].join('\n'),
    ...(rows.length > 0 ? [table(['Argument or option', 'Meaning'], rows)] : []),
    ...notes,
    ...(lines.length > 0 ? [['```sh', ...lines.map((line) => line.replace(/^ {2}/, '')), '```'].join('\n')] : []),
  ].join('\n\n')
}

async function cliPage() {
  const common = (await commonOptions()).map(([flags, about]) => [`\`${flags}\``, cell(plain(about))])
  const sections = []
  for (const entry of VERBS) sections.push(await verbSection(entry))
  return `${[
    '# The command line',
    '<!-- Written by scripts/docs.js from the program itself: do not edit. -->',
    '`ticklake <verb> [options]`. In a checkout, or in a project that has ticklake installed: `npx ticklake <verb>`.',
    'Results go to stdout; messages, progress and the log go to stderr. With `--json` stdout holds JSON lines and nothing else; an error is a JSON line `{"error":{"code","message"}}` on stderr. Times are UTC everywhere. `--from` is inside the range and `--to` is not; `--start-date` and `--end-date` are both inside. Dates may be months (`2024-01`), days, ISO times or epoch milliseconds.',
    table(
      ['Exit code', 'Meaning'],
      [
        ['0', 'done'],
        ['1', 'failed'],
        ['2', 'wrong usage: nothing was done'],
        ['3', 'done, but data are missing that the exchange published, or may have'],
      ],
    ),
    'Ctrl-C stops cleanly: what is stored stays, and the next run goes on. The exit code is then 130 (143 after SIGTERM); a second Ctrl-C ends at once.',
    `Verbs: ${VERBS.map(({ name }) => `[${name}](#${name})`).join(', ')}.`,
    '## Common options',
    'Every verb understands them.',
    table(['Option', 'Meaning'], common),
    ...sections,
  ].join('\n\n')}\n`
}

function settingsTables() {
  const entries = settingEntries()
  const groups = [...new Set(entries.map(({ group }) => group))]
  return groups
    .map((group) => {
      const rows = entries
        .filter((entry) => entry.group === group)
        .map(({ name, setting }) => [
          `\`${name}\``,
          setting.default === undefined ? '' : `\`${setting.type.show(setting.default)}\``,
          [...(setting.env ?? []), ...(setting.flag ? [setting.flag] : [])].map((word) => `\`${word}\``).join(', '),
          cell(plain(setting.about)),
          cell(plain(setting.type.allowed)),
        ])
      return `### ${group}\n\n${table(['Key', 'Default', 'Environment, flag', 'Meaning', 'Allowed'], rows)}`
    })
    .join('\n\n')
}

const PARQUET = { time: 'timestamp(us, UTC)', float64: 'double', integer: 'int64', flags: 'int32' }

function candleTable() {
  const rows = candle.columns.map((spec) => [
    `\`${spec.name}\``,
    `\`${spec.property}\``,
    PARQUET[spec.type],
    spec.type === 'time' ? 'UTC' : spec.unit,
    cell(spec.meaning),
  ])
  return table(['Column', 'In JS rows', 'Parquet type', 'Unit', 'Meaning'], rows)
}

/** Puts a text between `<!-- name -->` and `<!-- /name -->` of a page. */
function fill(page, name, text) {
  const parts = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`)
  if (!parts.test(page)) throw new Error(`the page has no place for "${name}"`)
  return page.replace(parts, (_, start, end) => `${start}${text}\n${end}`)
}

const read = (name) => readFileSync(join(docs, name), 'utf8')
const pages = {
  'cli.md': await cliPage(),
  'configuration.md': fill(read('configuration.md'), 'settings', settingsTables()),
  'lake.md': fill(read('lake.md'), 'columns', candleTable()),
}

const check = process.argv.includes('--check')
const stale = Object.entries(pages).filter(([name, text]) => {
  try {
    return read(name) !== text
  } catch {
    return true
  }
})
if (!check) for (const [name, text] of stale) writeFileSync(join(docs, name), text)
for (const [name] of stale) console.log(`docs/${name} ${check ? 'is not up to date: node scripts/docs.js' : 'written'}`)
process.exitCode = check && stale.length > 0 ? 1 : 0
