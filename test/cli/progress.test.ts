import { describe, expect, it } from 'vitest'
import { Context } from '../../src/cli/context.ts'
import { BarView, seriesBar, totalBar } from '../../src/cli/progress/bars.ts'
import { LineView, reportLine } from '../../src/cli/progress/lines.ts'
import { createProgressView } from '../../src/cli/progress/show.ts'
import { DownloadProgress, fractionOf } from '../../src/cli/progress/state.ts'
import { createVerifyView, VerifyLines } from '../../src/cli/progress/verify.ts'
import { createStyle } from '../../src/cli/render/style.ts'
import { displayWidth } from '../../src/cli/render/text.ts'
import type { DownloadEvent, SeriesReport, VerifyProgress } from '../../src/engine/types.ts'
import type { SeriesId } from '../../src/model/series.ts'
import { fakeStream } from './bin.ts'
import { seriesOf } from './lake.ts'

const BTC = seriesOf('BTCUSDT', '1m')
const ETH = seriesOf('ETHUSDT', '1h', 'usdm')

function report(series: SeriesId, facts: Partial<SeriesReport> = {}): SeriesReport {
  return {
    series,
    from: 0,
    to: 1,
    rows: 1000,
    added: 1000,
    expected: 1000,
    gaps: [],
    unsettled: [],
    defects: 0,
    files: [],
    bytes: 0,
    restRequests: 0,
    complete: true,
    durationMs: 1500,
    ...facts,
  }
}

const plan = (series: SeriesId, facts: Partial<Extract<DownloadEvent, { type: 'plan' }>> = {}): DownloadEvent => ({
  type: 'plan',
  series,
  files: 10,
  bytes: 1000,
  restRequests: 0,
  totalRows: 1000,
  ...facts,
})
const bytes = (series: SeriesId, count: number): DownloadEvent => ({
  type: 'bytes',
  series,
  path: 'x.zip',
  bytes: count,
})
const commit = (series: SeriesId, rows: number): DownloadEvent => ({ type: 'commit', series, rows })

describe('how far a download is', () => {
  it('follows bytes until rows are on disk, and is 1 only when the series is done', () => {
    const progress = new DownloadProgress(1, () => 0)
    const state = progress.apply(plan(BTC))
    expect(fractionOf(state)).toBe(0)
    progress.apply(bytes(BTC, 500))
    expect(fractionOf(state)).toBeCloseTo(0.485)
    progress.apply(commit(BTC, 900))
    expect(fractionOf(state)).toBeCloseTo(0.9)
    progress.apply(commit(BTC, 100))
    expect(fractionOf(state)).toBe(0.99)
    progress.apply({ type: 'done', series: BTC, report: report(BTC) })
    expect(fractionOf(state)).toBe(1)
    expect(progress.totals()).toMatchObject({ done: 1, series: 1, fraction: 1, rows: 1000, bytes: 500, etaMs: 0 })
  })

  it('counts pages of REST, and never runs past the end', () => {
    const progress = new DownloadProgress(1, () => 0)
    const state = progress.apply(plan(BTC, { files: 0, bytes: 0, restRequests: 1, totalRows: 400 }))
    progress.apply({ type: 'rest', series: BTC, rows: 200 })
    expect(fractionOf(state)).toBeCloseTo(0.485)
    progress.apply({ type: 'rest', series: BTC, rows: 900 })
    progress.apply(commit(BTC, 5000))
    expect(fractionOf(state)).toBe(0.99)
  })

  it('tells rate and time left from the last seconds, and nothing before there is something to go by', () => {
    let now = 0
    const progress = new DownloadProgress(2, () => now)
    progress.apply(plan(BTC))
    expect(progress.totals().etaMs).toBeUndefined()
    for (let i = 1; i <= 5; i++) {
      now = i * 1000
      progress.apply(bytes(BTC, 100))
      progress.apply(commit(BTC, 100))
    }
    const totals = progress.totals()
    expect(totals.fraction).toBeCloseTo(0.25, 1)
    expect(totals.bytesPerSecond).toBeCloseTo(100, 0)
    expect(totals.etaMs! / 1000).toBeGreaterThan(10)
    expect(totals.etaMs! / 1000).toBeLessThan(20)
  })
})

describe('plain lines', () => {
  it('tell start, plan, tenths and end, and hold no control characters', () => {
    const lines: string[] = []
    let now = 0
    const view = new LineView(
      (line) => lines.push(line),
      2,
      () => now,
    )
    view.event(plan(BTC))
    view.event(plan(ETH, { files: 0, bytes: 0, restRequests: 3 }))
    now = 2000
    view.event(commit(BTC, 400))
    view.event({ type: 'done', series: BTC, report: report(BTC) })
    view.event({ type: 'done', series: ETH, report: report(ETH, { rows: 990, complete: false }) })
    view.close()
    expect(lines[0]).toBe('downloading 2 series')
    expect(lines[1]).toBe('BTCUSDT 1m: fetching 10 archive files, 1.0 kB')
    expect(lines[2]).toBe('usdm ETHUSDT 1h: fetching 3 REST requests')
    expect(lines[3]).toMatch(/^20 %: 0 of 2 series, 400 rows stored, /)
    expect(lines).toContain('BTCUSDT 1m: 1,000 rows (1,000 new), complete, in 1.5 s')
    expect(lines.at(-1)).toBe('usdm ETHUSDT 1h: 990 rows (1,000 new), INCOMPLETE (10 missing), in 1.5 s')
    expect(lines.join('')).not.toMatch(/\p{Cc}/u)
  })

  it('come every few seconds when little happens, not with every event', () => {
    const lines: string[] = []
    let now = 0
    const view = new LineView(
      (line) => lines.push(line),
      50,
      () => now,
    )
    for (let i = 0; i < 200; i++) {
      now += 100
      view.event(bytes(BTC, 1))
    }
    expect(lines).toHaveLength(1 + 4)
  })

  it('say why a series failed', () => {
    expect(reportLine(report(BTC, { error: 'disk full', complete: false }))).toContain('failed: disk full')
    expect(reportLine(report(BTC, { rows: 990 }))).toContain('complete (10 candles never published)')
    const open = reportLine(report(BTC, { complete: false, expected: 1000, rows: 1000 }))
    expect(open).toContain('INCOMPLETE, in')
  })

  it('tell of events that REST is asked for, though nobody knows how often', () => {
    const lines: string[] = []
    const view = new LineView((line) => lines.push(line), 1)
    const none = { files: 0, bytes: 0, restRequests: 0 }
    view.event(plan(BTC, { ...none, asksRest: true }))
    view.event(plan(BTC, none))
    view.close()
    expect(lines.slice(1)).toEqual(['BTCUSDT 1m: fetching from REST', 'BTCUSDT 1m: nothing to fetch'])
  })
})

