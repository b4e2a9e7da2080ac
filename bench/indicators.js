// Indicators over a million values: the batch form beside plain typed-array loops written for one indicator each, and the
// streaming form a candle at a time. Libraries that are installed run beside them; those that are not are left out.
// Arguments: names of indicators, for those alone.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { computeIndicators, IndicatorRunner } from '../dist/analysis/indicators/index.js'
import { market, pick, plainLoops } from './indicators-plain.js'
import { race } from './measure.js'

const N = 1_000_000
const only = process.argv.slice(2)
const columns = market(N)
const { close } = columns

/**
 * The allocator keeps what it got: otherwise it gives every array back to the system and gets new pages for the next, and
 * a third of the time of both sides goes to page faults, which hides how far apart their arithmetic is.
 */
const KEEP_MEMORY = { MALLOC_TRIM_THRESHOLD_: '1000000000', MALLOC_MMAP_THRESHOLD_: '1000000000' }

/**
 * Two or three results are more than the heap that was just cleared, so that V8 begins to mark it in another thread at the
 * next chance, in the run of either side or in neither: 8 ms of processor time that have nothing to do with the loops.
 */
const FLAGS = ['--expose-gc', '--no-incremental-marking']

const figures = []
for (const name of Object.keys(plainLoops(1))) {
  if (only.length > 0 && !only.some((start) => name.startsWith(start))) continue
  const script = fileURLToPath(new URL('./indicators-duel.js', import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [...FLAGS, script, name], {
    encoding: 'utf8',
    env: { ...process.env, ...KEEP_MEMORY },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`The bench of ${name} failed.`)
  const figure = JSON.parse(stdout)
  figures.push(figure)
  const results = Object.entries({ 'plain loop': figure.plain, ticklake: figure.ticklake }).map(([side, { cpu }]) => ({
    name: side,
    ms: Math.round(cpu * 100) / 100,
    rate: Math.round(N / (cpu / 1000)),
  }))
  console.log(JSON.stringify({ bench: `${name}, ${N.toLocaleString('en')} values`, unit: 'values', results }))
}

console.log('\nBatch against plain loops (time over time; at most 1.3 wanted)')
console.log('  medians of the processor time, which other programs disturb less than the clock; then by the clock')
for (const { name, plain, ticklake } of figures) {
  const times = ['cpu', 'wall'].map((clock) => {
    const [loop, ours] = [plain[clock], ticklake[clock]]
    return `${loop.toFixed(1).padStart(7)} ms ${ours.toFixed(1).padStart(7)} ms  ×${(ours / loop).toFixed(2)}`
  })
  console.log(`  ${name.padEnd(30)} ${times.join('   ')}`)
}

/** Installed libraries beside the batch form, on fewer values: most of them are slow, and talib-web fails on many. */
const FEW = 100_000
const few = [...close.subarray(0, FEW)]
const [high, low] = [columns.high, columns.low].map((values) => [...values.subarray(0, FEW)])
const require = createRequire(import.meta.url)
const libraries = {
  async technicalindicators() {
    const { SMA, EMA, RSI, MACD, BollingerBands, ATR } = await import('technicalindicators')
    const macd = { fastPeriod: 12, slowPeriod: 26, signalPeriod: 9, SimpleMAOscillator: false, SimpleMASignal: false }
    return {
      'sma(20)': () => SMA.calculate({ period: 20, values: few }),
      'ema(20)': () => EMA.calculate({ period: 20, values: few }),
      'rsi(14)': () => RSI.calculate({ period: 14, values: few }),
      macd: () => MACD.calculate({ values: few, ...macd }),
      'bollinger(20, 2)': () => BollingerBands.calculate({ period: 20, stdDev: 2, values: few }),
      'atr(14)': () => ATR.calculate({ period: 14, high, low, close: few }),
    }
  },
  async 'trading-signals'() {
    const { SMA, EMA, RSI, MACD, BollingerBands, ATR } = await import('trading-signals')
    // Its users read the result of every update.
    const each = (make) => () => {
      const indicator = make()
      const results = []
      for (const value of few) results.push(indicator.add(value))
      return results
    }
    return {
      'sma(20)': each(() => new SMA(20)),
      'ema(20)': each(() => new EMA(20)),
      'rsi(14)': each(() => new RSI(14)),
      macd: each(() => new MACD(new EMA(12), new EMA(26), new EMA(9))),
      'bollinger(20, 2)': each(() => new BollingerBands(20, 2)),
      'atr(14)': () => {
        const indicator = new ATR(14)
        const results = []
        for (let i = 0; i < FEW; i++) results.push(indicator.add({ high: high[i], low: low[i], close: few[i] }))
        return results
      },
    }
  },
  async 'talib-web'() {
    const talib = require('talib-web')
    // In Node its loader takes no path; a URL that holds the file works.
    const wasm = readFileSync(require.resolve('talib-web').replace('index.cjs.js', 'talib.wasm'))
    await talib.init(`data:application/wasm;base64,${wasm.toString('base64')}`)
    return {
      'sma(20)': () => talib.SMA({ inReal: few, timePeriod: 20 }),
      'ema(20)': () => talib.EMA({ inReal: few, timePeriod: 20 }),
      'rsi(14)': () => talib.RSI({ inReal: few, timePeriod: 14 }),
      macd: () => talib.MACD({ inReal: few, fastPeriod: 12, slowPeriod: 26, signalPeriod: 9 }),
      'bollinger(20, 2)': () => talib.BBANDS({ inReal: few, timePeriod: 20, nbDevUp: 2, nbDevDn: 2 }),
      'atr(14)': () => talib.ATR({ high, low, close: few, timePeriod: 14 }),
    }
  },
  async '@ixjb94/indicators'() {
    const { IndicatorsSync } = require('@ixjb94/indicators')
    const indicators = new IndicatorsSync()
    return {
      'sma(20)': () => indicators.sma(few, 20),
      'ema(20)': () => indicators.ema(few, 20),
      'rsi(14)': () => indicators.rsi(few, 14),
      macd: () => indicators.macd(few, 12, 26, 9),
      'bollinger(20, 2)': () => indicators.bbands(few, 20, 2),
      'atr(14)': () => indicators.atr(high, low, few, 14),
    }
  },
  async tulind() {
    // It needs a compiler for this version of Node; NODE_PATH may say where it is.
    const { indicators } = require('tulind')
    const run = (name, inputs, options) => () =>
      new Promise((resolve, reject) => {
        indicators[name].indicator(inputs, options, (error, results) => (error ? reject(error) : resolve(results)))
      })
    return {
      'sma(20)': run('sma', [few], [20]),
      'ema(20)': run('ema', [few], [20]),
      'rsi(14)': run('rsi', [few], [14]),
      macd: run('macd', [few], [12, 26, 9]),
      'bollinger(20, 2)': run('bbands', [few], [20, 2]),
      'atr(14)': run('atr', [high, low, few], [14]),
    }
  },
}

const start = Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.subarray(0, FEW)]))
const ahead = []
for (const [title, load] of Object.entries(libraries)) {
  let rivals
  try {
    rivals = await load()
  } catch (error) {
    if (!['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(error.code)) throw error
    console.log(`\n${title} is not installed: left out.`)
    continue
  }
  for (const [name, run] of Object.entries(rivals)) {
    if (only.length > 0 && !only.some((begin) => name.startsWith(begin))) continue
    const { [title]: other, ticklake } = await race(
      `${name} against ${title}`,
      'values',
      FEW,
      { [title]: run, ticklake: () => computeIndicators(start, pick[name] ?? name) },
      { rounds: 9, warmups: 15 },
    )
    ahead.push({ title, name, times: other.ms / ticklake.ms })
  }
}
console.log('\nTimes as quick as others (5 wanted of the first two, more than 1 of the rest)')
for (const { title, name, times } of ahead) console.log(`  ${title.padEnd(22)} ${name.padEnd(18)} ×${times.toFixed(1)}`)

console.log('\nStreaming: a candle at a time')
const candle = { openTime: 0, open: 1.5, high: 2.5, low: 0.5, close: 1.5, volume: 1.5 }
for (const name of ['sma(20)', 'ema(20)', 'rsi(14)', 'macd', 'bollinger(20, 2)', 'kama(10)', 'ema(20) of rsi(14)']) {
  const times = []
  let grown = Number.POSITIVE_INFINITY
  for (let round = -2; round < 7; round++) {
    const runner = new IndicatorRunner(name)
    const before = process.memoryUsage().heapUsed
    const started = performance.now()
    for (let i = 0; i < N; i++) {
      candle.close = close[i]
      runner.push(candle)
    }
    const ms = performance.now() - started
    if (round < 0) continue
    times.push((ms * 1e6) / N)
    // The least of the rounds: what the compiler makes meanwhile is on the heap too.
    grown = Math.min(grown, Math.max(0, process.memoryUsage().heapUsed - before))
  }
  const ns = times.sort((a, b) => a - b)[3]
  console.log(
    `  ${name.padEnd(24)} ${ns.toFixed(1).padStart(6)} ns per update, heap grew by ${(grown / N).toFixed(2)} bytes per update`,
  )
  console.log(JSON.stringify({ bench: `streaming ${name}`, unit: 'ns per update', ns: Math.round(ns * 10) / 10 }))
}
