// Processes of the live benches and what their results are made of.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median } from './process.js'

/** A child that answers calls by messages. */
export class Child {
  #process
  #calls = new Map()
  #next = 1

  static async start(script, args = [], execArgv = []) {
    const child = new Child()
    child.#process = fork(fileURLToPath(new URL(script, import.meta.url)), args, { execArgv })
    child.#process.on('message', ({ call, value, error }) => {
      const waiting = child.#calls.get(call)
      child.#calls.delete(call)
      if (error !== undefined) waiting?.reject(new Error(error))
      else waiting?.resolve(value)
    })
    child.#process.on('exit', (code) => {
      for (const { reject } of child.#calls.values()) reject(new Error(`${script} ${args.join(' ')} ended (${code})`))
    })
    await new Promise((resolve, reject) => child.#calls.set(0, { resolve, reject }))
    return child
  }

  call(command, request = {}) {
    const call = this.#next++
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject })
      this.#process.send({ call, command, ...request })
    })
  }

  stop() {
    this.#process.disconnect()
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms))

/** Medians of a contender's rounds. */
export function summary(name, rounds) {
  return {
    name,
    perCpu: median(rounds.map((round) => round.count / (round.cpuMs / 1000))),
    perWall: median(rounds.map((round) => round.count / (round.wallMs / 1000))),
  }
}

/** What is in the middle of the summaries of several processes of one contender, and how far apart they are. */
export function middle(summaries) {
  const of = (value) => median(summaries.map(value))
  const costs = summaries.map(({ perCpu }) => perCpu)
  return {
    name: summaries[0].name,
    perCpu: of(({ perCpu }) => perCpu),
    perWall: of(({ perWall }) => perWall),
    from: Math.min(...costs),
    to: Math.max(...costs),
  }
}

export function table(title, unit, results) {
  console.log(`\n${title}`)
  const thousands = (value) => (value / 1e3).toFixed(1)
  for (const { name, perCpu, perWall, from, to } of results) {
    const spread = from === undefined ? '' : `   (${thousands(from)} to ${thousands(to)} by process)`
    console.log(
      `  ${name.padEnd(40)} ${thousands(perCpu).padStart(8)} k ${unit}/CPU s   ${thousands(perWall).padStart(8)} k ${unit}/s${spread}`,
    )
  }
  console.log(
    JSON.stringify({
      bench: title,
      unit,
      results: results.map((r) => ({ name: r.name, perCpu: Math.round(r.perCpu), perWall: Math.round(r.perWall) })),
    }),
  )
}

/** Prints ratios beside what is wanted and says whether all are met. */
export function targets(wanted) {
  let met = true
  for (const { what, ratio, atLeast } of wanted) {
    // One of the two did not take part.
    if (Number.isNaN(ratio)) continue
    const ok = ratio >= atLeast
    met &&= ok
    console.log(`  ${ok ? ' ' : '!'} ${what}: ${ratio.toFixed(2)} × (wanted: ${atLeast})`)
  }
  return met
}
