// One indicator beside its plain loop, alone in a process: `node --expose-gc --no-incremental-marking indicators-duel.js
// "sma(20)"` prints a line of JSON. Every run begins with a heap that was just cleared: otherwise one side collects what
// the other left, and whether a result lies in new pages or in used ones, which cost a third as much, is a matter of luck.
// The sides take turns at being first.
import { setTimeout } from 'node:timers/promises'
import { computeIndicators } from '../dist/analysis/indicators/index.js'
import { market, pick, plainLoops } from './indicators-plain.js'

const N = 1_000_000
const ROUNDS = 31
/** Runs before any counts, and for how long at least: the compiler works beside the program, and on a busy machine late. */
const WARMUPS = { runs: 20, ms: 600 }

const name = process.argv[2]
/** The columns where the compiler does not take them for constants, as it would in a closure. */
const data = [market(N)]
const loop = plainLoops(N)[name]
const expressions = pick[name] ?? name
const sides = {
  plain: { run: () => loop(data[0]), cpu: [], wall: [] },
  ticklake: { run: () => computeIndicators(data[0], expressions), cpu: [], wall: [] },
}
const orders = [Object.values(sides), Object.values(sides).reverse()]

const began = performance.now()
let warm = 0
while (warm < WARMUPS.runs || performance.now() - began < WARMUPS.ms)
  for (const side of orders[warm++ % 2]) await measure(side)
for (const { cpu, wall } of orders[0]) cpu.length = wall.length = 0
for (let round = 0; round < ROUNDS; round++) for (const side of orders[round % 2]) await measure(side)
const medians = Object.entries(sides).map(([side, { cpu, wall }]) => [side, { cpu: median(cpu), wall: median(wall) }])
console.log(JSON.stringify({ name, ...Object.fromEntries(medians) }))

async function measure({ run, cpu, wall }) {
  gc()
  // Memory is freed beside the program, which would count as processor time of the run.
  await setTimeout(2)
  const used = process.cpuUsage()
  const started = performance.now()
  run()
  wall.push(performance.now() - started)
  const { user, system } = process.cpuUsage(used)
  cpu.push((user + system) / 1000)
}

function median(times) {
  return times.sort((a, b) => a - b)[times.length >> 1]
}
