import { onTestFinished } from 'vitest'
import WebSocket from 'ws'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../../src/sandbox/index.ts'

/** A Friday, half past ten. */
export const NOW = '2024-05-10T10:30:30Z'

/** A busy sandbox that is closed when the test is over. */
export async function liveSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({ ...(options.capture ? {} : { now: NOW }), tradesPerSecond: 20, ...options })
  onTestFinished(() => sandbox.close())
  return sandbox
}

export interface Client {
  readonly ws: WebSocket
  /** Every text frame so far. */
  readonly texts: string[]
  /** Binary frames. */
  readonly binaries: Buffer[]
  readonly pings: string[]
  /** How it ended: code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>
  /** Sends a value as JSON, or a text as it is. */
  send(message: unknown): void
  /** Sends a request and gives the reply to its id. */
  ask(method: string, params?: unknown, id?: unknown): Promise<Record<string, unknown>>
  /** The next text that fits, old ones included, from `from` on. */
  until(fits: (text: string) => boolean): Promise<string>
  /** Waits until there are so many frames with this word. */
  many(count: number, word: string): Promise<unknown[]>
}

/** A plain client; `Error` with the status where the upgrade is refused. */
export async function connect(sandbox: Sandbox, path: string, options: { autoPong?: boolean } = {}): Promise<Client> {
  const ws = new WebSocket(sandbox.ws + path, { perMessageDeflate: false, ...options })
  onTestFinished(() => ws.terminate())
  const texts: string[] = []
  const binaries: Buffer[] = []
  const pings: string[] = []
  const waiting = new Set<() => void>()
  const told = (): void => {
    for (const look of [...waiting]) look()
  }
  ws.on('message', (data: Buffer, isBinary) => {
    if (isBinary) binaries.push(data)
    else texts.push(data.toString())
    told()
  })
  ws.on('ping', (data) => pings.push(data.toString()))
  const closed = new Promise<{ code: number; reason: string }>((done) => {
    ws.on('close', (code, reason) => done({ code, reason: reason.toString() }))
  })
  await new Promise<void>((done, fail) => {
    ws.once('open', done)
    ws.once('error', fail)
  })
  ws.on('error', () => {})
  const wait = <T>(look: () => T | undefined): Promise<T> =>
    new Promise((done) => {
      const again = (): void => {
        const found = look()
        if (found === undefined) return
        waiting.delete(again)
        done(found)
      }
      waiting.add(again)
      again()
    })
  const send = (message: unknown): void => ws.send(typeof message === 'string' ? message : JSON.stringify(message))
  let lastId = 0
  const until = (fits: (text: string) => boolean): Promise<string> => wait(() => texts.find(fits))
  return {
    ...{ ws, texts, binaries, pings, closed, send, until },
    async ask(method, params, id = ++lastId) {
      send({ method, ...(params === undefined ? {} : { params }), id })
      return JSON.parse(await until((text) => text.endsWith(`"id":${JSON.stringify(id)}}`))) as Record<string, unknown>
    },
    many: (count, word) =>
      wait(() => {
        const found = texts.filter((text) => text.includes(word))
        return found.length >= count ? found.map((text) => JSON.parse(text) as unknown) : undefined
      }),
  }
}
