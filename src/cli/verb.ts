import type { Command } from 'commander'
import type { Context } from './context.ts'

/** What the shell gets told. */
export const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  /** The command did its work, but data are missing that the exchange did publish. */
  incomplete: 3,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** The body of a verb; its file is loaded only when the verb is used. */
export interface Verb<Options = Record<string, unknown>> {
  /** Adds arguments, options and examples. */
  configure(command: Command): void
  run(context: Context, operands: readonly string[], options: Options): Promise<ExitCode>
}

/** A verb as `ticklake --help` knows it. */
export interface VerbEntry {
  readonly name: string
  readonly summary: string
  /** The setting keys that this verb's own flags stand for, beside those of the common options. */
  load(): Promise<{ readonly verb: Verb<never> }>
}

/** Help text below the options: each example with what it does. */
export function examples(command: Command, list: readonly (readonly [line: string, about: string])[]): void {
  const text = list.map(([line, about]) => `  # ${about}\n  ${line}`).join('\n\n')
  command.addHelpText('after', `\nExamples:\n${text}`)
}
