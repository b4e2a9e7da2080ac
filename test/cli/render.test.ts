import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isoTime } from '../../src/cli/export/rows.ts'
import { intervalHint } from '../../src/cli/interval-hint.ts'
import { addMonths, readRange, readRangeWithLength } from '../../src/cli/range.ts'
import { buildHeatMap, cellGlyph, renderHeatMap } from '../../src/cli/render/heatmap.ts'
import { createStyle, wantsColour } from '../../src/cli/render/style.ts'
import { renderTable } from '../../src/cli/render/table.ts'
import {
  displayWidth,
  formatBytes,
  formatCount,
  formatDuration,
  formatNumber,
  formatPercent,
  printable,
  truncate,
} from '../../src/cli/render/text.ts'
import { formatInstant } from '../../src/cli/render/time.ts'
import { didYouMean, nearest } from '../../src/cli/suggest.ts'
import type { Gap } from '../../src/model/coverage.ts'
import { countOpens } from '../../src/model/interval.ts'
import { DAY, HOUR } from '../../src/model/time.ts'

const plain = createStyle(false)

describe('numbers', () => {
  it('are the shortest text that reads back, and never have an exponent', () => {
    expect(formatNumber(1e-7)).toBe('0.0000001')
    expect(formatNumber(-1.5e-9)).toBe('-0.0000000015')
    expect(formatNumber(1e21)).toBe('1000000000000000000000')
    expect(formatNumber(0.1)).toBe('0.1')
    expect(formatNumber(922337203.6854775)).toBe('922337203.6854775')
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = formatNumber(value)
        expect(text).toMatch(/^-?\d+(\.\d+)?$/)
        expect(Number(text) === value).toBe(true)
      }),
    )
  })

  it('are grouped, sized and timed for people', () => {
    expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567'])
    expect([0, 999, 1000, 12_345, 123_456_789, 5e12].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '12.3 kB',
      '123 MB',
      '5.0 TB',
    ])
    expect([0, 850, 4200, 200_000, 7_500_000, 90 * HOUR].map(formatDuration)).toEqual([
      '0 ms',
      '850 ms',
      '4.2 s',
      '3m 20s',
      '2h 05m',
      '3d 18h',
    ])
  })

  it('are 100 % only when nothing is missing, and 0 % only when everything is', () => {
    expect(formatPercent(999_999, 1_000_000)).toBe('99.99 %')
    expect(formatPercent(1, 1_000_000)).toBe('0.01 %')
    expect([formatPercent(5, 5), formatPercent(0, 5), formatPercent(0, 0), formatPercent(1, 3)]).toEqual([
      '100 %',
      '0 %',
      '-',
      '33.33 %',
    ])
  })
})

describe('times', () => {
  it('show what is not zero', () => {
    expect(formatInstant(Date.UTC(2024, 0, 31, 12))).toBe('2024-01-31 12:00')
    expect(formatInstant(Date.UTC(2024, 0, 31, 12, 0, 5))).toBe('2024-01-31 12:00:05')
    expect(formatInstant(Date.UTC(2024, 0, 31, 12, 0, 5, 7))).toBe('2024-01-31 12:00:05.007')
    expect(formatInstant(undefined)).toBe('-')
  })

  it('keep microseconds in ISO text', () => {
    expect(isoTime(1735689600000)).toBe('2025-01-01T00:00:00Z')
    expect(isoTime(1735689600000.001)).toBe('2025-01-01T00:00:00.000001Z')
    expect(isoTime(1735689600123)).toBe('2025-01-01T00:00:00.123Z')
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e15 }), (micros) => {
        const text = isoTime(micros / 1000)
        const fraction = /\.(\d{3})(\d{3})?Z$/.exec(text)
        expect(Date.parse(text.replace(/(\.\d{3})\d{3}Z$/, '$1Z')) * 1000 + Number(fraction?.[2] ?? 0)).toBe(micros)
      }),
    )
  })

  it('step by calendar months, to the last day where a month is shorter', () => {
    expect(addMonths(Date.UTC(2024, 2, 31, 6), -1)).toBe(Date.UTC(2024, 1, 29, 6))
    expect(addMonths(Date.UTC(2024, 0, 15), -13)).toBe(Date.UTC(2022, 11, 15))
  })

  it('make ranges: half-open from and to, inclusive dates, lengths back or on', () => {
    const now = Date.UTC(2024, 5, 15, 12)
    expect(readRange({ from: '2024-01-01', to: '2024-02-01' })).toEqual({
      from: Date.UTC(2024, 0, 1),
      to: Date.UTC(2024, 1, 1),
    })
    expect(readRange({ startDate: '2024-01-01', endDate: '2024-01-31' })).toEqual({
      from: Date.UTC(2024, 0, 1),
      to: Date.UTC(2024, 1, 1),
    })
    expect(readRange({ endDate: '2024-02' }).to).toBe(Date.UTC(2024, 2, 1))
    expect(readRangeWithLength({ days: '7' }, now)).toEqual({ from: now - 7 * DAY, to: now })
    expect(readRangeWithLength({ days: '7', to: '2024-01-08' }, now)).toEqual({
      from: Date.UTC(2024, 0, 1),
      to: Date.UTC(2024, 0, 8),
    })
    expect(readRangeWithLength({ months: '2', from: '2024-01-01' }, now)).toEqual({
      from: Date.UTC(2024, 0, 1),
      to: Date.UTC(2024, 2, 1),
    })
    expect(readRangeWithLength({ days: '30', from: '2024-06-01' }, now).to).toBe(now)
    expect(() => readRange({ from: '2024-02-01', to: '2024-02-01' })).toThrow(
      'The range is empty: it starts at 2024-02-01T00:00:00Z',
    )
    expect(() => readRange({ from: 'yesterday' })).toThrow('--from: "yesterday" is not a time')
    expect(() => readRange({ from: '2024', startDate: '2024-01-01' })).toThrow('--from and --start-date mean the same')
    expect(() => readRangeWithLength({ days: '0' }, now)).toThrow(
      '--days is "0"; allowed: a whole number of at least 1.',
    )
    expect(() => readRangeWithLength({ days: '1', months: '1' }, now)).toThrow('--days or --months')
    expect(() => readRangeWithLength({ days: '1', from: '2024-01-01', to: '2024-01-05' }, now)).toThrow('one too many')
  })
})

