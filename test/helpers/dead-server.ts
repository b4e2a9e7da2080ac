import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { startTestServer } from './http-server.ts'

/** A REST host that is of no use. */
export interface DeadServer extends AsyncDisposable {
  readonly url: string
  /** Connections, or requests, that it has seen. */
  seen(): number
}

/** Nobody listens there: a port that was free a moment ago. */
export async function refusedPort(): Promise<DeadServer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return { url: `http://127.0.0.1:${port}`, seen: () => 0, [Symbol.asyncDispose]: async () => {} }
}

/** Takes connections and never says a word. */
export async function silentServer(): Promise<DeadServer> {
  const sockets = new Set<Socket>()
  let seen = 0
  const server = createServer((socket) => {
    seen++
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: () => seen,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Answers every request with one status. */
export async function statusServer(
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<DeadServer> {
  const server = await startTestServer((_, response) => void response.writeHead(status, headers).end())
  return {
    url: server.url,
    seen: () => server.requests.length,
    [Symbol.asyncDispose]: () => server.close(),
  }
}
