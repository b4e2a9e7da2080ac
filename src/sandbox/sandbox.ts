import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { ConfigError, isTicklakeError } from '../model/errors.ts'
import { type Interval, parseInterval } from '../model/interval.ts'
import { parseTime, type TimeInput } from '../model/time.ts'
import { forgetBudget } from '../net/budget.ts'
import { archiveInterval, parseKey } from './archive/keys.ts'
import { SeededStore } from './archive/seeded-store.ts'
import { ArchiveService } from './archive/service.ts'
import type { ArchiveStore } from './archive/store.ts'
import { CHECKSUM } from './archive/store.ts'
import { openTree } from './archive/tree-store.ts'
import { SandboxClock } from './clock.ts'
import { deliver, jsonReply, type Reply, rewritten, textReply, write } from './deliver.ts'
import { answerOf, garbled } from './faults/answers.ts'
import { FaultEngine, type FaultState, type Request } from './faults/engine.ts'
import { lowerId, raiseRestIds } from './faults/large-ids.ts'
import { type FaultSpec, parseFaults } from './faults/spec.ts'
import { CapturePlayer } from './live/capture.ts'
import { type Recording, readCaptures, rulesOf, symbolsOf } from './live/recording.ts'
import { LiveServer } from './live/server.ts'
import type { SandboxLive } from './live/status.ts'
import { WeightMeter } from './manners.ts'
import type { SandboxMarket } from './market/listing.ts'
import type { MarketData } from './market/market.ts'
import { SeededMarket } from './market/seeded.ts'
import { type SandboxOptions, type Settings, settingsOf } from './options.ts'
import { marketOfPath, RestApi, type RestRequest } from './rest/api.ts'
import { parseTruth, type TruthRow, truthText } from './truth.ts'
import { type SandboxUsage, UsageMeter } from './usage.ts'

/** A running sandbox: a Binance on loopback. */
export interface Sandbox extends AsyncDisposable {
  /** Base URL of everything, for `--endpoint`. */
  readonly endpoint: string
  readonly rest: string
  /**
   * Base of the streams: add `/ws` or `/stream` for spot, `/public`, `/market` or `/private` in front of these for
   * USD-M.
   */
  readonly ws: string
  readonly archive: string
  /** @throws ConfigError for a fault that makes no sense. */
  addFaults(faults: readonly FaultSpec[]): void
  clearFaults(): void
  faults(): FaultState[]
  usage(): SandboxUsage
  resetUsage(): void
  /** Connections, streams and what faults did to them. */
  live(): SandboxLive
  /** What really happened: closed candles that open in [from, to), untouched by any fault but an outage. */
  truthCandles(
    market: SandboxMarket,
    symbol: string,
    interval: Interval | string,
    from?: TimeInput,
    to?: TimeInput,
  ): Promise<TruthRow[]>
  /** The exchange's clock, without skew. */
  now(): number
  close(): Promise<void>
}

const LARGEST_BODY = 4 * 1024 * 1024

