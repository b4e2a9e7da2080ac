// What one writes by hand for one indicator over typed arrays: a loop without a thought for NaN, drift, special cases or
// going on later. Each gives the outputs of the indicator that it stands beside; `pick` names them where it has fewer.

/** The market of the bench: a random walk, so that every run has the same one. */
export function market(rows) {
  const random = seeded(7)
  const columns = Object.fromEntries(
    ['open_time', 'open', 'high', 'low', 'close', 'volume'].map((name) => [name, new Float64Array(rows)]),
  )
  let price = 60_000
  for (let i = 0; i < rows; i++) {
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

function seeded(seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Only the outputs that the plain loop has. */
export const pick = {
  'bollinger(20, 2)': ['middle', 'upper', 'lower'].map((name) => `bollinger(20, 2).${name}`),
  'linreg(14)': ['linreg(14).value', 'linreg(14).slope'],
}

/**
 * By expression: a function of the columns that gives the first output. The columns are arguments, as they are of anything
 * that is used on more than one series: a loop that closes over its arrays is compiled for these very ones, addresses and
 * lengths included, which nothing that is handed its data can be.
 */
export function plainLoops(N) {
  const array = () => new Float64Array(N)
  return {
    'sma(20)'({ close }) {
      const out = array()
      let sum = 0
      for (let i = 0; i < N; i++) {
        sum += close[i]
        if (i >= 20) sum -= close[i - 20]
        out[i] = i >= 19 ? sum / 20 : Number.NaN
      }
      return out
    },
    'ema(20)'({ close }) {
      const out = array()
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
    'wma(20)'({ close }) {
      const out = array()
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
    'dema(20)'({ close }) {
      const out = array()
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
    'tema(20)'({ close }) {
      const out = array()
      const alpha = 2 / 21
      let a = close[0]
      let b = a
      let c = a
      for (let i = 0; i < N; i++) {
        a += alpha * (close[i] - a)
        b += alpha * (a - b)
        c += alpha * (b - c)
        out[i] = 3 * a - 3 * b + c
      }
      return out
    },
    'hma(14)'({ close }) {
      const out = array()
      const raw = array()
      let shortSum = 0
      let short = 0
      let longSum = 0
      let long = 0
      let sum = 0
      let weighted = 0
      for (let i = 0; i < N; i++) {
        const value = close[i]
        short += 7 * value - shortSum
        shortSum += value - (i >= 7 ? close[i - 7] : 0)
        long += 14 * value - longSum
        longSum += value - (i >= 14 ? close[i - 14] : 0)
        raw[i] = (2 * short) / 28 - long / 105
        weighted += 3 * raw[i] - sum
        sum += raw[i] - (i >= 3 ? raw[i - 3] : 0)
        out[i] = weighted / 6
      }
      return out
    },
    'kama(10)'({ close }) {
      const out = array()
      let walked = 0
      let value = close[9]
      for (let i = 1; i < 10; i++) walked += Math.abs(close[i] - close[i - 1])
      for (let i = 10; i < N; i++) {
        walked += Math.abs(close[i] - close[i - 1])
        if (i > 10) walked -= Math.abs(close[i - 10] - close[i - 11])
        const weight = (Math.abs(close[i] - close[i - 10]) / walked) * (2 / 3 - 2 / 31) + 2 / 31
        value += weight * weight * (close[i] - value)
        out[i] = value
      }
      return out
    },
    'vwma(20)'({ close, volume }) {
      const out = array()
      let sum = 0
      let weight = 0
      for (let i = 0; i < N; i++) {
        sum += close[i] * volume[i]
        weight += volume[i]
        if (i >= 20) {
          sum -= close[i - 20] * volume[i - 20]
          weight -= volume[i - 20]
        }
        out[i] = sum / weight
      }
      return out
    },
    vwap({ high, low, close, volume }) {
      const out = array()
      let sum = 0
      let weight = 0
      for (let i = 0; i < N; i++) {
        sum += ((high[i] + low[i] + close[i]) / 3) * volume[i]
        weight += volume[i]
        out[i] = sum / weight
      }
      return out
    },
    'vwap(day)'({ open_time: times, high, low, close, volume }) {
      const out = array()
      let sum = 0
      let weight = 0
      let end = 0
      for (let i = 0; i < N; i++) {
        if (times[i] >= end) {
          end = (Math.floor(times[i] / 86_400_000) + 1) * 86_400_000
          sum = 0
          weight = 0
        }
        sum += ((high[i] + low[i] + close[i]) / 3) * volume[i]
        weight += volume[i]
        out[i] = sum / weight
      }
      return out
    },
    macd({ close }) {
      const line = array()
      const signal = array()
      const histogram = array()
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
    ppo({ close }) {
      const line = array()
      const signal = array()
      const histogram = array()
      let a = close[0]
      let b = close[0]
      let c = 0
      for (let i = 0; i < N; i++) {
        a += (2 / 13) * (close[i] - a)
        b += (2 / 27) * (close[i] - b)
        const value = (100 * (a - b)) / b
        c += (2 / 10) * (value - c)
        line[i] = value
        signal[i] = c
        histogram[i] = value - c
      }
      return line
    },
    'trix(15)'({ close }) {
      const out = array()
      const signal = array()
      const alpha = 2 / 16
      let a = close[0]
      let b = a
      let c = a
      let sum = 0
      for (let i = 0; i < N; i++) {
        const before = c
        a += alpha * (close[i] - a)
        b += alpha * (a - b)
        c += alpha * (b - c)
        out[i] = (100 * (c - before)) / before
        sum += out[i] - (i >= 9 ? out[i - 9] : 0)
        signal[i] = sum / 9
      }
      return out
    },
    'rsi(14)'({ close }) {
      const out = array().fill(Number.NaN, 0, 14)
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
    'rsi(14, cutler)'({ close }) {
      const out = array()
      let gain = 0
      let loss = 0
      for (let i = 1; i < N; i++) {
        const change = close[i] - close[i - 1]
        if (change > 0) gain += change
        else loss -= change
        if (i > 14) {
          const old = close[i - 14] - close[i - 15]
          if (old > 0) gain -= old
          else loss += old
        }
        out[i] = 100 - 100 / (1 + gain / loss)
      }
      return out
    },
    'stochastic(14, 3, 3)'({ high, low, close }) {
      const raw = array()
      const k = array()
      const d = array()
      const j = array()
      for (let i = 13; i < N; i++) {
        let top = high[i]
        let bottom = low[i]
        for (let n = i - 13; n < i; n++) {
          if (high[n] > top) top = high[n]
          if (low[n] < bottom) bottom = low[n]
        }
        raw[i] = (100 * (close[i] - bottom)) / (top - bottom)
        k[i] = (raw[i] + raw[i - 1] + raw[i - 2]) / 3
        d[i] = (k[i] + k[i - 1] + k[i - 2]) / 3
        j[i] = 3 * k[i] - 2 * d[i]
      }
      return k
    },
    stochRsi({ close }) {
      const rsi = array()
      const k = array()
      const d = array()
      let gain = 0
      let loss = 0
      for (let i = 1; i < N; i++) {
        const change = close[i] - close[i - 1]
        gain = (gain * 13 + (change > 0 ? change : 0)) / 14
        loss = (loss * 13 + (change < 0 ? -change : 0)) / 14
        rsi[i] = 100 - 100 / (1 + gain / loss)
        if (i < 27) continue
        let top = rsi[i]
        let bottom = rsi[i]
        for (let n = i - 13; n < i; n++) {
          if (rsi[n] > top) top = rsi[n]
          if (rsi[n] < bottom) bottom = rsi[n]
        }
        k[i] = (100 * (rsi[i] - bottom)) / (top - bottom)
        d[i] = (k[i] + k[i - 1] + k[i - 2]) / 3
      }
      return k
    },
    'williamsR(14)'({ high, low, close }) {
      const out = array()
      for (let i = 13; i < N; i++) {
        let top = high[i]
        let bottom = low[i]
        for (let n = i - 13; n < i; n++) {
          if (high[n] > top) top = high[n]
          if (low[n] < bottom) bottom = low[n]
        }
        out[i] = (-100 * (top - close[i])) / (top - bottom)
      }
      return out
    },
    'cci(20)'({ high, low, close }) {
      const out = array()
      const typical = array()
      let sum = 0
      for (let i = 0; i < N; i++) {
        typical[i] = (high[i] + low[i] + close[i]) / 3
        sum += typical[i]
        if (i < 19) continue
        if (i >= 20) sum -= typical[i - 20]
        const mean = sum / 20
        let deviation = 0
        for (let n = i - 19; n <= i; n++) deviation += Math.abs(typical[n] - mean)
        out[i] = (typical[i] - mean) / ((0.015 * deviation) / 20)
      }
      return out
    },
    'roc(10)'({ close }) {
      const out = array()
      for (let i = 10; i < N; i++) out[i] = (100 * (close[i] - close[i - 10])) / close[i - 10]
      return out
    },
    'momentum(10)'({ close }) {
      const out = array()
      for (let i = 10; i < N; i++) out[i] = close[i] - close[i - 10]
      return out
    },
    'aroon(25)'({ high, low }) {
      const up = array()
      const down = array()
      const oscillator = array()
      for (let i = 25; i < N; i++) {
        let top = i - 25
        let bottom = i - 25
        for (let n = i - 24; n <= i; n++) {
          if (high[n] > high[top]) top = n
          if (low[n] < low[bottom]) bottom = n
        }
        up[i] = (100 * (25 - (i - top))) / 25
        down[i] = (100 * (25 - (i - bottom))) / 25
        oscillator[i] = up[i] - down[i]
      }
      return up
    },
    'adx(14)'({ high, low, close }) {
      const lines = [array(), array(), array(), array(), array()]
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
      return lines[0]
    },
    psar({ high, low }) {
      const out = array()
      const direction = array()
      let rising = true
      let sar = low[0]
      let extreme = high[0]
      let speed = 0.02
      for (let i = 2; i < N; i++) {
        sar += speed * (extreme - sar)
        if (rising) {
          sar = Math.min(sar, low[i - 1], low[i - 2])
          if (low[i] < sar) {
            rising = false
            sar = extreme
            extreme = low[i]
            speed = 0.02
          } else if (high[i] > extreme) {
            extreme = high[i]
            speed = Math.min(speed + 0.02, 0.2)
          }
        } else {
          sar = Math.max(sar, high[i - 1], high[i - 2])
          if (high[i] > sar) {
            rising = true
            sar = extreme
            extreme = high[i]
            speed = 0.02
          } else if (low[i] < extreme) {
            extreme = low[i]
            speed = Math.min(speed + 0.02, 0.2)
          }
        }
        out[i] = sar
        direction[i] = rising ? 1 : -1
      }
      return out
    },
    'supertrend(10, 3)'({ high, low, close }) {
      const line = array()
      const direction = array()
      let range = high[0] - low[0]
      let upper = Number.POSITIVE_INFINITY
      let lower = Number.NEGATIVE_INFINITY
      let rising = true
      for (let i = 1; i < N; i++) {
        const before = close[i - 1]
        const now = Math.max(high[i], before) - Math.min(low[i], before)
        range = (range * 9 + now) / 10
        const middle = (high[i] + low[i]) / 2
        const top = middle + 3 * range
        const bottom = middle - 3 * range
        if (top < upper || before > upper) upper = top
        if (bottom > lower || before < lower) lower = bottom
        rising = close[i] > (rising ? lower : upper)
        line[i] = rising ? lower : upper
        direction[i] = rising ? 1 : -1
      }
      return line
    },
    ichimoku({ high, low }) {
      const tenkan = array()
      const kijun = array()
      const senkouA = array()
      const senkouB = array()
      const raw = array()
      const middleOf = (i, rows) => {
        let top = high[i]
        let bottom = low[i]
        for (let n = i - rows + 1; n < i; n++) {
          if (high[n] > top) top = high[n]
          if (low[n] < bottom) bottom = low[n]
        }
        return (top + bottom) / 2
      }
      for (let i = 52; i < N; i++) {
        tenkan[i] = middleOf(i, 9)
        kijun[i] = middleOf(i, 26)
        raw[i] = middleOf(i, 52)
        if (i < 78) continue
        senkouA[i] = (tenkan[i - 26] + kijun[i - 26]) / 2
        senkouB[i] = raw[i - 26]
      }
      return tenkan
    },
    pivots({ open_time: times, high, low, close }) {
      const lines = [array(), array(), array(), array(), array(), array(), array()]
      let end = 0
      let [top, bottom, last] = [0, 0, 0]
      let [p, range, h, l] = [0, 0, 0, 0]
      for (let i = 0; i < N; i++) {
        if (times[i] >= end) {
          end = (Math.floor(times[i] / 86_400_000) + 1) * 86_400_000
          p = (top + bottom + last) / 3
          range = top - bottom
          h = top
          l = bottom
          top = high[i]
          bottom = low[i]
        }
        if (high[i] > top) top = high[i]
        if (low[i] < bottom) bottom = low[i]
        last = close[i]
        lines[0][i] = p
        lines[1][i] = 2 * p - l
        lines[2][i] = p + range
        lines[3][i] = h + 2 * (p - l)
        lines[4][i] = 2 * p - h
        lines[5][i] = p - range
        lines[6][i] = l - 2 * (h - p)
      }
      return lines[0]
    },
    'bollinger(20, 2)'({ close }) {
      const middle = array()
      const upper = array()
      const lower = array()
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
    'keltner(20, 2)'({ high, low, close }) {
      const middle = array()
      const upper = array()
      const lower = array()
      let mean = close[0]
      let range = high[0] - low[0]
      for (let i = 1; i < N; i++) {
        const now = Math.max(high[i], close[i - 1]) - Math.min(low[i], close[i - 1])
        range = (range * 9 + now) / 10
        mean += (2 / 21) * (close[i] - mean)
        middle[i] = mean
        upper[i] = mean + 2 * range
        lower[i] = mean - 2 * range
      }
      return middle
    },
    'donchian(20)'({ high, low }) {
      const upper = array()
      const middle = array()
      const lower = array()
      for (let i = 20; i < N; i++) {
        let top = high[i - 1]
        let bottom = low[i - 1]
        for (let n = i - 20; n < i - 1; n++) {
          if (high[n] > top) top = high[n]
          if (low[n] < bottom) bottom = low[n]
        }
        upper[i] = top
        lower[i] = bottom
        middle[i] = (top + bottom) / 2
      }
      return upper
    },
    tr({ high, low, close }) {
      const out = array()
      for (let i = 1; i < N; i++) out[i] = Math.max(high[i], close[i - 1]) - Math.min(low[i], close[i - 1])
      return out
    },
    'atr(14)'({ high, low, close }) {
      const out = array()
      let value = high[0] - low[0]
      for (let i = 1; i < N; i++) {
        const range = Math.max(high[i] - low[i], Math.abs(high[i] - close[i - 1]), Math.abs(low[i] - close[i - 1]))
        value = (value * 13 + range) / 14
        out[i] = value
      }
      return out
    },
    'natr(14)'({ high, low, close }) {
      const out = array()
      let value = high[0] - low[0]
      for (let i = 1; i < N; i++) {
        const range = Math.max(high[i] - low[i], Math.abs(high[i] - close[i - 1]), Math.abs(low[i] - close[i - 1]))
        value = (value * 13 + range) / 14
        out[i] = (100 * value) / close[i]
      }
      return out
    },
    obv({ close, volume }) {
      const out = array()
      let sum = 0
      for (let i = 1; i < N; i++) {
        if (close[i] > close[i - 1]) sum += volume[i]
        else if (close[i] < close[i - 1]) sum -= volume[i]
        out[i] = sum
      }
      return out
    },
    'cmf(20)'({ high, low, close, volume }) {
      const out = array()
      const flows = array()
      let flow = 0
      let traded = 0
      for (let i = 0; i < N; i++) {
        flows[i] = ((2 * close[i] - high[i] - low[i]) / (high[i] - low[i])) * volume[i]
        flow += flows[i]
        traded += volume[i]
        if (i >= 20) {
          flow -= flows[i - 20]
          traded -= volume[i - 20]
        }
        out[i] = flow / traded
      }
      return out
    },
    'mfi(14)'({ high, low, close, volume }) {
      const out = array()
      const flows = array()
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
    'min(20)'({ close }) {
      const out = array()
      for (let i = 19; i < N; i++) {
        let least = close[i]
        for (let n = i - 19; n < i; n++) if (close[n] < least) least = close[n]
        out[i] = least
      }
      return out
    },
    'max(20)'({ close }) {
      const out = array()
      for (let i = 19; i < N; i++) {
        let most = close[i]
        for (let n = i - 19; n < i; n++) if (close[n] > most) most = close[n]
        out[i] = most
      }
      return out
    },
    'std(20)'({ close }) {
      const out = array()
      let mean = 0
      let deviation = 0
      for (let i = 0; i < N; i++) {
        const old = i >= 20 ? close[i - 20] : 0
        const before = mean
        mean += (close[i] - old) / 20
        deviation += (close[i] - old) * (close[i] - mean + old - before)
        out[i] = Math.sqrt(deviation / 20)
      }
      return out
    },
    'zscore(20)'({ close }) {
      const out = array()
      let mean = 0
      let deviation = 0
      for (let i = 0; i < N; i++) {
        const old = i >= 20 ? close[i - 20] : 0
        const before = mean
        mean += (close[i] - old) / 20
        deviation += (close[i] - old) * (close[i] - mean + old - before)
        out[i] = (close[i] - mean) / Math.sqrt(deviation / 20)
      }
      return out
    },
    'linreg(14)'({ close }) {
      const out = array()
      const slopes = array()
      let sum = 0
      let weighted = 0
      for (let i = 0; i < N; i++) {
        weighted += 14 * close[i] - sum
        sum += close[i] - (i >= 14 ? close[i - 14] : 0)
        const slope = (14 * (weighted - sum) - 91 * sum) / (14 * 819 - 91 * 91)
        slopes[i] = slope
        out[i] = (sum - slope * 91) / 14 + slope * 13
      }
      return out
    },
    'correlation(close, open, 20)'({ open, close }) {
      const out = array()
      let [a, b, aa, bb, ab] = [0, 0, 0, 0, 0]
      for (let i = 0; i < N; i++) {
        const x = close[i] - 60_000
        const y = open[i] - 60_000
        a += x
        b += y
        aa += x * x
        bb += y * y
        ab += x * y
        if (i >= 20) {
          const u = close[i - 20] - 60_000
          const v = open[i - 20] - 60_000
          a -= u
          b -= v
          aa -= u * u
          bb -= v * v
          ab -= u * v
        }
        out[i] = (20 * ab - a * b) / Math.sqrt((20 * aa - a * a) * (20 * bb - b * b))
      }
      return out
    },
  }
}
