import type { ControlClient } from '../../engine/live/control.ts'
import type { LiveView } from '../collect/view.ts'
import type { News } from '../collect/words.ts'
import type { Context } from '../context.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface MonitorOptions {
  readonly once?: boolean
  readonly report?: boolean
}

export const verb: Verb<MonitorOptions> = {
  configure(command) {
    command
      .option('--once', 'show it as it is now, and end')
      .option('--report', 'the whole report as it would be now, as JSON, and end')
    command.addHelpText(
      'after',
      `
Looks at a collector of the same user that stores into this lake. Watching changes nothing, and Ctrl-C ends the watching only.
Exit code 2: no collector runs there.`,
    )
    examples(command, [
      ['ticklake monitor', 'the live screen of the running collector'],
      ['ticklake monitor --once --json', 'its status, for programs'],
      ['ticklake monitor --report > report.json', 'the proof so far'],
    ])
  },

  async run(context, _operands, options) {
    const settings = await context.settings()
    const { connectControl } = await import('../../engine/live/control.ts')
    await using collector = await connectControl(settings.data.dataDir)
    if (options.report) {
      await context.out.line(JSON.stringify(await collector.report(), undefined, context.json ? undefined : 2))
      return ExitCode.done
    }
    if (options.once) {
      await showOnce(context, collector)
      return ExitCode.done
    }
    const { createLiveView } = await import('../collect/view.ts')
    const view = await createLiveView(context)
    try {
      await follow(context, collector, view)
    } finally {
      view.close()
    }
    if (collector.closed.aborted) context.say('The collector has ended.')
    return ExitCode.done
  },
}

async function showOnce(context: Context, collector: ControlClient): Promise<void> {
  const status = await collector.status()
  if (context.json) return context.out.json({ type: 'status', pid: collector.pid, ...status })
  const { Screen } = await import('../collect/screen.ts')
  const screen = new Screen()
  screen.update(status)
  const { columns = 160 } = context.io.stdout
  for (const line of screen.lines(columns, Number.MAX_SAFE_INTEGER, context.style)) await context.out.line(line)
}

async function follow(context: Context, collector: ControlClient, view: LiveView): Promise<void> {
  const { sleep } = await import('../../net/abort.ts')
  const stop = AbortSignal.any([context.signal, collector.closed])
  try {
    await collector.watch((event) => view.news([event as News]))
    while (!stop.aborted) {
      view.status(await collector.status())
      await sleep(view.everyMs, stop)
    }
  } catch (error) {
    // A collector that ends, and a user who has seen enough, are both a good end.
    if (!stop.aborted) throw error
  }
}
