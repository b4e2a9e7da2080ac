import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Screen } from '../../../src/cli/collect/screen.ts'
import { streamOptions } from '../../../src/cli/collect/settings.ts'
import { newsOfBook, StatusWatch } from '../../../src/cli/collect/watch.ts'
import { newsOfEvent } from '../../../src/cli/collect/words.ts'
import { loadSettings } from '../../../src/cli/config/load.ts'
import { run } from '../../../src/cli/program.ts'
import { createStyle } from '../../../src/cli/render/style.ts'
import { displayWidth } from '../../../src/cli/render/text.ts'
import type { CollectorStatus } from '../../../src/engine/live/collector-report.ts'
import { briefStatus } from '../../../src/engine/live/json.ts'
import type { HoleReport } from '../../../src/engine/live/live-series.ts'
import { LiveSeries } from '../../../src/engine/live/live-series.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts'
import { type TempFolder, tempFolder } from '../../helpers/temp.ts'
import { fakeStream } from '../bin.ts'

const AT = Date.UTC(2026, 0, 31, 12)

/** A collector of so many symbols, of which the last one is in trouble. */
function statusOf(symbols: number, change: Partial<CollectorStatus> = {}): CollectorStatus {
  const names = Array.from({ length: symbols }, (_, i) => `SYM${i}USDT`)
  return {
    at: AT,
    startedAt: AT - 60_000,
    exchange: 'binance',
    dataDir: '/lake',
    channels: names.map((symbol, i) => ({
      key: `usdm/trade/${symbol}`,
      state: i === symbols - 1 ? 'silent' : 'live',
      connection: 1,
      frames: 10 * i,
      lastFrameAt: AT - 250,
    })),
    connections: [],
    counters: {
      ...{ opened: 2, lost: 1, rotated: 0, silent: 1, shutdowns: 0, refused: 0, badFrames: 0, unknownEvents: 0 },
      ...{ refusedFrames: 0, unrouted: 0, holds: 0, unrecorded: 0 },
    },
    series: names.map((symbol) =>
      new LiveSeries({ exchange: 'binance', market: 'usdm', kind: 'trade', symbol }).status(),
    ),
    books: [],
    backfill: { open: 0, requested: 0, filledRecords: 0, failures: 0, lastError: undefined },
    flusher: { flushes: 0, stored: 0, pending: 0, failures: 0, lastError: undefined, lastFlushAt: Number.NaN },
    spool: undefined,
    published: 0,
    ...change,
  }
}

describe('the live screen', () => {
  it('fits the terminal, and shows what is in trouble first when not all fits', () => {
    const screen = new Screen()
    screen.update(briefStatus(statusOf(500)))
    for (const [columns, rows] of [
      [80, 24],
      [40, 10],
      [200, 60],
    ] as const) {
      const lines = screen.lines(columns, rows, createStyle(false))
      expect(lines.length).toBeLessThanOrEqual(rows)
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns)
    }
    const lines = screen.lines(120, 24, createStyle(false))
    expect(lines[3]).toMatch(/^usdm SYM499USDT trade +silent/)
    expect(lines.join('\n')).toMatch(/… and 48\d more streams/)
    expect(lines[0]).toContain('499 of 500 streams live')
  })

  it('shows holes found, filled and open on 80 columns, and what it can do without where there is room', () => {
    const screen = new Screen()
    screen.update(briefStatus(statusOf(2)))
    const titles = (columns: number) => screen.lines(columns, 24, createStyle(false))[2]
    expect(titles(80)).toMatch(/^stream +state +frames\/s +lag +age +records +holes +filled +open$/)
    expect(titles(72)).toMatch(/age +holes +filled +open$/)
    expect(titles(120)).toMatch(/open +gaps +duplicates$/)
  })

  it('counts frames per second between two looks', () => {
    const screen = new Screen()
    screen.update(briefStatus(statusOf(2)))
    const later = statusOf(2, { at: AT + 2000 })
    screen.update(
      briefStatus({ ...later, channels: later.channels.map((one) => ({ ...one, frames: one.frames + 25 })) }),
    )
    const row = screen.lines(120, 24, createStyle(false)).find((line) => line.startsWith('usdm SYM0USDT'))
    expect(row).toMatch(/live +12\.5 +- +2\.3 s/)
  })

  it('can show what came over a socket, where unknown numbers are null', () => {
    const screen = new Screen()
    screen.update(JSON.parse(JSON.stringify(briefStatus(statusOf(1)))))
    expect(screen.lines(120, 24, createStyle(false)).join('\n')).not.toMatch(/NaN|undefined|null/)
  })
})

