import { resolve, sep } from 'node:path'
import { ConfigError, isTicklakeError } from '../../model/errors.ts'
import { DAY, HOUR, parseTime } from '../../model/time.ts'
import { tellError } from '../failure.ts'
import { seriesLabel } from '../progress/state.ts'
import { formatBytes, plural } from '../render/text.ts'
import { type SelectOptions, sayNothing, selectOptions, selectSeries, seriesFields } from '../select.ts'
import { tidySeries } from '../tidy.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface ArchiveOptions extends SelectOptions {
  readonly olderThan?: string
  readonly to?: string
}

export const verb: Verb<ArchiveOptions> = {
  configure(command) {
    selectOptions(command)
      .option('--older-than <age>', 'move periods that ended so long ago, or before a date: 90d, 12w, 24mo, 2024-01-01')
      .option('--to <place>', 'a folder, or s3://bucket/prefix')
    command.addHelpText(
      'after',
      `
Moves data files of the lake to another disk or to S3-compatible storage. Each is copied, read back and compared by its
SHA-256 before the file here goes; a crash at any moment leaves it here or there, and the same command goes on.
Reading goes on as before: files of a folder are read where they are, those of S3 are fetched when they are needed, and
the copies that were not used for longest go when they take more than 4 GB. A file is one period of a series: a day of
1s candles and of trades, a month of 1m, a year of 15m and more; those of a day and more are never moved.
S3 needs the package @aws-sdk/client-s3, and keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or wherever that package
finds them. Other servers than Amazon's: AWS_ENDPOINT_URL, or s3://bucket/prefix?endpoint=https://host.
Exit code 3: some series could not be moved, because a collector writes them or a file is damaged.`,
    )
    examples(command, [
      ['ticklake archive --older-than 90d --to /mnt/cold/ticklake', 'to another disk'],
      ['ticklake archive BTCUSDT --kind trade --older-than 30d --to s3://my-bucket/ticklake', 'trades to S3'],
    ])
  },

  async run(context, symbols, options) {
    if (options.to === undefined) throw new ConfigError('Say where to with --to: a folder, or s3://bucket/prefix.')
    if (options.olderThan === undefined) throw new ConfigError('Say what to move with --older-than, e.g. 90d.')
    const before = readAge(options.olderThan, Date.now())
    const { dataDir, maxFileSize, compression } = (await context.settings()).data
    const { Lake } = await import('../../store/lake/lake.ts')
    const lake = await Lake.open(dataDir, { maxFileSize, compression, log: await context.log() })
    const { openDepot, parseDepot } = await import('../../store/lake/depot/depot.ts')
    const address = parseDepot(options.to, context.cwd)
    if (address.type === 'folder' && `${resolve(address.path)}${sep}`.startsWith(`${lake.dataDir}${sep}`))
      throw new ConfigError(`--to is ${options.to}, inside the lake itself. Choose a folder elsewhere.`)
    const series = await selectSeries(context, lake, symbols, options)
    if (series.length === 0) await sayNothing(context, lake)
    const { moveToDepot } = await import('../../store/lake/depot/move.ts')
    await using depot = await openDepot(address)
    let [files, bytes, failed] = [0, 0, 0]
    for (const id of series) {
      context.signal.throwIfAborted()
      let moved = { files: 0, bytes: 0 }
      let error: string | undefined
      try {
        // A day that is one file is moved as one.
        await tidySeries(lake, id, context.signal)
        await moveToDepot(lake.folder(id), id, depot, {
          before,
          signal: context.signal,
          onFile: (file) => {
            moved = { files: moved.files + 1, bytes: moved.bytes + file.bytes }
          },
        })
      } catch (cause) {
        if (context.signal.aborted || !isTicklakeError(cause)) throw cause
        failed++
        error = cause.message
        tellError(context, cause)
      }
      files += moved.files
      bytes += moved.bytes
      if (context.json)
        await context.out.json({ ...seriesFields(id), ...moved, ...(error === undefined ? {} : { error }) })
      else if (moved.files > 0)
        context.say(`${seriesLabel(id)}: ${plural(moved.files, 'file')} (${formatBytes(moved.bytes)})`)
    }
    if (!context.json) await context.out.line(`${plural(files, 'file')} moved to ${options.to} (${formatBytes(bytes)})`)
    return failed > 0 ? ExitCode.incomplete : ExitCode.done
  },
}

const UNITS: Readonly<Record<string, number>> = { h: HOUR, d: DAY, w: 7 * DAY, mo: 30 * DAY, y: 365 * DAY }

/** The instant that an age or a date stands for. @throws ConfigError for anything else. */
export function readAge(text: string, now: number): number {
  const age = /^(\d+)\s*(h|d|w|mo|y)$/i.exec(text.trim())
  if (age) return now - Number(age[1]) * UNITS[age[2]!.toLowerCase()]!
  if (/^\d+$/.test(text.trim()))
    throw new ConfigError(`--older-than is "${text}": of what? Use 90d, 12w, 24mo, 2y or a date.`)
  try {
    return parseTime(text, '--older-than')
  } catch (cause) {
    throw new ConfigError(`--older-than is "${text}"; use an age such as 36h, 90d, 12w, 24mo, 2y, or a date.`, {
      cause,
    })
  }
}
