import { describe, expect, it } from 'vitest'
import { BookSync, type BookSyncOptions } from '../../src/book/index.ts'
import type { Market } from '../../src/model/series.ts'
import { delta, quote, snapshot } from './market.ts'

function start(market: Market, options: Partial<BookSyncOptions> = {}) {
  const log: string[] = []
  const wishes: { reason: string; attempt: number }[] = []
  const sync = new BookSync(
    { market, symbol: 'BTCUSDT', tickSize: '0.1', ...options },
    {
      needSnapshot: ({ reason, attempt }) => {
        wishes.push({ reason, attempt })
        log.push(`need ${reason}`)
      },
      stateChange: ({ from, to, reason }) => log.push(`${from}→${to} ${reason}`),
      adopted: (record) => log.push(`adopted ${record.lastUpdateId}`),
      refreshed: (record) => log.push(`refreshed ${record.lastUpdateId}`),
      applied: (record) => log.push(`applied ${record.lastUpdateId}`),
      oddity: ({ type }) => log.push(`odd ${type}`),
    },
  )
  return { sync, log, wishes }
}

/** A book that is synced at update 100: bid 100, ask 101. */
function synced(market: Market, options: Partial<BookSyncOptions> = {}) {
  const made = start(market, options)
  made.sync.delta(market === 'spot' ? delta(market, [95, 100]) : delta(market, [95, 100, 94]))
  made.sync.snapshot(snapshot(market, 100))
  expect(made.sync.state).toBe('synced')
  made.log.length = 0
  made.wishes.length = 0
  return made
}

