import { isTicklakeError } from '../../model/errors.ts'
import type { SeriesId } from '../../model/series.ts'
import type { Compression } from '../../store/lake/parquet.ts'
import { tellError } from '../failure.ts'
import { wordOption } from '../options.ts'
import { seriesLabel } from '../progress/state.ts'
import { formatBytes, plural } from '../render/text.ts'
import { type SelectOptions, sayNothing, selectOptions, selectSeries, seriesFields } from '../select.ts'
import { tidySeries } from '../tidy.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface CompactOptions extends SelectOptions {
  readonly compression?: Compression
}

const WAIT_MS = 5000

export const verb: Verb<CompactOptions> = {
  configure(command) {
    selectOptions(command).addOption(
      wordOption('--compression <codec>', 'how files are packed', ['zstd', 'snappy', 'none'], 'that of the settings'),
    )
    command.addHelpText(
      'after',
      `
Joins the small files that live collection and updates leave, and packs anew what is packed otherwise. A new file is read
back and compared row by row before it takes the place of the old ones, in one step that a crash cannot halve. Files that
were archived stay as they are.
Exit code 3: some series could not be compacted, because a collector writes them or a file is damaged.`,
    )
    examples(command, [
      ['ticklake compact', 'all of the lake, packed as the settings say'],
      ['ticklake compact BTCUSDT --interval 1m --compression none', 'larger, and faster to read'],
    ])
  },

  async run(context, symbols, options) {
    const { dataDir, maxFileSize, compression: byDefault } = (await context.settings()).data
    const compression = options.compression ?? byDefault
    const { Lake } = await import('../../store/lake/lake.ts')
    const lake = await Lake.open(dataDir, { maxFileSize, compression, lockWaitMs: WAIT_MS, log: await context.log() })
    const series = await selectSeries(context, lake, symbols, options)
    if (series.length === 0) await sayNothing(context, lake)
    const { recompress } = await import('../../store/lake/recompress.ts')
    const total = { files: 0, bytesBefore: 0, bytesAfter: 0 }
    let failed = 0
    for (const id of series) {
      context.signal.throwIfAborted()
      try {
        const joined = await tidySeries(lake, id, context.signal)
        const { signal } = context
        const done = await recompress(lake.folder(id), id, { compression, maxFileSize, waitMs: WAIT_MS, signal })
        total.files += done.files
        total.bytesBefore += done.bytesBefore
        total.bytesAfter += done.bytesAfter
        if (context.json) await context.out.json({ ...seriesFields(id), joined, ...done })
        else tell(context, id, joined, done)
      } catch (cause) {
        if (context.signal.aborted || !isTicklakeError(cause)) throw cause
        failed++
        tellError(context, cause)
        if (context.json) await context.out.json({ ...seriesFields(id), error: cause.message })
      }
    }
    if (!context.json) {
      const { files, bytesBefore, bytesAfter } = total
      await context.out.line(
        `${plural(files, 'file')} packed anew with ${compression}: ${formatBytes(bytesBefore)} before, ${formatBytes(bytesAfter)} now`,
      )
    }
    return failed > 0 ? ExitCode.incomplete : ExitCode.done
  },
}

function tell(
  context: Parameters<Verb['run']>[0],
  id: SeriesId,
  joined: number,
  done: {
    readonly files: number
    readonly bytesBefore: number
    readonly bytesAfter: number
    readonly tooLarge: number
  },
): void {
  const parts: string[] = []
  if (joined > 0) parts.push(`${plural(joined, 'day')} joined`)
  if (done.files > 0)
    parts.push(`${plural(done.files, 'file')}, ${formatBytes(done.bytesBefore)} to ${formatBytes(done.bytesAfter)}`)
  if (done.tooLarge > 0) parts.push(`${plural(done.tooLarge, 'file')} left: packed so they would pass the largest size`)
  if (parts.length > 0) context.say(`${seriesLabel(id)}: ${parts.join('; ')}`)
}