describe('tables', () => {
  it('align by display width, wide letters included, and cut long cells', () => {
    const lines = renderTable(
      [{ title: 'symbol' }, { title: 'rows', align: 'right' }],
      [
        ['币安人生USDT', '5'],
        ['BTCUSDT', '1,234'],
        ['x'.repeat(30), '7'],
      ],
      { maxCell: 12 },
    )
    expect(lines).toEqual(['symbol         rows', '币安人生USDT      5', 'BTCUSDT       1,234', 'xxxxxxxxxxx…      7'])
    expect(new Set(lines.map(displayWidth)).size).toBe(1)
  })

  it('hold no control characters', () => {
    expect(renderTable([{ title: 'a' }], [['\u001b[31mred\nline']])).toEqual(['a', '\ufffd[31mred line'])
    expect(printable('a\u0007b')).toBe('a\ufffdb')
    expect(truncate('abcdef', 4)).toBe('abc…')
  })
})

describe('colour', () => {
  it('is only for terminals, and NO_COLOR has the last word', () => {
    expect(wantsColour({ isTTY: true }, {})).toBe(true)
    expect(wantsColour({}, {})).toBe(false)
    expect(wantsColour({ isTTY: true }, { NO_COLOR: '1' })).toBe(false)
    expect(wantsColour({ isTTY: true }, { TERM: 'dumb' })).toBe(false)
    expect(wantsColour({}, { FORCE_COLOR: '1' })).toBe(true)
    expect(wantsColour({}, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(false)
  })
})

describe('suggestions', () => {
  it('are the nearest words, and none when nothing is near', () => {
    expect(nearest('spto', ['spot', 'usdm'])).toEqual(['spot'])
    expect(nearest('BTCUSD', ['ETHUSDT', 'BTCUSDT', 'BTCUSDC'], 2)).toEqual(['BTCUSDC', 'BTCUSDT'])
    expect(nearest('BTC', ['BTCUSDT', 'ETHUSDT'])).toEqual(['BTCUSDT'])
    expect(nearest('xyz', ['spot'])).toEqual([])
    expect(nearest('7m', ['1M', '1m'])).toEqual(['1m'])
    expect(nearest('7M', ['1m', '1M'])).toEqual(['1M'])
    expect(nearest('', ['spot'])).toEqual([])
    for (const [word, hint] of [
      ...[
        [
          '7m',
          'Nearest are 5m and 15m. 7m can be made of 1m: ticklake indicators --interval 1m --resample 7m, or CandleResampler.',
        ],
      ],
      ...[
        [
          '45m',
          'Nearest are 30m and 1h. 45m can be made of 15m: ticklake indicators --interval 15m --resample 45m, or CandleResampler.',
        ],
      ],
      ...[
        [
          '90 minutes',
          'Nearest are 1h and 2h. 90m can be made of 30m: ticklake indicators --interval 30m --resample 90m, or CandleResampler.',
        ],
      ],
      ...[
        [
          '10s',
          'Nearest are 1s and 1m. 10s can be made of 1s: ticklake indicators --interval 1s --resample 10s, or CandleResampler.',
        ],
      ],
      ...[
        [
          '3M',
          'Nearest is 1M. 3M can be made of 1M: ticklake indicators --interval 1M --resample 3M, or CandleResampler.',
        ],
      ],
      ...[
        [
          '2w',
          'Nearest are 1w and 1M. 2w can be made of 1w: ticklake indicators --interval 1w --resample 2w, or CandleResampler.',
        ],
      ],
      ...[
        ['60s', 'Did you mean 1m?'],
        ['5min', 'Did you mean 5m?'],
        ['60min', 'Did you mean 1h?'],
        ['240m', 'Did you mean 4h?'],
      ],
      ...[
        ['1Day', 'Did you mean 1d?'],
        ['24h', 'Did you mean 1d?'],
        ['7d', 'Did you mean 1w?'],
        ['30d', 'Did you mean 1M?'],
      ],
      ...[
        ['4H', 'Did you mean 4h?'],
        ['MONTH', 'Did you mean 1M?'],
        ['1M0', 'Did you mean 1M?'],
        ['0m', 'Did you mean 1m?'],
      ],
    ] as const)
      expect(intervalHint(word!), word).toBe(` ${hint}`)
    expect(intervalHint('soon')).toBe('')
    expect(didYouMean('dataDri', ['dataDir'])).toBe(' Did you mean dataDir?')
  })
})

describe('the heat map', () => {
  const hour = { interval: '1h' } as const
  const gap = (from: number, to: number, cause: Gap['cause']): Gap => ({
    from,
    to,
    cause,
    checked: ['rest'],
    count: (to - from) / HOUR,
  })
  const day = (d: number) => Date.UTC(2024, 0, d)

  it('has a row per month and a cell per day, shaded by what is there', () => {
    const covered = [{ from: day(2), to: Date.UTC(2024, 1, 3) }]
    const gaps = [
      gap(day(3), day(4), 'unknown'),
      gap(day(5), day(5) + 1 * HOUR, 'archive-defect'),
      gap(day(6), day(6) + 12 * HOUR, 'unknown'),
      gap(day(7), day(7) + 20 * HOUR, 'unknown'),
      gap(day(8), day(8) + 2 * HOUR, 'exchange-outage'),
    ]
    const map = buildHeatMap(hour, covered, gaps)
    expect(map.unit).toBe('day')
    expect(map.rows.map((row) => row.label)).toEqual(['2024-01', '2024-02'])
    expect(map.rows[0]!.cells).toHaveLength(31)
    expect(map.rows[0]!.cells.map(cellGlyph).join('')).toBe(` █·█▓▒░o${'█'.repeat(23)}`)
    expect(map.rows[1]!.cells.map(cellGlyph).join('')).toBe(`██${' '.repeat(27)}`)
    const lines = renderHeatMap(map, plain)
    expect(lines[0]).toBe('         1   5    10   15   20   25   30')
    expect(lines[1]).toBe(`2024-01   █·█▓▒░o${'█'.repeat(23)}`)
    expect(lines.at(-1)).toBe(
      '         one cell is a day: █ complete, o some never published by the exchange, ▓▒░ some missing (▒ over 5 %, ░ over half), · all missing',
    )
    expect(lines.join('')).not.toContain('\u001b')
  })

  it('has a row per year and a cell per week for long series, and shows what was never asked for as missing', () => {
    const covered = [
      { from: Date.UTC(2020, 5, 1), to: Date.UTC(2021, 0, 1) },
      { from: Date.UTC(2022, 0, 1), to: Date.UTC(2024, 0, 1) },
    ]
    const map = buildHeatMap({ interval: '1d' }, covered, [])
    expect(map.unit).toBe('week')
    expect(map.rows.map((row) => row.label)).toEqual(['2020', '2021', '2022', '2023'])
    expect(map.rows.every((row) => row.cells.length === 53)).toBe(true)
    expect(map.rows[1]!.cells.map(cellGlyph).join('')).toBe('·'.repeat(53))
    expect(map.rows[2]!.cells.map(cellGlyph).join('')).toBe('█'.repeat(53))
    expect(renderHeatMap(map, plain)[0]).toBe('      Jan Feb Mar Apr  May Jun Jul  Aug Sep  Oct Nov Dec')
  })

  it('fills the cells inside a candle that is longer than a cell', () => {
    const map = buildHeatMap({ interval: '1w' }, [{ from: day(1), to: day(29) }], [])
    expect(map.rows[0]!.cells.map(cellGlyph).join('')).toBe(`${'█'.repeat(28)}   `)
  })

  it('counts every candle exactly once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 1, max: 2000 }), (start, length) => {
        const range = { from: day(1) + start * HOUR, to: day(1) + (start + length) * HOUR }
        const map = buildHeatMap(hour, [range], [])
        const sum = map.rows.flatMap((row) => row.cells).reduce((total, cell) => total + cell.expected, 0)
        expect(sum).toBe(countOpens(hour, range))
      }),
    )
  })

  it('is empty for a series that holds nothing', () => {
    expect(renderHeatMap(buildHeatMap(hour, [], []), plain)).toEqual([])
  })

  it('is painted on a terminal', () => {
    const map = buildHeatMap(hour, [{ from: day(1), to: day(3) }], [gap(day(2), day(3), 'unknown')])
    const text = renderHeatMap(map, createStyle(true)).join('\n')
    expect(text).toContain('\u001b[32m█\u001b[39m')
    expect(text).toContain('\u001b[31m·\u001b[39m')
  })
})