describe('a spot book', () => {
  it('buffers, bridges and follows', () => {
    const { sync, log } = start('spot')
    sync.delta(delta('spot', [90, 99], [1, 1]))
    sync.delta(delta('spot', [100, 102], [99, 2]))
    sync.delta(delta('spot', [103, 104], [98, 3]))
    expect(sync.state).toBe('syncing')
    sync.snapshot(snapshot('spot', 101))
    sync.delta(delta('spot', [105, 105], [100, 0]))
    expect(log).toEqual([
      'need start',
      'adopted 101',
      'applied 102',
      'applied 104',
      'syncing→synced bridged',
      'applied 105',
    ])
    expect(sync.book.levels()).toEqual({ bids: [99, 2, 98, 3], asks: [101, 1] })
    expect(sync.lastUpdateId).toBe(105)
    expect(sync.stats(200)).toMatchObject({ applied: 3, duplicates: 1, snapshots: { wished: 1, adopted: 1 } })
  })

  it('takes a snapshot that ends just before the first event begins', () => {
    const { sync } = start('spot')
    sync.delta(delta('spot', [101, 102], [99, 2]))
    sync.snapshot(snapshot('spot', 100))
    expect(sync.state).toBe('synced')
    expect(sync.lastUpdateId).toBe(102)
  })

  it('asks again for a snapshot that is older than the first event', () => {
    const { sync, wishes } = start('spot')
    sync.delta(delta('spot', [101, 102]))
    sync.snapshot(snapshot('spot', 99))
    expect(sync.state).toBe('syncing')
    expect(sync.book.levelCount('bid')).toBe(0)
    sync.snapshot(snapshot('spot', 98))
    expect(wishes).toEqual([
      { reason: 'start', attempt: 1 },
      { reason: 'snapshot-too-old', attempt: 2 },
      { reason: 'snapshot-too-old', attempt: 3 },
    ])
    sync.snapshot(snapshot('spot', 102))
    expect(sync.state).toBe('synced')
  })

  it('waits for the events when the snapshot is much newer', () => {
    const { sync } = start('spot')
    sync.delta(delta('spot', [1, 2]))
    sync.snapshot(snapshot('spot', 50))
    expect(sync.state).toBe('syncing')
    sync.delta(delta('spot', [3, 49], [7, 7]))
    expect(sync.state).toBe('syncing')
    sync.delta(delta('spot', [50, 51], [99, 1]))
    expect(sync.state).toBe('synced')
    expect(sync.book.levels().bids).toEqual([100, 1, 99, 1])
  })

  it('goes stale at a gap and keeps its levels to be read', () => {
    const { sync, log } = synced('spot')
    sync.delta(delta('spot', [102, 103], [99, 1]))
    expect(log).toEqual(['odd gap', 'synced→stale gap', 'need gap'])
    expect(sync.book.bestBid).toBe(100)
    expect(sync.toSnapshot(1)).toBeUndefined()
    sync.snapshot(snapshot('spot', 102, [100, 5]))
    expect(sync.state).toBe('synced')
    expect(sync.book.levels().bids).toEqual([100, 5, 99, 1])
    expect(sync.stats(110)).toMatchObject({ resyncs: { gap: 1 }, state: 'synced', lastUpdateId: 103 })
  })

  it('ignores what a second connection sends again, and takes what overlaps', () => {
    const { sync, log } = synced('spot')
    const next = delta('spot', [101, 104], [99, 1])
    sync.delta(next)
    sync.delta(next)
    sync.delta(delta('spot', [103, 106], [98, 1]))
    sync.delta(delta('spot', [105, 106], [98, 1]))
    expect(sync.state).toBe('synced')
    expect(log).toEqual(['applied 104', 'odd overlap', 'applied 106'])
    expect(sync.stats(110)).toMatchObject({ duplicates: 3, overlaps: 1, applied: 2 })
  })

  it('goes stale when an update crosses it', () => {
    const { sync, log } = synced('spot')
    sync.delta(delta('spot', [101, 101], [101, 1]))
    expect(log).toEqual(['odd crossed', 'synced→stale crossed', 'need crossed'])
    // A snapshot from before the crossing would forget it.
    sync.snapshot(snapshot('spot', 100))
    expect(sync.state).toBe('stale')
    sync.snapshot(snapshot('spot', 101))
    expect(sync.state).toBe('synced')
  })

  it('does not take a bid and an ask that change places within one update for a crossing', () => {
    const { sync } = synced('spot')
    sync.delta(delta('spot', [101, 101], [101, 1, 100, 0], [101, 0, 102, 1]))
    expect(sync.state).toBe('synced')
  })

  it.each([
    ['a price of -1', delta('spot', [101, 101], [-1, 1])],
    ['a quantity that is no number', delta('spot', [101, 101], [], [101, Number.NaN])],
    ['ids that fall', delta('spot', [102, 101])],
    ['ids that are no whole numbers', delta('spot', [101, 101.5])],
    ['ids beyond what a number holds', delta('spot', [101, 2 ** 53])],
    ['no id', delta('spot', [101, Number.NaN])],
  ])('goes stale at %s', (_, bad) => {
    const { sync, log } = synced('spot')
    sync.delta(bad)
    expect(log).toEqual(['odd bad-update', 'synced→stale bad-update', 'need bad-update'])
    sync.delta(delta('spot', [102, 103]))
    sync.snapshot(snapshot('spot', 103))
    expect(sync.state).toBe('synced')
  })

  it('takes no notice of records of another book, but says so', () => {
    const { sync, log } = synced('spot')
    sync.delta({ ...delta('spot', [101, 101], [1, 1]), symbol: 'ETHUSDT' })
    sync.delta(delta('usdm', [101, 101, 100], [1, 1]))
    expect(sync.lastUpdateId).toBe(100)
    expect(log).toEqual(['odd foreign', 'odd foreign'])
    expect(sync.stats(100).foreign).toBe(2)
  })

  it('refuses a snapshot that is crossed or impossible, and keeps its levels', () => {
    const { sync, log } = synced('spot')
    sync.delta(delta('spot', [103, 104]))
    log.length = 0
    sync.snapshot(snapshot('spot', 104, [101, 1], [100, 1]))
    sync.snapshot(snapshot('spot', 104, [-5, 1]))
    sync.snapshot(snapshot('spot', 104, [100, Number.NaN]))
    sync.snapshot(snapshot('spot', 104.5))
    expect(log).toEqual(Array(4).fill(['odd bad-snapshot', 'need snapshot-bad']).flat())
    expect(sync.book.bestBid).toBe(100)
    sync.snapshot(snapshot('spot', 104))
    expect(sync.state).toBe('synced')
  })

  it('takes a snapshot that is there before the first event once the stream is subscribed', () => {
    const { sync, log } = start('spot')
    sync.connected(99)
    sync.snapshot(snapshot('spot', 100))
    sync.delta(delta('spot', [99, 102], [99, 1]))
    expect(log).toEqual(['adopted 100', 'applied 102', 'syncing→synced bridged'])
  })

  it('leaves a snapshot that nobody asked for', () => {
    const { sync } = start('spot')
    sync.snapshot(snapshot('spot', 100))
    expect(sync.state).toBe('syncing')
    expect(sync.stats(1).snapshots.unused).toBe(1)
    const other = synced('spot')
    other.sync.snapshot(snapshot('spot', 50, [1, 1]))
    expect(other.sync.book.bestBid).toBe(100)
  })

  it('keeps ids beyond 2^53 exact', () => {
    const big = 2n ** 53n
    const { sync } = start('spot')
    sync.delta(delta('spot', [2 ** 53 - 1, big + 1n]))
    sync.snapshot(snapshot('spot', 2 ** 53 - 2))
    expect(sync.state).toBe('synced')
    sync.delta(delta('spot', [big + 2n, big + 3n]))
    expect(sync.lastUpdateId).toBe(big + 3n)
    // As numbers, 2^53 + 4 and + 5 are the same.
    sync.delta(delta('spot', [big + 5n, big + 6n]))
    expect(sync.state).toBe('stale')
  })

  it('starts again when the exchange counts anew', () => {
    const { sync, log } = synced('spot')
    for (let id = 1; id <= 200; id++)
      sync.delta(
        delta('spot', [id - 200, id - 200 + 220].map((n) => (n < 1 ? 1 : n > 100 ? 100 : n)) as [number, number]),
      )
    expect(sync.state).toBe('stale')
    expect(log).toEqual(['odd gap', 'synced→stale gap', 'need gap'])
  })
})