describe('bars', () => {
  const style = createStyle(false)

  it('never pass the width of the terminal', () => {
    const progress = new DownloadProgress(1, () => 0)
    const state = progress.apply(
      plan(seriesOf('币安人生币安人生币安人生USDT', '15m', 'usdm'), { totalRows: 99_999_999 }),
    )
    progress.apply(commit(state.series, 12_345_678))
    progress.apply(bytes(state.series, 999_999_999))
    for (const width of [60, 80, 100, 200]) {
      expect(displayWidth(seriesBar(state, width, style))).toBeLessThanOrEqual(width)
      expect(displayWidth(totalBar(progress.totals(), width, style))).toBeLessThanOrEqual(width)
    }
    progress.apply({
      type: 'retry',
      series: state.series,
      what: 'x',
      attempt: 1,
      delayMs: 10,
      error: 'HTTP 503 '.repeat(30),
    })
    expect(displayWidth(seriesBar(state, 80, style))).toBeLessThanOrEqual(80)
    expect(seriesBar(state, 80, style)).toContain('try 2: HTTP 503')
  })

  function terminalContext() {
    const stderr = fakeStream({ columns: 100, rows: 24 })
    const io = { stdout: fakeStream(), stderr, env: {}, cwd: '/', signal: new AbortController().signal }
    return { stderr, context: new Context(io, {}) }
  }

  it('are drawn on a terminal, a bounded number of them, and leave the cursor visible', async () => {
    const { stderr, context } = terminalContext()
    const view = await createProgressView(context, 40)
    expect(view).toBeInstanceOf(BarView)
    for (let i = 0; i < 40; i++) view.event(plan(seriesOf(`C${i}USDT`, '1m')))
    context.say('a line between')
    view.event({
      type: 'done',
      series: seriesOf('C0USDT', '1m'),
      report: report(seriesOf('C0USDT', '1m'), { error: 'gone' }),
    })
    await expect.poll(() => stderr.text()).toContain('1 of 40 series')
    view.close()
    await new Promise((done) => setImmediate(done))
    const text = stderr.text()
    const labels = new Set([...text.matchAll(/C(\d+)USDT 1m +[█░]/g)].map((match) => match[1]))
    expect(labels.size).toBeLessThanOrEqual(9)
    expect(text).toContain('a line between')
    expect(text).toContain('C0USDT 1m: 1,000 rows (1,000 new), failed: gone')
    expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'))
  })

  it('are not drawn elsewhere: plain lines, or nothing with --quiet', async () => {
    const stderr = fakeStream()
    const io = { stdout: fakeStream(), stderr, env: {}, cwd: '/', signal: new AbortController().signal }
    expect(await createProgressView(new Context(io, {}), 1)).toBeInstanceOf(LineView)
    const before = stderr.text()
    const quiet = await createProgressView(new Context(io, { quiet: true }), 1)
    quiet.event(plan(BTC))
    quiet.close()
    expect(stderr.text()).toBe(before)
    const dumb = Object.assign(fakeStream({ columns: 80, rows: 24 }))
    expect(await createProgressView(new Context({ ...io, stderr: dumb, env: { TERM: 'dumb' } }, {}), 1)).toBeInstanceOf(
      LineView,
    )
  })
})

describe('a check of the lake', () => {
  const at = (doing: string, done: number): VerifyProgress => ({ series: BTC, doing, done, total: 306_720 })

  it('tells in lines what it looks at, once a second at most', () => {
    const lines: string[] = []
    let now = 0
    const view = new VerifyLines(
      (line) => void lines.push(line),
      [BTC, ETH],
      () => now,
    )
    for (now = 0; now < 3000; now += 100) view.progress(at('REST', now * 100))
    view.progress({ ...at('files', 3), total: 7 })
    expect(lines).toEqual([
      'checking 2 series',
      'BTCUSDT 1m: REST: 100,000 of 306,720 candles',
      'BTCUSDT 1m: REST: 200,000 of 306,720 candles',
      'BTCUSDT 1m: 3 of 7 files',
    ])
  })

  it('draws it on a terminal', async () => {
    const stderr = fakeStream({ columns: 160, rows: 24 })
    const io = { stdout: fakeStream(), stderr, env: {}, cwd: '/', signal: new AbortController().signal }
    const view = await createVerifyView(new Context(io, {}), [BTC, ETH])
    view.progress(at('REST', 45_000))
    await expect.poll(() => stderr.text()).toContain('REST: 45,000 of 306,720 candles; 0 of 2 series')
    view.close()
  })
})
