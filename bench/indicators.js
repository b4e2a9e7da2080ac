// Indicators over a million values: the batch form beside plain typed-array loops written for one indicator each, and the
// streaming form a candle at a time. Libraries that are installed run beside them; those that are not are left out.
import { computeIndicators, IndicatorRunner } from '../dist/analysis/indicators/index.js'
import { race } from './measure.js'

const N = 1_000_000

function seeded(seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

function market() {
  const random = seeded(7)
  const columns = Object.fromEntries(
    ['open_time', 'open', 'high', 'low', 'close', 'volume'].map((name) => [name, new Float64Array(N)]),
  )
  let price = 60_000
  for (let i = 0; i < N; i++) {
    const open = price
    price += (random() - 0.5) * 60
    columns.open_time[i] = i * 60_000
    columns.open[i] = open
    columns.close[i] = price
    columns.high[i] = Math.max(open, price) + random() * 20
    columns.low[i] = Math.min(open, price) - random() * 20
    columns.volume[i] = random() * 10
  }
  return columns
}

const columns = market()
const { high, low, close, volume } = columns

// What one writes by hand for one indicator, without a thought for NaN, drift or going on later.
const plain = {
  'sma(20)'() {
    const out = new Float64Array(N)
    let sum = 0
    for (let i = 0; i < N; i++) {
      sum += close[i]
      if (i >= 20) sum -= close[i - 20]
      out[i] = i >= 19 ? sum / 20 : Number.NaN
    }
    return out
  },
  'ema(20)'() {
    const out = new Float64Array(N)
    const alpha = 2 / 21
    let value = 0
    for (let i = 0; i < 20; i++) {
      value += close[i] / 20
      out[i] = Number.NaN
    }
    out[19] = value
    for (let i = 20; i < N; i++) {
      value += alpha * (close[i] - value)
      out[i] = value
    }
    return out
  },
  'wma(20)'() {
    const out = new Float64Array(N)
    let sum = 0
    let weighted = 0
    for (let i = 0; i < N; i++) {
      weighted += 20 * close[i] - sum
      sum += close[i]
      if (i >= 20) sum -= close[i - 20]
      out[i] = i >= 19 ? weighted / 210 : Number.NaN
    }
    return out
  },
  'rsi(14)'() {
    const out = new Float64Array(N).fill(Number.NaN, 0, 14)
    let gain = 0
    let loss = 0
    for (let i = 1; i <= 14; i++) {
      const change = close[i] - close[i - 1]
      if (change > 0) gain += change / 14
      else loss -= change / 14
    }
    for (let i = 15; i < N; i++) {
      const change = close[i] - close[i - 1]
      gain = (gain * 13 + (change > 0 ? change : 0)) / 14
      loss = (loss * 13 + (change < 0 ? -change : 0)) / 14
      out[i] = 100 - 100 / (1 + gain / loss)
    }
    return out
  },
  macd() {
    const line = new Float64Array(N)
    const signal = new Float64Array(N)
    const histogram = new Float64Array(N)
    let a = close[0]
    let b = close[0]
    let c = 0
    for (let i = 0; i < N; i++) {
      a += (2 / 13) * (close[i] - a)
      b += (2 / 27) * (close[i] - b)
      c += (2 / 10) * (a - b - c)
      line[i] = a - b
      signal[i] = c
      histogram[i] = a - b - c
    }
    return line
  },
  'dema(20)'() {
    const out = new Float64Array(N)
    const alpha = 2 / 21
    let a = close[0]
    let b = a
    for (let i = 0; i < N; i++) {
      a += alpha * (close[i] - a)
      b += alpha * (a - b)
      out[i] = 2 * a - b
    }
    return out
  },
  'bollinger(20, 2)'() {
    const middle = new Float64Array(N)
    const upper = new Float64Array(N)
    const lower = new Float64Array(N)
    let mean = 0
    let deviation = 0
    for (let i = 0; i < N; i++) {
      const old = i >= 20 ? close[i - 20] : 0
      const before = mean
      mean += (close[i] - old) / 20
      deviation += (close[i] - old) * (close[i] - mean + old - before)
      const reach = 2 * Math.sqrt(deviation / 20)
      middle[i] = mean
      upper[i] = mean + reach
      lower[i] = mean - reach
    }
    return middle
  },
  'atr(14)'() {
    const out = new Float64Array(N)
    let value = high[0] - low[0]
    for (let i = 1; i < N; i++) {
      const range = Math.max(high[i] - low[i], Math.abs(high[i] - close[i - 1]), Math.abs(low[i] - close[i - 1]))
      value = (value * 13 + range) / 14
      out[i] = value
    }
    return out
  },
  'stochastic(14, 3, 3)'() {
    const raw = new Float64Array(N)
    const k = new Float64Array(N)
    const d = new Float64Array(N)
    for (let i = 13; i < N; i++) {
      let top = high[i]
      let bottom = low[i]
      for (let j = i - 13; j < i; j++) {
        if (high[j] > top) top = high[j]
        if (low[j] < bottom) bottom = low[j]
      }
      raw[i] = (100 * (close[i] - bottom)) / (top - bottom)
      if (i >= 15) k[i] = (raw[i] + raw[i - 1] + raw[i - 2]) / 3
      if (i >= 17) d[i] = (k[i] + k[i - 1] + k[i - 2]) / 3
    }
    return d
  },
  'mfi(14)'() {
    const out = new Float64Array(N)
    const flows = new Float64Array(N)
    let into = 0
    let away = 0
    let before = (high[0] + low[0] + close[0]) / 3
    for (let i = 1; i < N; i++) {
      const typical = (high[i] + low[i] + close[i]) / 3
      const flow = typical > before ? typical * volume[i] : -typical * volume[i]
      before = typical
      flows[i] = flow
      if (flow > 0) into += flow
      else away -= flow
      if (i > 14) {
        const old = flows[i - 14]
        if (old > 0) into -= old
        else away += old
      }
      out[i] = 100 - 100 / (1 + into / away)
    }
    return out
  },
  'adx(14)'() {
    const lines = [0, 1, 2, 3, 4].map(() => new Float64Array(N))
    let range = 0
    let plus = 0
    let minus = 0
    let average = 0
    for (let i = 1; i < N; i++) {
      const up = high[i] - high[i - 1]
      const down = low[i - 1] - low[i]
      range += Math.max(high[i], close[i - 1]) - Math.min(low[i], close[i - 1]) - range / 14
      plus += (up > down && up > 0 ? up : 0) - plus / 14
      minus += (down > up && down > 0 ? down : 0) - minus / 14
      const p = (100 * plus) / range
      const m = (100 * minus) / range
      const dx = (100 * Math.abs(p - m)) / (p + m)
      average += (dx - average) / 14
      lines[0][i] = p
      lines[1][i] = m
      lines[2][i] = dx
      lines[3][i] = average
      lines[4][i] = i > 14 ? (average + lines[3][i - 14]) / 2 : 0
    }
    return lines[3]
  },
  'donchian(20)'() {
    const upper = new Float64Array(N)
    const middle = new Float64Array(N)
    const lower = new Float64Array(N)
    for (let i = 20; i < N; i++) {
      let top = high[i - 1]
      let bottom = low[i - 1]
      for (let j = i - 20; j < i - 1; j++) {
        if (high[j] > top) top = high[j]
        if (low[j] < bottom) bottom = low[j]
      }
      upper[i] = top
      lower[i] = bottom
      middle[i] = (top + bottom) / 2
    }
    return upper
  },
}

/** The same work as the plain loop: only the outputs that it has. */
const same = { 'bollinger(20, 2)': ['middle', 'upper', 'lower'].map((name) => `bollinger(20, 2).${name}`) }

const figures = []
for (const [name, run] of Object.entries(plain)) {
  const { 'plain loop': loop, ticklake } = await race(
    `${name}, ${N.toLocaleString('en')} values`,
    'values',
    N,
    {
      'plain loop': run,
      ticklake: () => computeIndicators(columns, same[name] ?? name),
    },
    { rounds: 15, warmups: 8 },
  )
  figures.push({ name, plain: loop.ms, ticklake: ticklake.ms, ratio: ticklake.ms / loop.ms })
}

console.log('\nBatch against plain loops (time over time; at most 1.3 wanted)')
for (const { name, plain, ticklake, ratio } of figures) {
  console.log(
    `  ${name.padEnd(24)} ${plain.toFixed(1).padStart(7)} ms  ${ticklake.toFixed(1).padStart(7)} ms  ×${ratio.toFixed(2)}`,
  )
}

/** Installed libraries beside the batch form, on fewer values: most of them are slow. */
const FEW = 100_000
const few = [...close.subarray(0, FEW)]
for (const [title, load] of [
  [
    'technicalindicators',
    async () => {
      const { SMA, EMA, RSI, MACD } = await import('technicalindicators')
      const macd = { fastPeriod: 12, slowPeriod: 26, signalPeriod: 9, SimpleMAOscillator: false, SimpleMASignal: false }
      return {
        'sma(20)': () => SMA.calculate({ period: 20, values: few }),
        'ema(20)': () => EMA.calculate({ period: 20, values: few }),
        'rsi(14)': () => RSI.calculate({ period: 14, values: few }),
        macd: () => MACD.calculate({ values: few, ...macd }),
      }
    },
  ],
  [
    'trading-signals',
    async () => {
      const { SMA, EMA, RSI } = await import('trading-signals')
      const each = (make) => () => {
        const indicator = make()
        for (const value of few) indicator.update(value, false)
        return indicator
      }
      return {
        'sma(20)': each(() => new SMA(20)),
        'ema(20)': each(() => new EMA(20)),
        'rsi(14)': each(() => new RSI(14)),
      }
    },
  ],
]) {
  let rivals
  try {
    rivals = await load()
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    console.log(`\n${title} is not installed: left out.`)
    continue
  }
  const start = columns.close.subarray(0, FEW)
  for (const [name, run] of Object.entries(rivals)) {
    await race(`${name} against ${title}`, 'values', FEW, {
      [title]: run,
      ticklake: () => computeIndicators(start, name),
    })
  }
}

console.log('\nStreaming: a candle at a time')
const candle = { openTime: 0, open: 1.5, high: 2.5, low: 0.5, close: 1.5, volume: 1.5 }
for (const name of ['sma(20)', 'ema(20)', 'rsi(14)', 'macd', 'bollinger(20, 2)', 'kama(10)', 'ema(20) of rsi(14)']) {
  const times = []
  let grown = 0
  for (let round = -1; round < 5; round++) {
    const runner = new IndicatorRunner(name)
    const before = process.memoryUsage().heapUsed
    const started = performance.now()
    for (let i = 0; i < N; i++) {
      candle.close = close[i]
      runner.push(candle)
    }
    const ms = performance.now() - started
    if (round >= 0) {
      times.push((ms * 1e6) / N)
      grown = Math.max(grown, process.memoryUsage().heapUsed - before)
    }
  }
  const ns = times.sort((a, b) => a - b)[2]
  console.log(
    `  ${name.padEnd(24)} ${ns.toFixed(1).padStart(6)} ns per update, heap grew by ${(grown / N).toFixed(2)} bytes per update`,
  )
  console.log(JSON.stringify({ bench: `streaming ${name}`, unit: 'ns per update', ns: Math.round(ns * 10) / 10 }))
}
