import { ExitCode, examples, type Verb } from '../verb.ts'

interface DoctorOptions {
  readonly offline?: boolean
}

export const verb: Verb<DoctorOptions> = {
  configure(command) {
    command.option('--offline', 'leave the exchange out')
    command.addHelpText(
      'after',
      '\nExit code 1 tells that something is broken; a warning is not. Secrets are never shown.',
    )
    examples(command, [
      ['ticklake doctor', 'check machine, settings, lake and exchange'],
      ['ticklake doctor --json', 'the same for programs: a line per check'],
    ])
  },

  async run(context, _operands, options) {
    const { runChecks } = await import('../doctor/checks.ts')
    const { printable } = await import('../render/text.ts')
    let failed = false
    const { style } = context
    const marks = {
      ok: style.green('ok  '),
      warn: style.yellow('warn'),
      fail: style.red('fail'),
      info: style.dim('    '),
    }
    let group = ''
    for await (const check of runChecks(context, options)) {
      if (check.state === 'fail') failed = true
      if (context.json) {
        await context.out.json(check)
        continue
      }
      if (check.group !== group) {
        if (group !== '') await context.out.line('')
        group = check.group
        await context.out.line(style.bold(group))
      }
      await context.out.line(`  ${marks[check.state]}  ${check.name}: ${printable(check.detail)}`)
      if (check.todo !== undefined) await context.out.line(`        ${style.yellow('→')} ${printable(check.todo)}`)
    }
    return failed ? ExitCode.failed : ExitCode.done
  },
}
