import type { KnownGap } from '../exchange.ts'

/** What Binance, or one who asked it, said of a stretch. */
interface Reason {
  readonly cause: KnownGap['cause']
  readonly note: string
}

const STOOD_STILL: Reason = { cause: 'exchange-outage', note: 'no pair traded' }
const UPGRADE: Reason = { cause: 'maintenance', note: 'announced system upgrade' }
const REPORTED: Reason = { cause: 'maintenance', note: 'system upgrade, as third parties reported' }
const MAINTENANCE: Reason = { cause: 'maintenance', note: 'system maintenance, as Binance said afterwards' }

/**
 * Stretches in which no spot pair has a candle: the first minute without one, and the first with one again. Each shows
 * in the recorded candles of several pairs. `maintenance` stands only where Binance named it so (binance-public-data,
 * issues 28, 84 and 169; ccxt, issue 5026; Binance's blog on 2023-03-24); nobody knows of the others why. Two rest on
 * third parties alone, whom a public study cites for them: 2021-08-13 on a news site (bitnoticias.com.br, "exchange Binance
 * realiza atualização e trava negociações por no mínimo 4 horas"), 2021-09-29 on a notice of a trading bot's maker
 * (help.bituniverse.org/announcements/2021-09-29). Binance's own announcements of these were not found.
 */
const SPOT: readonly (readonly [from: string, to: string, reason: Reason])[] = [
  ['2017-09-06T16:00', '2017-09-06T23:00', STOOD_STILL],
  ['2017-12-18T12:15', '2017-12-18T13:30', STOOD_STILL],
  ['2018-01-04T03:00', '2018-01-04T05:00', STOOD_STILL],
  ['2018-02-08T00:29', '2018-02-09T09:59', { cause: 'exchange-outage', note: 'a database had fallen out of step' }],
  ['2018-06-26T02:00', '2018-06-26T12:00', STOOD_STILL],
  ['2018-07-04T00:23', '2018-07-04T08:00', STOOD_STILL],
  ['2018-10-19T06:00', '2018-10-19T09:00', STOOD_STILL],
  ['2018-11-14T02:00', '2018-11-14T09:00', STOOD_STILL],
  ['2019-03-12T02:00', '2019-03-12T08:00', UPGRADE],
  ['2019-05-15T03:00', '2019-05-15T13:00', STOOD_STILL],
  ['2019-06-07T21:14', '2019-06-07T22:15', STOOD_STILL],
  ['2019-08-15T02:00', '2019-08-15T10:00', STOOD_STILL],
  ['2019-11-13T02:00', '2019-11-13T04:20', STOOD_STILL],
  ['2019-11-13T05:30', '2019-11-13T05:33', STOOD_STILL],
  ['2019-11-25T02:00', '2019-11-25T04:00', STOOD_STILL],
  ['2020-02-09T02:00', '2020-02-09T03:00', STOOD_STILL],
  ['2020-02-19T11:36', '2020-02-19T17:30', MAINTENANCE],
  ['2020-03-04T09:22', '2020-03-04T11:30', STOOD_STILL],
  ['2020-04-25T02:00', '2020-04-25T04:30', STOOD_STILL],
  ['2020-06-28T02:00', '2020-06-28T05:30', STOOD_STILL],
  ['2020-11-30T06:00', '2020-11-30T07:00', STOOD_STILL],
  ['2020-12-21T13:48', '2020-12-21T18:00', STOOD_STILL],
  ['2020-12-25T02:00', '2020-12-25T03:00', STOOD_STILL],
  ['2021-02-11T03:41', '2021-02-11T05:00', STOOD_STILL],
  ['2021-03-06T02:00', '2021-03-06T03:30', STOOD_STILL],
  ['2021-04-20T02:00', '2021-04-20T04:30', STOOD_STILL],
  ['2021-04-25T04:01', '2021-04-25T08:45', UPGRADE],
  ['2021-08-13T02:00', '2021-08-13T06:30', REPORTED],
  ['2021-09-29T07:00', '2021-09-29T09:00', REPORTED],
  [
    '2023-03-24T12:40',
    '2023-03-24T14:00',
    { cause: 'exchange-outage', note: 'the matching engine failed on a trailing stop order' },
  ],
]

/** What the archive of futures lacks for good (binance-public-data, issue 484, and its listing). */
const ARCHIVE: readonly KnownGap[] = [
  {
    ...{ market: 'usdm', kinds: ['premiumCandle'], symbols: ['BTCUSDT'], cause: 'archive-defect' },
    ...between('2021-01-24T00:00', '2021-02-22T00:00'),
    note: 'the archive never published these days',
  },
  {
    ...{ market: 'usdm', kinds: ['markCandle'], symbols: ['BTCUSDT', 'ETHUSDT'], cause: 'archive-defect' },
    ...between('2023-11-10T03:40', '2023-11-10T04:00'),
    note: 'the archive lacks these rows',
  },
]

/** Every stretch of Binance's history that is known to be missing. */
export const binanceGaps: readonly KnownGap[] = [
  ...SPOT.map(([from, to, reason]): KnownGap => ({ market: 'spot', ...between(from, to), ...reason })),
  ...ARCHIVE,
]

function between(from: string, to: string): { readonly from: number; readonly to: number } {
  return { from: Date.parse(`${from}Z`), to: Date.parse(`${to}Z`) }
}