/**
 * Starts a sandbox on 127.0.0.1.
 * @throws ConfigError when an option cannot be used, or the port is taken.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = await SandboxServer.create(settingsOf(options))
  await sandbox.listen()
  return sandbox
}

class SandboxServer implements Sandbox {
  readonly #settings: Settings
  readonly #clock: SandboxClock
  readonly #data: MarketData
  readonly #store: ArchiveStore
  readonly #archive: ArchiveService
  readonly #faults: FaultEngine
  readonly #usage = new UsageMeter()
  readonly #apis: Readonly<Record<SandboxMarket, RestApi>>
  readonly #server: Server
  readonly #live: LiveServer
  readonly #capture: CapturePlayer | undefined
  /** Forgets what the market's numbers were made into. */
  readonly #changed: () => void
  #port = 0

  static async create(given: Settings): Promise<SandboxServer> {
    const recording = given.capture.length === 0 ? undefined : await readCaptures(given.capture)
    const settings = recording ? { ...given, start: given.start ?? Math.floor(recording.from) - 1 } : given
    if (settings.archive !== undefined) {
      const { store, data } = await openTree(settings.archive, settings.markets, settings.symbols)
      return new SandboxServer(settings, data, store, recording, () => {})
    }
    const { markets, seed, tradesPerSecond, listedAt } = settings
    const symbols = settings.symbols ?? (recording && symbolsOf(recording))
    const market = new SeededMarket({
      ...{ markets, seed, tradesPerSecond },
      ...(symbols === undefined ? {} : { symbols }),
      ...(listedAt === undefined ? {} : { listedAt }),
      ...(recording === undefined ? {} : { recorded: rulesOf(recording) }),
    })
    const store = new SeededStore(market, seed)
    return new SandboxServer(settings, market, store, recording, () => store.reset())
  }

  constructor(
    settings: Settings,
    data: MarketData,
    store: ArchiveStore,
    recording: Recording | undefined,
    changed: () => void,
  ) {
    this.#settings = settings
    this.#clock = new SandboxClock(settings.start ?? Date.now(), settings.speed)
    this.#capture = recording && new CapturePlayer(recording, this.#clock)
    this.#data = data
    this.#store = store
    this.#changed = changed
    this.#faults = new FaultEngine(settings.seed, () => this.now())
    this.#archive = new ArchiveService(store, this.#faults)
    const meter = (market: 'spot' | 'usdm'): WeightMeter =>
      new WeightMeter(this.#clock, settings.weightLimits[market], settings.weightWindowMs)
    // One allowance for both futures markets, since June 2026.
    const futures = meter('usdm')
    this.#apis = {
      spot: new RestApi('spot', data, meter('spot')),
      usdm: new RestApi('usdm', data, futures),
      coinm: new RestApi('coinm', data, futures),
    }
    const { markets, liveTimes: times, liveLimits: limits, log } = settings
    this.#live = new LiveServer({
      ...{ markets, data, clock: this.#clock, faults: this.#faults, times, limits, log },
      capture: this.#capture,
    })
    this.addFaults(settings.faults)
    this.#server = createServer({ keepAliveTimeout: 65_000, requestTimeout: 0 }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => this.#failed(request, response, error))
    })
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#live.upgrade(request, socket, head).catch((error: unknown) => {
        log.error({ url: request.url, error }, 'sandbox could not upgrade')
        socket.destroy()
      })
    })
  }

  async listen(): Promise<void> {
    await new Promise<void>((done, fail) => {
      this.#server.once('error', (error) => {
        const text = `port ${this.#settings.port} cannot be used: ${error.message}. Take another one, or 0 for one that is free.`
        fail(new ConfigError(text, { cause: error }))
      })
      this.#server.listen(this.#settings.port, '127.0.0.1', done)
    })
    this.#port = (this.#server.address() as AddressInfo).port
    // What programs have told each other of a former exchange at this address is not about this one.
    forgetBudget(`127.0.0.1:${this.#port}`)
    this.#settings.log.info({ endpoint: this.endpoint, markets: this.#settings.markets }, 'sandbox is ready')
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get rest(): string {
    return this.endpoint
  }

  get ws(): string {
    return `ws://127.0.0.1:${this.#port}`
  }

  get archive(): string {
    return this.endpoint
  }

  now(): number {
    return this.#clock.now()
  }

  addFaults(faults: readonly FaultSpec[]): void {
    const before = this.#faults.outages().length
    this.#faults.add(parseFaults(faults))
    if (this.#faults.outages().length !== before) this.#outagesChanged()
    this.#live.changed()
  }

  clearFaults(): void {
    const had = this.#faults.outages().length > 0
    this.#faults.clear()
    if (had) this.#outagesChanged()
    this.#live.changed()
  }

  #outagesChanged(): void {
    this.#data.setOutages(this.#faults.outages())
    this.#changed()
    this.#archive.reset()
  }

  faults(): FaultState[] {
    return this.#faults.list()
  }

  usage(): SandboxUsage {
    return { spot: this.#apis.spot.meter.usage(), usdm: this.#apis.usdm.meter.usage(), ...this.#usage.read() }
  }

  live(): SandboxLive {
    return this.#live.status()
  }

  resetUsage(): void {
    this.#usage.reset()
    this.#apis.spot.meter.reset()
    this.#apis.usdm.meter.reset()
  }

  async truthCandles(
    market: SandboxMarket,
    symbol: string,
    interval: Interval | string,
    from: TimeInput = 0,
    to: TimeInput = Number.MAX_SAFE_INTEGER,
  ): Promise<TruthRow[]> {
    const now = this.now()
    const info = await this.#data.symbol(market, symbol, now)
    if (!info) throw new ConfigError(`The sandbox's ${market} market has no symbol "${symbol}" at this time.`)
    const until = typeof to === 'number' ? to : parseTime(to, 'to')
    const query = { info, interval: parseInterval(interval), from: parseTime(from, 'from'), to: until }
    const pieces: Buffer[] = []
    for await (const piece of truthText(this.#data, query, now, 'json')) pieces.push(piece)
    return JSON.parse(Buffer.concat(pieces).toString()) as TruthRow[]
  }

  async close(): Promise<void> {
    this.#capture?.close()
    await this.#live.close()
    if (this.#server.listening) {
      const closed = new Promise<void>((done) => this.#server.close(() => done()))
      this.#server.closeAllConnections()
      await closed
    }
    await this.#store.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://sandbox')
    const path = decoded(url.pathname)
    if (path === '/sandbox' || path.startsWith('/sandbox/'))
      return this.#control(request, response, path, url.searchParams)
    if (this.#live.isCut()) {
      request.socket.destroy()
      return
    }
    this.#usage.path(path)
    const market = marketOfPath(path, url.searchParams)
    if (market && this.#settings.markets.includes(market)) return this.#rest(request, response, market, path, url)
    return this.#file(request, response, path, url)
  }

  async #rest(
    request: IncomingMessage,
    response: ServerResponse,
    market: SandboxMarket,
    path: string,
    url: URL,
  ): Promise<void> {
    const api = this.#apis[market]
    const query = url.searchParams
    const facts: Request = {
      method: request.method ?? 'GET',
      path: path + decoded(url.search),
      market,
      symbol: query.get('symbol') ?? undefined,
      interval: query.get('interval') ?? undefined,
    }
    const call = { market, path, query, request }
    const refused = api.admit(call)
    const early = refused ?? this.#early(facts)
    if (early === 'silence') return
    let reply = early ?? (await this.#answer(api, call, facts))
    if (!early) {
      const garbage = this.#faults.take(facts, 'garbage-json')
      if (garbage) reply = await garbled(reply, garbage.body ?? 'cut', garbage.status)
    }
    await this.#send(
      request,
      response,
      { ...reply, headers: { ...reply.headers, ...api.headers(request) } },
      facts,
      () => {},
    )
  }

  /** The exchange's own answer, as faults of snapshots and ids would have it. */
  async #answer(api: RestApi, call: RestRequest, facts: Request): Promise<Reply> {
    const { market, path, query } = call
    const isDepth = path.endsWith('/depth')
    const late = isDepth ? this.#faults.take(facts, 'late-snapshot') : undefined
    const asOf = late === undefined ? undefined : this.now() - (late.ms ?? 0)
    if (late?.delayMs) await delay(this.#clock.realMs(late.delayMs))
    const large = this.#faults.take(facts, 'large-ids')
    const offset = BigInt(large?.offset ?? 2 ** 53)
    const fromId = query.get('fromId')
    if (large && fromId !== null) query.set('fromId', lowerId(fromId, offset))
    const reply =
      (await this.#capture?.answer(market, path, query)) ??
      (await api.answer(call, asOf ?? this.now(), this.now() + this.#faults.skew(market)))
    return large ? rewritten(reply, (body) => raiseRestIds(path, body, offset)) : reply
  }

  /** A fault that answers in the exchange's place, or does not answer at all. */
  #early(facts: Request): Reply | 'silence' | undefined {
    const fault = this.#faults.take(facts, 'timeout', 'http-error', 'rate-limit', 'ban')
    return fault && answerOf(fault, this.now(), this.#settings.speed)
  }

  async #file(request: IncomingMessage, response: ServerResponse, path: string, url: URL): Promise<void> {
    const method = request.method ?? 'GET'
    const key = path.replace(/^\/(data\.binance\.vision\/)?/, '')
    const isListing = path === '/' || path === '/data.binance.vision' || path === '/data.binance.vision/'
    const isChecksum = key.endsWith(CHECKSUM)
    const file = parseKey(isChecksum ? key.slice(0, -CHECKSUM.length) : key)
    const facts: Request = {
      method,
      path: path + decoded(url.search),
      market: file?.market,
      symbol: file?.symbol,
      interval: file?.interval && archiveInterval(file.interval),
    }
    this.#usage.archive('requests')
    const early = this.#early(facts)
    if (early === 'silence') return
    let reply: Reply
    if (early) reply = early
    else if (method !== 'GET' && method !== 'HEAD') reply = textReply(405, 'Method not allowed', 'text/plain')
    else if (isListing) reply = await this.#archive.list(url.searchParams, this.now())
    else reply = await this.#archive.object(request, key, this.now())
    if (!early && isListing) this.#usage.archive('listings')
    if (reply.status === 404) this.#usage.archive('notFound')
    else if (reply.status < 300 && method === 'GET' && file) this.#usage.archive(isChecksum ? 'checksums' : 'files')
    await this.#send(request, response, reply, facts, (bytes) => this.#usage.archive('bytes', bytes))
  }

  async #send(
    request: IncomingMessage,
    response: ServerResponse,
    reply: Reply,
    facts: Request,
    sent: (bytes: number) => void,
  ): Promise<void> {
    const shown = this.now() + this.#faults.skew(facts.market)
    response.setHeader('Date', new Date(shown).toUTCString())
    const fault = this.#faults.take(facts, 'slow', 'stall', 'cut')
    await deliver(response, reply, request.method !== 'HEAD' && reply.status !== 304, fault, sent)
  }

  async #control(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<void> {
    const route = `${request.method} ${path}`
    if (route === 'GET /sandbox/truth') return this.#truth(response, query)
    await deliver(response, await this.#controlReply(request, route), true, undefined, () => {})
  }

  async #controlReply(request: IncomingMessage, route: string): Promise<Reply> {
    switch (route) {
      case 'GET /sandbox':
        return jsonReply(200, await this.#describe())
      case 'GET /sandbox/live':
        return jsonReply(200, this.live())
      case 'GET /sandbox/usage':
        return jsonReply(200, this.usage())
      case 'POST /sandbox/usage/reset':
        this.resetUsage()
        return jsonReply(200, this.usage())
      case 'GET /sandbox/faults':
        return jsonReply(200, this.faults())
      case 'DELETE /sandbox/faults':
        this.clearFaults()
        return jsonReply(200, this.faults())
      case 'POST /sandbox/faults':
        try {
          this.addFaults(parseFaults(JSON.parse(await bodyText(request))))
          return jsonReply(200, this.faults())
        } catch (error) {
          if (!isTicklakeError(error) && !(error instanceof SyntaxError)) throw error
          return jsonReply(400, { error: error.message })
        }
      default:
        return jsonReply(404, {
          error: `${route}: unknown. Known: GET /sandbox, GET /sandbox/live, GET /sandbox/truth, GET /sandbox/usage, POST /sandbox/usage/reset, GET, POST and DELETE /sandbox/faults.`,
        })
    }
  }

  async #describe(): Promise<object> {
    const now = this.now()
    const symbols: Record<string, unknown> = {}
    for (const market of this.#settings.markets) symbols[market] = await this.#data.symbols(market, now)
    const { endpoint, rest, ws, archive } = this
    const recorded = this.#capture && { recorded: [...this.#capture.symbols] }
    return {
      endpoint,
      rest,
      ws,
      archive,
      now,
      speed: this.#settings.speed,
      seed: this.#settings.seed,
      symbols,
      ...recorded,
    }
  }

  async #truth(response: ServerResponse, query: URLSearchParams): Promise<void> {
    const now = this.now()
    const wanted = await parseTruth(query, this.#data, now, this.#capture?.symbols)
    if (typeof wanted === 'string')
      return deliver(response, jsonReply(400, { error: wanted }), true, undefined, () => {})
    response.writeHead(200, { 'Content-Type': wanted.format === 'csv' ? 'text/csv' : 'application/json' })
    for await (const piece of truthText(this.#data, wanted, now, wanted.format)) {
      if (!(await write(response, piece))) return
    }
    response.end()
  }

  #failed(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (response.destroyed) return
    this.#settings.log.error({ method: request.method, url: request.url, error }, 'sandbox could not answer')
    if (response.headersSent) response.destroy()
    else response.writeHead(500, { 'Content-Type': 'text/plain' }).end(`The sandbox failed: ${String(error)}\n`)
  }
}

/** Percent-decoded text; what is not valid stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function bodyText(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > LARGEST_BODY) throw new ConfigError(`The body is larger than ${LARGEST_BODY} bytes.`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}
