import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { ConfigError, StorageError, TicklakeError } from '../../model/errors.ts'
import { SPOOL_FOLDER } from './collector-parts.ts'
import type { CollectorReport } from './collector-report.ts'
import { type BriefStatus, liveJson } from './json.ts'

/** Says where the running collector of a lake listens; it is there as long as the collector is. */
const ADDRESS_FILE = 'control.json'
/** Bytes that a path of a Unix socket may have: 104 on macOS, 108 on Linux, the end included. */
const MAX_PATH = 100
/** Longest request, bytes. */
const MAX_REQUEST = 4096
/** Bytes that wait for a client that does not read; what happens meanwhile is left out for it. */
const MAX_WAITING = 1024 * 1024
/** How long a collector may take to answer, ms. */
const ANSWER_MS = 30_000

/** What a running collector does for others on its machine. */
export interface ControlHandlers {
  status(): BriefStatus
  report(): CollectorReport
  reconnect(): Promise<void>
}

export interface ControlServer extends AsyncDisposable {
  /** Path of the socket or name of the pipe. */
  readonly address: string
  /** Tells those who watch what happened. */
  emit(event: unknown): void
}

/**
 * Lets other processes of this user look at a running collector: JSON lines over a Unix socket (a named pipe on
 * Windows), `{"do":"status"}` answered by `{"result":…}` or `{"error":{"message"}}`; after `watch`, `{"event":…}` as they
 * come. The caller holds the lake's spool, so whatever an earlier process left here belongs to nobody any more.
 */
export async function serveControl(dataDir: string, handlers: ControlHandlers): Promise<ControlServer> {
  const folder = join(resolve(dataDir), SPOOL_FOLDER)
  const addressFile = join(folder, ADDRESS_FILE)
  const watchers = new Set<Socket>()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      sockets.delete(socket)
      watchers.delete(socket)
    })
    let rest = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      rest += text
      const lines = rest.split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_REQUEST) return void socket.destroy()
      for (const line of lines)
        void answer(line, handlers, () => watchers.add(socket)).then((reply) => send(socket, reply))
    })
  })
  const { address, remove } = await listen(server, folder)
  try {
    const temporary = `${addressFile}.tmp`
    await writeFile(temporary, JSON.stringify({ pid: process.pid, address }), { mode: 0o600 })
    await rename(temporary, addressFile)
  } catch (cause) {
    server.close()
    await remove()
    throw new StorageError(addressFile, 'the file could not be written', { cause })
  }
  return {
    address,
    emit(event) {
      if (watchers.size === 0) return
      const line = liveJson({ event })
      for (const socket of watchers) if (socket.writableLength < MAX_WAITING) send(socket, line)
    },
    async [Symbol.asyncDispose]() {
      await rm(addressFile, { force: true })
      const closed = new Promise<void>((done) => server.close(() => done()))
      for (const socket of sockets) socket.destroy()
      await closed
      await remove()
    },
  }
}

async function answer(line: string, handlers: ControlHandlers, watch: () => void): Promise<string> {
  try {
    const request = JSON.parse(line) as { readonly do?: unknown } | null
    switch (request?.do) {
      case 'status':
        return liveJson({ result: handlers.status() })
      case 'report':
        return liveJson({ result: handlers.report() })
      case 'reconnect':
        await handlers.reconnect()
        return liveJson({ result: true })
      case 'watch':
        watch()
        return liveJson({ result: true })
      default:
        return refusal(`"${String(request?.do)}" is nothing that a collector does: status, report, reconnect, watch`)
    }
  } catch (error) {
    return refusal(error instanceof Error ? error.message : String(error))
  }
}

function refusal(message: string): string {
  return JSON.stringify({ error: { message } })
}

function send(socket: Socket, line: string): void {
  if (socket.writable) socket.write(`${line}\n`)
}