describe('a futures book', () => {
  it('bridges by range, with ids that jump', () => {
    const { sync } = start('usdm')
    sync.delta(delta('usdm', [80, 90, 70]))
    sync.delta(delta('usdm', [95, 110, 90], [99, 1]))
    sync.delta(delta('usdm', [150, 160, 110], [98, 1]))
    sync.snapshot(snapshot('usdm', 100))
    expect(sync.state).toBe('synced')
    expect(sync.lastUpdateId).toBe(160)
  })

  it('bridges an event that only chains by pu', () => {
    const { sync } = start('usdm')
    sync.delta(delta('usdm', [150, 160, 100], [99, 1]))
    sync.snapshot(snapshot('usdm', 100))
    expect(sync.state).toBe('synced')
    expect(sync.book.levels().bids).toEqual([100, 1, 99, 1])
  })

  it('bridges a snapshot whose id lies between two events: nothing of the symbol happened there', () => {
    const { sync } = start('usdm')
    sync.delta(delta('usdm', [80, 90, 70]))
    sync.delta(delta('usdm', [150, 160, 90], [99, 1]))
    sync.snapshot(snapshot('usdm', 120))
    expect(sync.state).toBe('synced')
  })

  it('asks again for a snapshot from before the first event', () => {
    const { sync, wishes } = start('usdm')
    sync.delta(delta('usdm', [150, 160, 100]))
    sync.snapshot(snapshot('usdm', 99))
    expect(wishes.map((wish) => wish.reason)).toEqual(['start', 'snapshot-too-old'])
  })

  it('goes stale when pu is not the last u, whatever U says', () => {
    const { sync, log } = synced('usdm')
    sync.delta(delta('usdm', [101, 120, 110]))
    expect(log).toEqual(['odd gap', 'synced→stale gap', 'need gap'])
  })

  it('goes stale without a pu', () => {
    const { sync, log } = synced('usdm')
    sync.delta(delta('usdm', [101, 120]))
    expect(log).toEqual(['odd bad-update', 'synced→stale bad-update', 'need bad-update'])
  })

  it('takes a book that never had an update (-1) and any first event', () => {
    const { sync } = start('usdm')
    sync.connected(0)
    sync.tick(5000)
    sync.snapshot(snapshot('usdm', -1, [], []), 5000)
    sync.tick(9000)
    expect(sync.state).toBe('synced')
    expect(sync.book.bestBid).toBeNaN()
    sync.delta(delta('usdm', [700, 710, 650], [100, 1], [101, 1]), 9100)
    expect(sync.state).toBe('synced')
    expect(sync.book.mid).toBe(100.5)
    sync.delta(delta('usdm', [720, 730, 711]), 9200)
    expect(sync.state).toBe('stale')
  })
})

