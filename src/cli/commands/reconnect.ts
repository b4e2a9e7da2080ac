import { ExitCode, examples, type Verb } from '../verb.ts'

export const verb: Verb = {
  configure(command) {
    command.addHelpText(
      'after',
      `
The new connections are open and carry every stream before the old ones are closed: nothing is lost.
Exit code 2: no collector runs on this lake.`,
    )
    examples(command, [['ticklake reconnect', 'give the running collector fresh connections']])
  },

  async run(context) {
    const settings = await context.settings()
    const { connectControl } = await import('../../engine/live/control.ts')
    await using collector = await connectControl(settings.data.dataDir)
    const { length: before } = (await collector.status()).connections
    await collector.reconnect()
    const { connections } = await collector.status()
    if (context.json) await context.out.json({ ok: true, pid: collector.pid, connections })
    else
      await context.out.line(
        `The collector (process ${collector.pid}) replaced ${before === 1 ? 'its connection' : `its ${before} connections`}.`,
      )
    return ExitCode.done
  },
}
