import type { BriefStatus } from '../../engine/live/json.ts'
import type { Context, LiveRegion } from '../context.ts'
import { Screen } from './screen.ts'
import { type LiveView, newsLine } from './view.ts'
import type { News } from './words.ts'

const EVERY_MS = 500
/** Events written above the screen at once; more are counted. */
const MAX_LINES = 20

/** Draws a collector at the bottom of a terminal; what happens scrolls away above it. */
export class ScreenView implements LiveView, LiveRegion {
  readonly everyMs = EVERY_MS
  readonly #context: Context
  readonly #screen = new Screen()
  readonly #release: () => void
  /** Lines that are drawn now. */
  #drawn = 0
  #closed = false

  constructor(context: Context) {
    this.#context = context
    this.#release = context.takeOver(this)
    // No cursor that jumps about, and no line that wraps: the number of drawn lines must be right.
    context.err.stream.write('\u001b[?25l\u001b[?7l')
  }

  status(status: BriefStatus): void {
    if (this.#closed) return
    this.#screen.update(status)
    this.#draw('')
  }

  news(news: readonly News[]): void {
    const told = news.filter(({ text }) => text !== undefined)
    if (told.length === 0 || this.#closed) return
    const lines = told.slice(0, MAX_LINES).map((one) => newsLine(one, this.#context))
    if (told.length > MAX_LINES) lines.push(`… and ${told.length - MAX_LINES} more events`)
    this.#draw(`${lines.join('\n')}\n`)
  }

  above(text: string): void {
    this.#draw(`${text}\n`)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#release()
    this.#context.err.stream.write(`${this.#erase()}\u001b[?25h\u001b[?7h`)
  }

  /** Everything in one write: a terminal then never shows half a picture. */
  #draw(before: string): void {
    const { stream } = this.#context.err
    // Who does not read gets the newest picture later; nothing piles up.
    if (before === '' && stream.writableLength > 65_536) return
    const erase = this.#erase()
    const lines = this.#closed
      ? []
      : this.#screen.lines(
          Math.max(40, stream.columns || 80),
          Math.max(8, (stream.rows || 24) - 1),
          this.#context.errStyle,
        )
    this.#drawn = lines.length
    stream.write(`${erase}${before}${lines.map((line) => `${line}\n`).join('')}`)
  }

  #erase(): string {
    const up = this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A`
    this.#drawn = 0
    return `\r${up}\u001b[J`
  }
}
