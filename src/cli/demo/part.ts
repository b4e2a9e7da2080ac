import type { Context } from '../context.ts'

/** Where a part of the demo writes: text for people, results also for programs. */
export interface Show {
  head(title: string): Promise<void>
  text(line: string): Promise<void>
  /** A result: a JSON line with `--json`, the text otherwise (none when it is empty). */
  result(type: string, fields: Record<string, unknown>, text: string): Promise<void>
}

/** One chapter of `ticklake demo`. A new one is one file and one line in `index.ts`. */
export interface DemoPart {
  readonly title: string
  /** Whether everything that the part claims came true. */
  run(context: Context, show: Show): Promise<boolean>
}
