import { DEMO_PARTS } from '../demo/index.ts'
import type { Show } from '../demo/part.ts'
import { formatDuration } from '../render/text.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

export const verb: Verb = {
  configure(command) {
    command.addHelpText(
      'after',
      `
Needs no network and no server: it starts a sandbox exchange, downloads from it while faults happen, collects live while
connections are cut, and proves that the lake equals what really happened there. Exit code 0 tells that it does. Under a minute.`,
    )
    examples(command, [
      ['ticklake demo', 'see what ticklake does'],
      ['ticklake demo --data-dir ./demo-lake', 'the same, with the lake where you want it'],
    ])
  },

  async run(context) {
    const { style } = context
    const show: Show = {
      head: async (title) => {
        if (!context.json) await context.out.line(`\n${style.bold(`── ${title}`)}`)
      },
      text: async (line) => {
        if (!context.json) await context.out.line(line)
      },
      result: async (type, fields, text) => {
        if (context.json) await context.out.json({ type, ...fields })
        else if (text !== '') await context.out.line(text)
      },
    }
    const started = performance.now()
    let ok = true
    for (const [index, part] of DEMO_PARTS.entries()) {
      if (index > 0) await show.text('')
      await show.text(style.bold(part.title))
      ok = (await part.run(context, show)) && ok
    }
    const time = formatDuration(performance.now() - started)
    await show.text('')
    await show.result(
      'demo',
      { ok, durationMs: Math.round(performance.now() - started) },
      ok ? style.green(`Everything is as it happened, after ${time}.`) : style.red(`The proof failed, after ${time}.`),
    )
    return ok ? ExitCode.done : ExitCode.failed
  },
}
