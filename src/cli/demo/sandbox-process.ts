import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { TicklakeError } from '../../model/errors.ts'

/** A sandbox in a process of its own, as a user would start one; it ends with its owner. */
export interface SandboxProcess extends AsyncDisposable {
  readonly endpoint: string
}

/** Starts `ticklake sandbox` with the given flags and waits until it is ready. */
export async function startSandboxProcess(flags: readonly string[], signal: AbortSignal): Promise<SandboxProcess> {
  signal.throwIfAborted()
  const main = fileURLToPath(new URL('../main.js', import.meta.url))
  const child = spawn(process.execPath, [main, 'sandbox', '--quiet', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000)
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended
  }
  try {
    const lines = createInterface({ input: child.stdout, signal })
    for await (const line of lines)
      return { endpoint: (JSON.parse(line) as { endpoint: string }).endpoint, [Symbol.asyncDispose]: stop }
    throw new TicklakeError('SANDBOX', `The sandbox did not start. ${complaint.trim()}`)
  } catch (error) {
    await stop()
    throw error
  }
}