describe('a quiet market', () => {
  it('is synced by its snapshot alone, and still checks the first event that comes', () => {
    const { sync, log } = start('spot')
    sync.connected(0)
    sync.tick(2999)
    expect(log).toEqual([])
    sync.tick(3000)
    sync.snapshot(snapshot('spot', 100), 3500)
    sync.tick(6499)
    expect(sync.state).toBe('syncing')
    sync.tick(6500)
    expect(log).toEqual(['need quiet', 'adopted 100', 'syncing→synced quiet'])
    sync.delta(delta('spot', [102, 102]), 60_000)
    expect(sync.state).toBe('stale')
  })
})

describe('a lost connection', () => {
  it('makes the book stale, and right again at once when nothing was missed', () => {
    const { sync, log } = synced('spot')
    sync.disconnected('cut', 101)
    sync.delta(delta('spot', [99, 100]), 200)
    expect(sync.state).toBe('stale')
    sync.delta(delta('spot', [101, 102], [99, 1]), 201)
    expect(log).toEqual(['synced→stale disconnected', 'applied 102', 'stale→synced resumed'])
    expect(sync.stats(301)).toMatchObject({ resyncs: { disconnected: 1 }, staleMs: 100 })
  })

  it('needs a snapshot when something was missed', () => {
    const { sync, log } = synced('usdm')
    sync.disconnected('cut', 101)
    sync.delta(delta('usdm', [130, 140, 120]))
    sync.delta(delta('usdm', [150, 160, 140]))
    sync.snapshot(snapshot('usdm', 125))
    expect(log.filter((line) => !line.startsWith('applied'))).toEqual([
      'synced→stale disconnected',
      'need disconnected',
      'adopted 125',
      'stale→synced bridged',
    ])
    expect(sync.lastUpdateId).toBe(160)
  })

  it('forgets what was buffered, and takes no snapshot from before it', () => {
    const { sync, log } = start('spot')
    sync.delta(delta('spot', [90, 95]))
    sync.disconnected('cut', 96)
    sync.snapshot(snapshot('spot', 93))
    expect(sync.stats(96)).toMatchObject({ snapshots: { unused: 1 }, dropped: 1, buffered: 0 })
    sync.delta(delta('spot', [100, 101]))
    sync.snapshot(snapshot('spot', 98))
    sync.snapshot(snapshot('spot', 100))
    expect(sync.state).toBe('synced')
    expect(log).toEqual([
      'need start',
      'need start',
      'need snapshot-too-old',
      'adopted 100',
      'applied 101',
      'syncing→synced bridged',
    ])
  })

  it('does not trust a snapshot that goes back behind what was seen', () => {
    const { sync } = synced('spot')
    sync.disconnected('cut', 101)
    sync.connected(102)
    sync.tick(10_000)
    sync.snapshot(snapshot('spot', 90), 10_100)
    sync.tick(20_000)
    expect(sync.state).toBe('stale')
    sync.snapshot(snapshot('spot', 100), 20_100)
    expect(sync.state).toBe('synced')
  })
})

