import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect } from 'vitest'
import type { OutputStream } from '../../src/cli/output.ts'
import { run } from '../../src/cli/program.ts'
import { repositoryRoot } from '../helpers/real-data.ts'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Variables of the developer's own shell must not reach the tests. */
export function cleanEnv(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.fromEntries(
    ['PATH', 'HOME', 'TMPDIR', 'SystemRoot', 'TICKLAKE_SHARED_BUDGET'].flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
  return { ...kept, ...extra }
}

/** Starts the built program. `npm test` builds it; for one file alone `npm run build` must have run once. */
export function startBin(
  args: readonly string[],
  options: { cwd: string; env?: Readonly<Record<string, string>> },
): ChildProcess {
  if (!existsSync(join(repositoryRoot, 'dist', 'cli', 'main.js'))) throw new Error('dist/ is missing: npm run build')
  return spawn(process.execPath, [join(repositoryRoot, 'bin', 'ticklake.js'), ...args], {
    cwd: options.cwd,
    env: cleanEnv(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs the built program to its end. */
export async function runBin(
  args: readonly string[],
  options: { cwd: string; env?: Readonly<Record<string, string>> },
): Promise<Ran> {
  return ended(startBin(args, options))
}

/** Waits for the end of a process; `code` is 128 plus the signal's number when a signal killed it. */
export async function ended(child: ChildProcess): Promise<Ran> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const code = await new Promise<number>((done) => {
    child.on('close', (status, signal) =>
      done(status ?? (signal === 'SIGKILL' ? 137 : signal === 'SIGINT' ? 130 : 143)),
    )
  })
  return { code, stdout, stderr }
}

/** A stream that remembers, and may pretend to be a terminal. */
export function fakeStream(terminal?: {
  columns: number
  rows: number
}): OutputStream & { readonly text: () => string } {
  const stream = new PassThrough()
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  return Object.assign(stream, {
    text: () => text,
    ...(terminal ? { isTTY: true as const, ...terminal } : {}),
  })
}

/** Runs the program inside this process: as the built one, but with streams, environment and folder of its own. */
export async function runHere(
  args: readonly string[],
  options: { cwd: string; env?: Readonly<Record<string, string>>; signal?: AbortSignal },
): Promise<Ran> {
  const stdout = fakeStream()
  const stderr = fakeStream()
  const code = await run(
    args,
    {
      stdout,
      stderr,
      env: options.env ?? {},
      cwd: options.cwd,
      signal: options.signal ?? new AbortController().signal,
    },
    '9.9.9',
  )
  // Let the streams hand on what was written last.
  await new Promise((done) => setImmediate(done))
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}

/** The JSON values of a text that must hold nothing but JSON lines. */
export function jsonLines(text: string): Record<string, unknown>[] {
  expect(text === '' || text.endsWith('\n')).toBe(true)
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
