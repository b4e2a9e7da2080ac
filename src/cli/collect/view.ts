import type { BriefStatus } from '../../engine/live/json.ts'
import type { Context } from '../context.ts'
import { statusLine, totalsOf } from './status-line.ts'
import type { News } from './words.ts'

/** Shows a collector while it runs. */
export interface LiveView {
  /** How often it wants a status, ms. */
  readonly everyMs: number
  status(status: BriefStatus): void
  news(news: readonly News[]): void
  /** Takes away what is drawn; nothing may be shown afterwards. */
  close(): void
}

const LINE_MS = 10_000
/** Lines of news in one turn of `LINE_MS`; more are counted: a broken server may send thousands of bad frames. */
const MAX_LINES = 50

/** The view that fits: a screen on a terminal, JSON lines with `--json`, lines elsewhere, nothing with `--quiet`. */
export async function createLiveView(context: Context): Promise<LiveView> {
  if (context.quiet) return { everyMs: LINE_MS, status: () => {}, news: () => {}, close: () => {} }
  if (context.json) {
    const { liveJson } = await import('../../engine/live/json.ts')
    return {
      everyMs: LINE_MS,
      status: (status) => void context.out.line(liveJson({ type: 'status', ...status })),
      news: (news) => {
        for (const { at, event, text, fields } of news)
          void context.out.line(liveJson({ type: 'event', event, at, ...fields, ...(text ? { text } : {}) }))
      },
      close: () => {},
    }
  }
  if (context.err.stream.isTTY && context.io.env.TERM !== 'dumb') {
    const { ScreenView } = await import('./screen-view.ts')
    return new ScreenView(context)
  }
  return new LinesView(context)
}

/** Plain lines for logs and pipes: what happens when it happens, and a line about the whole every ten seconds. */
class LinesView implements LiveView {
  readonly everyMs = LINE_MS
  readonly #context: Context
  #last: { readonly at: number; readonly records: number } | undefined
  #lines = 0

  constructor(context: Context) {
    this.#context = context
  }

  status(status: BriefStatus): void {
    if (this.#lines > MAX_LINES) this.#context.say(`… and ${this.#lines - MAX_LINES} more events of these seconds`)
    this.#lines = 0
    const { at } = status
    const { records } = totalsOf(status)
    const last = this.#last ?? { at: status.startedAt, records: 0 }
    const rate = at > last.at ? ((records - last.records) / (at - last.at)) * 1000 : undefined
    this.#last = { at, records }
    this.#context.say(`${timeOfDay(at)} ${statusLine(status, rate)}`)
  }

  news(news: readonly News[]): void {
    for (const one of news) {
      if (one.text === undefined || ++this.#lines > MAX_LINES) continue
      this.#context.say(newsLine(one, this.#context))
    }
  }

  close(): void {}
}

/** `12:00:01 BTCUSDT trade: 53 records missing (…)`, in the colour of its tone. */
export function newsLine({ at, text = '', tone }: News, { errStyle }: Pick<Context, 'errStyle'>): string {
  const paint = tone === 'bad' ? errStyle.yellow : tone === 'good' ? errStyle.green : (plain: string) => plain
  return `${timeOfDay(at)} ${paint(text)}`
}

function timeOfDay(at: number): string {
  return new Date(at).toISOString().slice(11, 19)
}