describe('the buffer', () => {
  it('gives up what came before a gap', () => {
    const { sync, log } = start('spot')
    sync.delta(delta('spot', [1, 2]))
    sync.delta(delta('spot', [3, 4]))
    sync.delta(delta('spot', [10, 12]))
    sync.snapshot(snapshot('spot', 3))
    expect(sync.state).toBe('syncing')
    sync.snapshot(snapshot('spot', 10))
    expect(sync.state).toBe('synced')
    expect(log.filter((line) => line.startsWith('odd'))).toEqual(['odd gap'])
    expect(sync.stats(20).dropped).toBe(2)
  })

  it('is bounded by updates: the oldest go, and the snapshot must be newer', () => {
    const { sync } = start('spot', { maxBufferedUpdates: 3 })
    for (let id = 1; id <= 10; id++) sync.delta(delta('spot', [id, id]))
    expect(sync.stats(10)).toMatchObject({ buffered: 3, dropped: 7 })
    sync.snapshot(snapshot('spot', 5))
    expect(sync.state).toBe('syncing')
    sync.snapshot(snapshot('spot', 7))
    expect(sync.state).toBe('synced')
    expect(sync.lastUpdateId).toBe(10)
  })

  it('is bounded by level changes', () => {
    const { sync } = start('spot', { maxBufferedChanges: 5 })
    for (let id = 1; id <= 10; id++) sync.delta(delta('spot', [id, id], [1, 1, 2, 1]))
    expect(sync.stats(10)).toMatchObject({ buffered: 2, dropped: 8 })
  })
})

describe('a wish for a snapshot', () => {
  it('is repeated when no answer comes', () => {
    const { sync, wishes } = start('spot', { snapshotTimeoutMs: 1000 })
    sync.delta(delta('spot', [1, 2]), 0)
    sync.tick(999)
    sync.tick(1000)
    sync.tick(1500)
    expect(wishes).toEqual([
      { reason: 'start', attempt: 1 },
      { reason: 'overdue', attempt: 2 },
    ])
  })

  it('counts its attempts until the book was steady', () => {
    const { sync, wishes } = synced('spot', { steadyMs: 1000 })
    sync.delta(delta('spot', [105, 105]), 200)
    sync.snapshot(snapshot('spot', 105), 300)
    sync.delta(delta('spot', [108, 108]), 400)
    sync.snapshot(snapshot('spot', 108), 500)
    sync.delta(delta('spot', [111, 111]), 1600)
    expect(wishes.map((wish) => wish.attempt)).toEqual([2, 3, 1])
  })
})