/** Listens where nobody but this user can come. */
async function listen(server: Server, folder: string): Promise<{ address: string; remove: () => Promise<void> }> {
  if (process.platform === 'win32') {
    const address = `\\\\.\\pipe\\ticklake-${randomBytes(16).toString('hex')}`
    await listening(server, address)
    return { address, remove: async () => {} }
  }
  let address = join(folder, 'control.sock')
  let remove = (): Promise<void> => rm(address, { force: true })
  if (Buffer.byteLength(address) > MAX_PATH) {
    // A deep folder: the socket goes where paths are short, in a folder of its own that only this user may enter.
    const own = await mkdtemp(join(tmpdir(), 'ticklake-'))
    address = join(own, 'control.sock')
    remove = () => rm(own, { recursive: true, force: true })
  } else await rm(address, { force: true })
  try {
    await listening(server, address)
    await chmod(address, 0o600)
  } catch (cause) {
    server.close()
    await remove()
    throw new StorageError(dirname(address), 'no socket could be opened there', { cause })
  }
  return { address, remove }
}

function listening(server: Server, address: string): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', fail)
    server.listen(address, () => {
      server.off('error', fail)
      done()
    })
  })
}

/** A running collector, seen from another process. */
export interface ControlClient extends AsyncDisposable {
  /** Process id of the collector. */
  readonly pid: number
  status(): Promise<BriefStatus>
  /** The report as the collector would give it now; ids beyond 2^53 are text. */
  report(): Promise<CollectorReport>
  /** Resolves when every connection was replaced. */
  reconnect(): Promise<void>
  /** Tells of what happens from now on. */
  watch(onEvent: (event: unknown) => void): Promise<void>
  /** Aborts when the collector is gone. */
  readonly closed: AbortSignal
}

/** @throws ConfigError when no collector runs on this lake. */
export async function connectControl(dataDir: string): Promise<ControlClient> {
  const folder = join(resolve(dataDir), SPOOL_FOLDER)
  const nobody = (cause?: unknown): ConfigError =>
    new ConfigError(
      `No collector runs on the lake ${dataDir}. Start one with "ticklake collect", or name its lake with --data-dir.`,
      { cause },
    )
  let found: { readonly pid: number; readonly address: string }
  try {
    found = JSON.parse(await readFile(join(folder, ADDRESS_FILE), 'utf8')) as typeof found
  } catch (error) {
    throw nobody(error)
  }
  const socket = createConnection(found.address)
  try {
    await new Promise<void>((done, fail) => socket.once('connect', done).once('error', fail))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') {
      throw new StorageError(found.address, 'the collector belongs to another user', { cause: error })
    }
    // The file of a collector that was killed.
    throw nobody(error)
  }
  return clientOf(socket, found.pid)
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

function clientOf(socket: Socket, pid: number): ControlClient {
  const waiting: Waiting[] = []
  const gone = new AbortController()
  let onEvent: (event: unknown) => void = () => {}
  socket.on('error', () => socket.destroy())
  socket.once('close', () => {
    gone.abort()
    for (const { reject } of waiting.splice(0)) reject(new TicklakeError('COLLECTOR_GONE', 'The collector has ended.'))
  })
  createInterface({ input: socket }).on('line', (line) => {
    const message = JSON.parse(line) as { event?: unknown; result?: unknown; error?: { message: string } }
    if (message.event !== undefined) return onEvent(message.event)
    const next = waiting.shift()
    if (message.error) next?.reject(new TicklakeError('COLLECTOR', message.error.message))
    else next?.resolve(message.result)
  })
  // Answers come in the order of the questions, so one is asked at a time.
  let last: Promise<unknown> = Promise.resolve()
  const ask = async (what: string): Promise<unknown> => {
    const asked = last.then(
      () =>
        new Promise((resolve, reject) => {
          if (gone.signal.aborted) return reject(new TicklakeError('COLLECTOR_GONE', 'The collector has ended.'))
          const timer = setTimeout(() => socket.destroy(), ANSWER_MS)
          const settle =
            <T>(end: (value: T) => void) =>
            (value: T): void => {
              clearTimeout(timer)
              end(value)
            }
          waiting.push({ resolve: settle(resolve), reject: settle(reject) })
          socket.write(`${JSON.stringify({ do: what })}\n`)
        }),
    )
    last = asked.catch(() => {})
    return await asked
  }
  return {
    pid,
    closed: gone.signal,
    status: async () => (await ask('status')) as BriefStatus,
    report: async () => (await ask('report')) as CollectorReport,
    reconnect: async () => void (await ask('reconnect')),
    watch: async (listener) => {
      onEvent = listener
      await ask('watch')
    },
    async [Symbol.asyncDispose]() {
      socket.destroy()
    },
  }
}
