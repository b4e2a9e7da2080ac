import { type Interval, isInterval } from '../../model/interval.ts'
import type { SandboxMarket } from '../market/listing.ts'
import { RestFailure } from './failure.ts'

/** The parameters that a path reads; `true` marks a mandatory one. */
export type ParamNames = Readonly<Record<string, boolean>>

const SYMBOL = /^[\p{L}\p{N}_\-.]{1,50}$/u
/** Times from here on are microseconds: as milliseconds they would lie in the year 5138. */
const MICROSECONDS = 1e14
const WHOLE = /^\d{1,20}$/

/** The checked query of one request. Values come as text; each reader below knows one type. */
export class Params {
  readonly market: SandboxMarket
  readonly #values = new Map<string, string>()

  /** @throws RestFailure for unknown, repeated, empty or missing parameters, as the market words it. */
  constructor(query: URLSearchParams, names: ParamNames, market: SandboxMarket) {
    this.market = market
    let sent = 0
    let read = 0
    for (const [name, value] of query) {
      sent++
      if (this.#values.has(name)) throw new RestFailure(-1101, `Duplicate values for parameter '${name}' detected.`)
      if (Object.hasOwn(names, name)) read++
      this.#values.set(name, value)
    }
    for (const [name, mandatory] of Object.entries(names)) {
      const value = this.#values.get(name)
      if (value === '' && (market === 'spot' || mandatory))
        throw new RestFailure(-1105, `Parameter '${name}' was empty.`)
      if (mandatory && value === undefined) {
        throw new RestFailure(-1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`)
      }
    }
    // Futures take what they do not know; spot does not.
    if (read < sent && market === 'spot') {
      throw Object.keys(names).length === 0
        ? new RestFailure(-1101, `Too many parameters; expected '0' and received '${sent}'.`)
        : new RestFailure(
            -1104,
            `Not all sent parameters were read; read '${read}' parameter(s) but was sent '${sent}'.`,
          )
    }
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name)
    return value === '' ? undefined : value
  }

  /** A symbol as the exchange spells it; lower case is refused with the legal letters. */
  symbol(name = 'symbol'): string | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (!SYMBOL.test(value) || value !== value.toUpperCase()) throw illegalSymbol(name, this.market)
    return value
  }

  /** `symbols=["BTCUSDT","BNBUSDT"]` */
  list(name: string): string[] | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    let parsed: unknown
    try {
      parsed = JSON.parse(value)
    } catch {
      parsed = undefined
    }
    if (!Array.isArray(parsed) || !parsed.every((item): item is string => typeof item === 'string')) {
      throw new RestFailure(-1135, `Invalid JSON Request: parameter '${name}' is not a list of texts.`)
    }
    if (new Set(parsed).size < parsed.length) {
      throw new RestFailure(-1151, 'Symbol is present multiple times in the list.')
    }
    return parsed
  }

  /** A whole number; undefined when it was not sent. */
  whole(name: string): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (!WHOLE.test(value)) {
      throw new RestFailure(-1100, `Illegal characters found in parameter '${name}'; legal range is '^[0-9]{1,20}$'.`)
    }
    return Number(value)
  }

  /** An instant as epoch ms; spot takes microseconds too. */
  time(name: string): number | undefined {
    const value = this.whole(name)
    return value !== undefined && value >= MICROSECONDS && this.market === 'spot' ? value / 1000 : value
  }

  /** The page size. Spot cuts one that is too large, futures refuse it. */
  limit(preset: number, most: number): number {
    const value = this.whole('limit') ?? preset
    if (value < 1 || (value > most && this.market !== 'spot')) {
      throw new RestFailure(-1130, "Data sent for parameter 'limit' is not valid.")
    }
    return Math.min(value, most)
  }

  interval(): Interval {
    const value = this.text('interval') ?? ''
    if (!isInterval(value) || (value === '1s' && this.market !== 'spot'))
      throw new RestFailure(-1120, 'Invalid interval.')
    return value
  }

  oneOf<Name extends string>(name: string, allowed: readonly Name[], code: number, message: string): Name | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const known = allowed.find((one) => one === value)
    if (known === undefined) throw new RestFailure(code, message)
    return known
  }
}

export function illegalSymbol(name: string, market: SandboxMarket): RestFailure {
  const legal = market === 'spot' ? '^[\\w\\-._&&[^a-z]]{1,50}$' : '^[A-Z0-9-_.]{1,20}$'
  return new RestFailure(-1100, `Illegal characters found in parameter '${name}'; legal range is '${legal}'.`)
}
