import { readFileSync } from 'node:fs'
import { interruptSignal } from './interrupt.ts'
import { run } from './program.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const exitCode = await run(
  process.argv.slice(2),
  {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    signal: interruptSignal(),
  },
  version,
)
// Everything is closed and flushed; a library's idle socket or timer must not keep the shell waiting.
process.exit(exitCode)