describe('the known range', () => {
  it('makes the book stale when the market leaves it: a better level may be hidden', () => {
    const { sync, log } = start('spot', { refreshBelow: 0 })
    sync.delta(delta('spot', [1, 1]))
    sync.snapshot(snapshot('spot', 1, [100, 1, 99, 1], [101, 1], 2))
    sync.delta(delta('spot', [2, 2], [100, 0, 95, 1]))
    expect(sync.state).toBe('synced')
    sync.delta(delta('spot', [3, 3], [99, 0]))
    expect(log.slice(-2)).toEqual(['synced→stale range', 'need range'])
  })

  it('is refreshed before that, while the book stays synced', () => {
    const { sync, log } = start('spot', { refreshBelow: 0.5 })
    sync.delta(delta('spot', [1, 1]))
    sync.snapshot(snapshot('spot', 1, [100, 1, 99, 1, 98, 1], [101, 1], 3))
    sync.delta(delta('spot', [2, 2], [100, 0, 99, 0, 97, 4]))
    expect(log.at(-1)).toBe('need refresh')
    expect(sync.state).toBe('synced')
    // Ahead of the book: waits for the update that it ends with.
    sync.snapshot(snapshot('spot', 4, [98, 1, 97, 4, 96, 1], [101, 1], 3))
    sync.delta(delta('spot', [3, 3], [95, 9]))
    expect(sync.book.knownTo('bid')).toBe(98)
    sync.delta(delta('spot', [4, 5], [96, 1, 97.5, 2]))
    expect(log.slice(-2)).toEqual(['applied 5', 'refreshed 4'])
    expect(sync.state).toBe('synced')
    expect(sync.book.knownTo('bid')).toBe(96)
    expect(sync.book.levels().bids).toEqual([98, 1, 97.5, 2, 97, 4, 96, 1])
  })

  it('shows by a refresh that a book is wrong', () => {
    const { sync, log } = synced('spot')
    sync.refresh(100)
    sync.delta(delta('spot', [101, 101], [99, 1]))
    sync.snapshot(snapshot('spot', 101, [100, 2, 99, 1]))
    expect(log.slice(-3)).toEqual(['odd mismatch', 'synced→stale refresh-mismatch', 'need refresh-mismatch'])
  })

  it('asks again when the snapshot for a refresh is too old', () => {
    const { sync, log } = synced('spot')
    sync.refresh(100)
    sync.snapshot(snapshot('spot', 99))
    sync.delta(delta('spot', [101, 101], [99, 1]))
    sync.snapshot(snapshot('spot', 99))
    sync.snapshot(snapshot('spot', 100))
    expect(log).toEqual([
      'need refresh',
      'need snapshot-too-old',
      'applied 101',
      'need snapshot-too-old',
      'refreshed 100',
    ])
    expect(sync.book.levels().bids).toEqual([100, 1, 99, 1])
  })
})

describe('a snapshot for a refresh whose range the market has left by now', () => {
  it('is not taken: the book keeps the wider range that it knows, and asks again', () => {
    const { sync, log } = start('spot', { refreshBelow: 0 })
    sync.delta(delta('spot', [1, 1]))
    sync.snapshot(snapshot('spot', 1, [100, 1, 99, 1, 98, 1], [101, 1], 3))
    sync.refresh(100)
    sync.delta(delta('spot', [2, 2], [100, 0, 95, 1]))
    sync.snapshot(snapshot('spot', 1, [100, 1], [101, 1], 1))
    expect(log.slice(-2)).toEqual(['applied 2', 'need snapshot-too-old'])
    expect(sync.state).toBe('synced')
    expect([sync.book.bestBid, sync.book.knownTo('bid')]).toEqual([99, 98])
    // The updates since are still there to bridge the next one.
    sync.delta(delta('spot', [3, 3], [97, 3]))
    sync.snapshot(snapshot('spot', 1, [100, 1, 99, 1, 98, 1], [101, 1], 3))
    expect(log.at(-1)).toBe('refreshed 1')
    expect(sync.book.levels().bids).toEqual([99, 1, 98, 1, 97, 3, 95, 1])
  })
})

