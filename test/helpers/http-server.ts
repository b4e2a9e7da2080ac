import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void | Promise<void>

/** A real HTTP server on loopback whose handler a test can change while it runs. */
export interface TestServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  handler: Handler
  /** Paths with query of every request so far. */
  readonly requests: string[]
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>
  /** Answers whose connection went away before they were sent in full. */
  aborted(): number
  /** Connections that were ever made. */
  connections(): number
  close(): Promise<void>
}

export async function startTestServer(handler: Handler): Promise<TestServer> {
  const requests: string[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  let aborted = 0
  const server: Server = createServer((request, response) => {
    requests.push(request.url ?? '')
    response.on('close', () => {
      if (!response.writableFinished) aborted++
    })
    void self.handler(request, response, new URL(request.url ?? '/', self.url))
  })
  server.on('connection', (socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const self: TestServer = {
    url: `http://127.0.0.1:${port}`,
    port,
    handler,
    requests,
    sockets,
    aborted: () => aborted,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
    [Symbol.asyncDispose]: () => self.close(),
  }
  return self
}

export function sendJson(
  response: ServerResponse,
  body: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

/** Resolves once `condition` holds; the test's own timeout ends the wait when it never does. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}
