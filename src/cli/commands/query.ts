import { ConfigError } from '../../model/errors.ts'
import type { Context } from '../context.ts'
import type { TimeFormat } from '../export/rows.ts'
import { wordOption } from '../options.ts'
import { csvField, isNumericType, jsonValue, textValue } from '../query/values.ts'
import { renderTable } from '../render/table.ts'
import { plural } from '../render/text.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface QueryOptions {
  readonly format?: 'table' | 'csv' | 'jsonl'
  readonly limit?: string
  readonly time?: TimeFormat
}

const TABLE_ROWS = 100

export const verb: Verb<QueryOptions> = {
  configure(command) {
    command
      .argument('<sql>', 'SQL for DuckDB; - reads it from stdin')
      .addOption(wordOption('--format <format>', 'format', ['table', 'csv', 'jsonl'], 'table; jsonl with --json'))
      .option('--limit <rows>', `stop after this many rows, or all (default: ${TABLE_ROWS} in a table, else all)`)
      .addOption(wordOption('--time <format>', 'times', ['ms', 'us', 'iso'], 'iso'))
    command.addHelpText(
      'after',
      `
There is one view per kind of data. candle has the columns exchange, market, symbol, interval, open_time, open, high,
low, close, volume, close_time, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume and flags. Name symbol
and interval in WHERE: then only their files are read. All times are UTC.`,
    )
    examples(command, [
      [`ticklake query "SELECT symbol, interval, count(*) FROM candle GROUP BY ALL ORDER BY ALL"`, 'what there is'],
      [
        `ticklake query "SELECT open_time, close FROM candle WHERE symbol = 'BTCUSDT' AND interval = '1d' ORDER BY open_time" --format csv`,
        'daily closes as CSV',
      ],
      [
        `ticklake query "COPY (SELECT * FROM candle WHERE symbol = 'BTCUSDT') TO 'btc.parquet' (FORMAT parquet)"`,
        'a file of your own',
      ],
    ])
  },

  async run(context, [argument], options) {
    const format = options.format ?? (context.json ? 'jsonl' : 'table')
    if (context.json && format !== 'jsonl')
      throw new ConfigError(`--json writes JSON lines; leave it out for --format ${format}.`)
    const limit = readLimit(options.limit, format)
    const sql = argument === '-' ? await readStdin(context) : argument!
    if (sql.trim() === '') throw new ConfigError('The SQL is empty. Try: ticklake query "SELECT count(*) FROM candle"')
    const settings = await context.settings()
    const { openQuery } = await import('../../store/lake/query.ts')
    using query = await openQuery(settings.data.dataDir)
    const { columns, rows } = await query.run(sql, { signal: context.signal })
    const time = options.time ?? 'iso'

    const table: string[][] = []
    let count = 0
    let more = false
    if (format === 'csv') await context.out.line(columns.map(({ name }) => csvField(name)).join(','))
    let text = ''
    for await (const row of rows) {
      context.signal.throwIfAborted()
      if (count === limit) {
        more = true
        break
      }
      count++
      if (format === 'table') table.push(row.map((value, index) => textValue(value, columns[index]!.type, time)))
      else if (format === 'csv')
        text += `${row.map((value, index) => csvField(textValue(value, columns[index]!.type, time))).join(',')}\n`
      else
        text += `${JSON.stringify(Object.fromEntries(row.map((value, index) => [columns[index]!.name, jsonValue(value, columns[index]!.type, time)])))}\n`
      if (text.length > 65_536) {
        await context.out.write(text)
        text = ''
      }
    }
    // An interrupted statement may look like one that has simply ended.
    context.signal.throwIfAborted()
    await context.out.write(text)
    if (format === 'table' && columns.length > 0) {
      const titles = columns.map(({ name, type }) => ({
        title: name,
        align: isNumericType(type) ? ('right' as const) : ('left' as const),
      }))
      for (const line of renderTable(titles, table, { paintTitle: context.style.bold })) await context.out.line(line)
    }
    if (more) context.say(`… more rows: only the first ${count} are shown (--limit all shows the rest).`)
    else if (format === 'table') context.say(plural(count, 'row'))
    return ExitCode.done
  },
}

function readLimit(text: string | undefined, format: string): number {
  if (text === undefined) return format === 'table' ? TABLE_ROWS : Number.POSITIVE_INFINITY
  if (text === 'all') return Number.POSITIVE_INFINITY
  if (/^\d+$/.test(text)) return Number(text)
  throw new ConfigError(`--limit is "${text}"; allowed: a whole number, or all.`)
}

async function readStdin(context: Context): Promise<string> {
  if (process.stdin.isTTY) context.say('Reading SQL from the terminal; end with Ctrl-D.')
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString('utf8')
}