describe('the top of a book', () => {
  it('is the book until a newer quote comes, and the book again when it has caught up', () => {
    const { sync } = synced('spot')
    expect(sync.top()).toMatchObject({ source: 'book', state: 'synced', bidPrice: 100, askPrice: 101, updateId: 100 })
    sync.quote(quote('spot', 103, [100.5, 7, 101, 1]))
    expect(sync.top()).toMatchObject({ source: 'quote', bidPrice: 100.5, bidQuantity: 7, updateId: 103 })
    sync.quote(quote('spot', 102, [99, 7, 101, 1]))
    expect(sync.top()).toMatchObject({ updateId: 103 })
    sync.delta(delta('spot', [101, 104], [100.5, 8]))
    expect(sync.top()).toMatchObject({ source: 'book', bidQuantity: 8, updateId: 104 })
  })

  it('does not change the levels', () => {
    const { sync } = synced('spot')
    sync.quote(quote('spot', 103, [100.5, 7, 101, 1]))
    expect(sync.book.bestBid).toBe(100)
  })

  it('is a quote while the book is not synced, and says so', () => {
    const { sync } = start('spot')
    expect(sync.top()).toBeUndefined()
    sync.quote(quote('spot', 103, [100.5, 7, 101, 1]))
    expect(sync.top()).toMatchObject({ source: 'quote', state: 'syncing' })
  })

  it.each(['before', 'after'])(
    'makes the book stale when a quote of the same id, come %s the update, differs',
    (when) => {
      const { sync, log } = synced('spot')
      const wrong = quote('spot', 101, [100, 2, 101, 1])
      if (when === 'before') sync.quote(wrong)
      sync.delta(delta('spot', [101, 101], [99, 1]))
      if (when === 'after') sync.quote(wrong)
      expect(log).toEqual(['applied 101', 'odd mismatch', 'synced→stale quote-mismatch', 'need quote-mismatch'])
      expect(sync.stats(1).quotes).toEqual({ checked: 1, mismatched: 1, bad: 0 })
    },
  )

  it('is compared with quotes of the same id and found right', () => {
    const { sync } = synced('spot')
    sync.quote(quote('spot', 100, [100, 1, 101, 1]))
    sync.quote(quote('spot', 101, [100, 1, 101, 4]))
    sync.delta(delta('spot', [101, 101], [], [101, 4]))
    sync.delta(delta('spot', [102, 102], [], [101, 0]))
    sync.quote(quote('spot', 102, [100, 1, 0, 0]))
    expect(sync.state).toBe('synced')
    expect(sync.stats(1).quotes).toEqual({ checked: 3, mismatched: 0, bad: 0 })
  })

  it('is not spoilt by an impossible quote', () => {
    const { sync, log } = synced('spot')
    sync.quote(quote('spot', 101, [102, 1, 101, 1]))
    sync.quote(quote('spot', 102, [Number.NaN, 1, 101, 1]))
    expect(sync.top()).toMatchObject({ source: 'book' })
    expect(log).toEqual(['odd bad-quote', 'odd bad-quote'])
  })

  it('keeps a bounded number of quotes', () => {
    const { sync } = synced('spot')
    for (let id = 101; id < 5000; id++) sync.quote(quote('spot', id, [100, id, 101, 1]))
    sync.delta(delta('spot', [101, 4999], [100, 4999]))
    expect(sync.state).toBe('synced')
    expect(sync.stats(1).quotes.checked).toBe(1)
  })
})

describe('the book as a record', () => {
  it('starts the same book again', () => {
    const { sync } = start('spot')
    sync.delta(delta('spot', [1, 1]))
    sync.snapshot(snapshot('spot', 1, [100, 1, 99, 1], [101, 1], 2))
    sync.delta(delta('spot', [2, 2], [50, 1], [102, 2]))
    const record = sync.toSnapshot(7)!
    // What lies beyond the known range is not in it; the asks, known whole, are cut to the same depth.
    expect(record).toMatchObject({ lastUpdateId: 2, depth: 2, bids: [100, 1, 99, 1], asks: [101, 1, 102, 2], time: 2 })
    const again = start('spot')
    again.sync.delta(delta('spot', [2, 2]))
    again.sync.snapshot(record)
    expect(again.sync.book.differences(sync.book)).toBe(0)
    expect(sync.toSnapshot(7, 1)).toMatchObject({ depth: 1, bids: [100, 1], asks: [101, 1] })
  })

  it('says of a book that is known whole that it is', () => {
    const { sync } = synced('spot')
    expect(sync.toSnapshot(7)).toMatchObject({ depth: 2, bids: [100, 1], asks: [101, 1] })
  })
})
