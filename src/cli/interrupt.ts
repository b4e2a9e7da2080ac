/** Why a run was aborted: the user or the system asked for it. Counts as an abort for everything underneath. */
export class Interruption extends Error {
  override readonly name = 'AbortError'
  /** What shells expect: 128 plus the signal's number. */
  readonly exitCode: number

  constructor(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super(`stopped by ${signal}`)
    this.exitCode = 128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal]
  }
}

/** The signal that the first Ctrl-C, SIGTERM or SIGHUP aborts; a second one ends the process at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      const reason = new Interruption(name)
      if (controller.signal.aborted) {
        // A progress display may have hidden the cursor.
        if (process.stderr.isTTY) process.stderr.write('\u001b[?25h\n')
        process.exit(reason.exitCode)
      }
      controller.abort(reason)
    })
  }
  return controller.signal
}