describe('the news', () => {
  const hole: HoleReport = { first: 7, last: 9, count: 3, from: AT, to: AT, openedAt: AT, filled: 0 }
  const withHoles = (holes: readonly HoleReport[], open: number): CollectorStatus => {
    const status = statusOf(1)
    return {
      ...status,
      series: status.series.map((one) => ({ ...one, holes, holesFound: holes.length, holesOpen: open })),
    }
  }

  it('tell of a hole when it opens and when it ends, once', () => {
    const watch = new StatusWatch()
    const texts = (status: CollectorStatus) => watch.news(status).map(({ text }) => text)
    expect(texts(withHoles([hole], 1))).toEqual(['usdm SYM0USDT trade: 3 records missing (7 to 9); asking REST'])
    expect(texts(withHoles([hole], 1))).toEqual([])
    const filled = { ...hole, filled: 3, closedAt: AT + 400 }
    expect(texts(withHoles([filled], 0))).toEqual(['usdm SYM0USDT trade: 3 of 3 filled after 400 ms'])
    const lost: HoleReport = { ...hole, first: 20, last: 22, closedAt: AT + 100, cause: 'own-outage', note: 'gone' }
    expect(texts(withHoles([filled, lost], 0))).toEqual([
      'usdm SYM0USDT trade: 3 records missing (20 to 22); 0 of 3 filled after 100 ms; the rest is a gap: own-outage, gone',
    ])
    expect(texts(withHoles([filled, lost], 0))).toEqual([])
  })

  it('tell of the disk, and of books', () => {
    const watch = new StatusWatch()
    const spool = { state: 'failing', error: new Error('ENOSPC') } as CollectorStatus['spool']
    expect(watch.news(statusOf(1, { spool })).map(({ text }) => text)).toEqual([
      'the disk does not take records now; they are kept in memory: ENOSPC',
    ])
    const change = {
      market: 'spot',
      symbol: 'BTCUSDT',
      from: 'synced',
      to: 'stale',
      reason: 'gap',
      detail: '',
      at: AT,
    } as const
    expect(newsOfBook(change)).toMatchObject({ text: 'BTCUSDT book: synced → stale (gap)', tone: 'bad' })
  })

  it('never let a server write to the terminal', () => {
    const event = { type: 'unknown-event', at: AT, connection: 1, market: 'spot', event: '\u001b[2J' } as const
    expect(newsOfEvent(event).text).not.toContain('\u001b')
  })
})

describe('a collection on a terminal', () => {
  let sandbox: Sandbox
  let folder: TempFolder
  beforeAll(async () => {
    sandbox = await startSandbox({ tradesPerSecond: 50, seed: 8 })
    folder = await tempFolder('screen')
  })
  afterAll(async () => {
    await folder[Symbol.asyncDispose]()
    await sandbox.close()
  })

  it('takes a terminal that does not know its size for one of 80 by 24', async () => {
    const sizeless = { columns: 0, rows: 0 }
    const stderr = fakeStream(sizeless)
    const args = [
      'collect',
      'BTCUSDT',
      '--kinds',
      'trade,depth,candle',
      '--duration',
      '1s',
      '--endpoint',
      sandbox.endpoint,
      '--data-dir',
      'sizeless',
    ]
    const signal = new AbortController().signal
    await run(args, { stdout: fakeStream(sizeless), stderr, env: {}, cwd: folder.path, signal }, '0.0.0')
    expect(stderr.text()).toMatch(/records in the lake, [\d,]+ waiting/)
  })

  it('is drawn in place, and leaves the terminal as it was', async () => {
    const stdout = fakeStream({ columns: 100, rows: 20 })
    const stderr = fakeStream({ columns: 100, rows: 20 })
    const args = ['collect', 'BTCUSDT', '--kinds', 'trade,depth', '--duration', '2s', '--endpoint', sandbox.endpoint]
    const signal = new AbortController().signal
    const code = await run(args, { stdout, stderr, env: {}, cwd: folder.path, signal }, '0.0.0')
    await new Promise((done) => setImmediate(done))
    expect(code).toBe(0)
    const drawn = stderr.text()
    expect(drawn).toContain('2 of 2 streams live')
    expect(drawn).toMatch(/BTCUSDT +.*synced/)
    expect(drawn.split('\u001b[?25l')).toHaveLength(2)
    const end = drawn.lastIndexOf('\u001b[?25h\u001b[?7h')
    expect(end).toBeGreaterThan(0)
    expect(drawn.slice(end)).toContain('The report is in')
    expect(stdout.text()).toContain('Complete: nothing is missing.')
  })
})

describe('the settings of live connections', () => {
  it('reach the streams', async () => {
    await using empty = await tempFolder('settings')
    const { settings } = await loadSettings({ env: { WS_URL: 'wss://example.test/' }, cwd: empty.path })
    const websocket = { ...settings.websocket, pingInterval: 7_000, autoReconnect: false }
    expect(streamOptions({ ...settings, websocket })).toEqual({
      wsUrl: 'wss://example.test',
      pingIntervalMs: 7_000,
      pingTimeoutMs: 10_000,
      closeTimeoutMs: 5_000,
      maxMessageSize: 10_000_000,
      autoReconnect: false,
      reconnectDelayMs: 1_000,
      maxReconnectDelayMs: 60_000,
    })
  })
})
