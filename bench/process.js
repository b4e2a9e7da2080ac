// Processes of the benches: start one and wait for its first line, or run one and learn its time and peak memory.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** Starts a script that prints one line when it is ready. */
export async function startProcess(args) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout })) return { line, stop: () => child.kill() }
  throw new Error(`${args.join(' ')} ended before it was ready`)
}

/** Runs a script to its end; the peak is the largest resident set seen (Linux), in bytes. */
export function runProcess(args, { expectCode = 0 } = {}) {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let peak = 0
    let output = ''
    const watch = setInterval(() => {
      try {
        // The kernel keeps the high-water mark itself: no peak between two looks is missed.
        peak = Math.max(
          peak,
          Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024,
        )
      } catch {
        // It has just ended.
      }
    }, 10)
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('close', (code) => {
      clearInterval(watch)
      if (code !== expectCode) reject(new Error(`${args.join(' ')} ended with ${code}: ${output.slice(-500)}`))
      else resolve({ ms: performance.now() - started, peak, output })
    })
  })
}

export const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]
