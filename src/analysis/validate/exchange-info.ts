import { ParseError } from '../../model/errors.ts'
import type { Filter } from '../../model/instrument.ts'
import type { Market } from '../../model/series.ts'
import type { OrderInstrument } from './rules/rule.ts'

/** A row of `symbols` of an exchangeInfo answer, as far as it is read here. */
export interface ExchangeInfoRow {
  readonly symbol: string
  readonly filters?: readonly object[]
}

/** The part of an exchangeInfo answer that order rules are read from. Any other field is left alone. */
export interface ExchangeInfoBody {
  readonly symbols?: readonly object[]
  readonly optionSymbols?: readonly object[]
  readonly exchangeFilters?: readonly object[]
}

/** Instruments and account-wide filters of an exchangeInfo answer. */
export interface ReadRules {
  readonly instruments: readonly OrderInstrument[]
  readonly exchangeFilters: readonly Filter[]
}

/**
 * Reads an exchangeInfo answer or its rows alone, as an object or as JSON text. Which market it is about shows in its rows; `market`
 * overrides that.
 * @throws ParseError where the rows are not what exchangeInfo gives.
 */
export function readExchangeInfo(
  input: ExchangeInfoBody | readonly ExchangeInfoRow[] | string,
  market?: Market,
): ReadRules {
  const given: unknown = typeof input === 'string' ? parsed(input) : input
  const body: unknown = Array.isArray(given) && given.length > 0 ? { symbols: given } : given
  if (!isFields(body)) throw new ParseError('exchangeInfo', 'is no JSON object.')
  const rows = [...listOf(body, 'symbols', 'exchangeInfo'), ...listOf(body, 'optionSymbols', 'exchangeInfo')]
  if (body.symbols === undefined && body.optionSymbols === undefined) {
    throw new ParseError(
      'exchangeInfo',
      'there are no "symbols". Give the whole answer of exchangeInfo, or instruments.',
    )
  }
  const exchangeFilters = listOf(body, 'exchangeFilters', 'exchangeInfo').map((row) => filterOf(row, 'exchangeFilters'))
  return { instruments: rows.map((row, index) => instrumentOf(row, index, market)), exchangeFilters }
}

type Fields = Readonly<Record<string, unknown>>

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ParseError('exchangeInfo', 'is no JSON.', { cause })
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listOf(body: Fields, name: string, where: string): readonly Fields[] {
  const list = body[name] ?? []
  if (!Array.isArray(list) || !list.every(isFields)) throw new ParseError(where, `"${name}" is no list of objects.`)
  return list
}

function instrumentOf(row: Fields, index: number, market: Market | undefined): OrderInstrument {
  const { symbol } = row
  if (typeof symbol !== 'string') throw new ParseError('exchangeInfo', `symbols[${index}].symbol is no text.`)
  const status = textOf(row.status) ?? textOf(row.contractStatus)
  const base = textOf(row.baseAsset)
  const quote = textOf(row.quoteAsset)
  return {
    market: market ?? marketOf(row),
    symbol,
    filters: listOf(row, 'filters', `exchangeInfo of ${symbol}`).map((filter) => filterOf(filter, symbol)),
    ...(base !== undefined && { base }),
    ...(quote !== undefined && { quote }),
    ...(status !== undefined && { status, active: status === 'TRADING' }),
  }
}

/** Options have a strike, futures a margin asset; COIN-M is paid in the base asset, and states a contract size. */
function marketOf(row: Fields): Market {
  if (row.strikePrice !== undefined) return 'option'
  if (row.marginAsset === undefined && row.contractType === undefined) return 'spot'
  return row.marginAsset === row.baseAsset || row.contractSize !== undefined ? 'coinm' : 'usdm'
}

function filterOf(row: Fields, where: string): Filter {
  const { filterType, ...rest } = row
  if (typeof filterType !== 'string') throw new ParseError(`exchangeInfo of ${where}`, 'a filter lacks its filterType.')
  const values: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(rest)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') values[name] = value
  }
  return { type: filterType, values }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
