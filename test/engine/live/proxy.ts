import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface ProxyOptions {
  /** Changes the first line of each connection's request. */
  readonly request?: (line: string) => string
  /** Passes what the server sends, piece by piece, in the order that it is called. */
  readonly down?: (piece: Buffer, send: (piece: Buffer) => void) => void
}

export interface Proxy extends AsyncDisposable {
  readonly endpoint: string
  /** From now on another server is behind it; open connections end. */
  redirect(target: string): void
}

/** A TCP proxy in front of a sandbox: the network between it and us. */
export async function startProxy(target: string, options: ProxyOptions = {}): Promise<Proxy> {
  let { port } = new URL(target)
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(port), '127.0.0.1')
    let isFirst = true
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.setNoDelay(true)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
    client.on('data', (piece) => {
      if (!isFirst || !options.request) {
        upstream.write(piece)
        return
      }
      // A request line comes in one piece on loopback.
      isFirst = false
      const text = piece.toString('latin1')
      const end = text.indexOf('\r\n')
      upstream.write(Buffer.from(options.request(text.slice(0, end)) + text.slice(end), 'latin1'))
    })
    const send = (piece: Buffer): void => void (client.destroyed || client.write(piece))
    upstream.on('data', (piece) => (options.down ? options.down(piece, send) : send(piece)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    redirect(target) {
      port = new URL(target).port
      for (const socket of sockets) socket.destroy()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((done) => server.close(() => done()))
    },
  }
}
