import type { DownloadEvent } from '../../engine/types.ts'
import type { Context } from '../context.ts'

/** Shows a download while it runs, on stderr. */
export interface ProgressView {
  event(event: DownloadEvent): void
  /** Clears what is drawn; nothing may be shown afterwards. */
  close(): void
}

/** The view that fits: bars on a terminal, lines elsewhere, nothing with `--quiet`. */
export async function createProgressView(context: Context, seriesCount: number): Promise<ProgressView> {
  if (context.quiet) return { event: () => {}, close: () => {} }
  if (context.err.stream.isTTY && context.io.env.TERM !== 'dumb') {
    const { BarView } = await import('./bars.ts')
    return new BarView(context, seriesCount)
  }
  const { LineView } = await import('./lines.ts')
  return new LineView((line) => context.say(line), seriesCount)
}
