// The exchange's side of the live benches, a process of its own: just enough REST to start a book, and a WebSocket that
// sends frames built beforehand as fast as the socket takes them, or at a rate. Told what to do by its parent.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { bookLevels, depthTape, FIRST_ID, tradeTape } from './live-frames.js'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** Bytes handed to the socket at once. */
const PORTION = 1024 * 1024
const LEVELS = 1000
const tapes = new Map()
/** By port: a client's last WebSocket and the last ids it was sent, by symbol. */
const clients = new Map()
const snapshot = bookLevels(LEVELS)
/** Seconds of the clock that all processes of a machine share, counted so that they have five digits. */
const clock = () => Number(process.hrtime.bigint()) / 1e9
const origin = Math.floor(clock()) - 10_000

function tape(kind, count, combined, symbol = 'BTCUSDT') {
  const key = `${kind}/${count}/${combined}/${symbol}`
  let made = tapes.get(key)
  if (!made) {
    const seed = symbol.length + symbol.charCodeAt(1)
    made =
      kind === 'trade' ? tradeTape(count, { combined, symbol, seed }) : depthTape(count, { combined, symbol, seed })
    tapes.set(key, made)
  }
  return made
}

async function listen() {
  const client = { sockets: new Set(), socket: undefined, combined: true, last: new Map() }
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost')
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(rest(url, client)))
  })
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1')
      .update(request.headers['sec-websocket-key'] + GUID)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => client.sockets.delete(socket))
    client.sockets.add(socket)
    const combined = request.url.startsWith('/stream')
    const use = () => Object.assign(client, { socket, combined })
    if (/streams=.|\/ws\/.*@/.test(request.url)) use()
    socket.on('data', (bytes) => {
      for (const text of clientTexts(bytes, socket)) {
        const { id, method } = JSON.parse(text)
        if (method === 'SUBSCRIBE') use()
        socket.write(textFrame(JSON.stringify({ result: null, id })))
      }
    })
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  clients.set(server.address().port, client)
  return server.address().port
}

function rest({ pathname, searchParams }, client) {
  const symbol = searchParams.get('symbol')
  if (pathname.endsWith('/depth')) {
    const limit = Math.min(LEVELS, Number(searchParams.get('limit') ?? 100))
    return {
      lastUpdateId: client.last.get(`depth/${symbol}`) ?? FIRST_ID,
      bids: snapshot.bids.slice(0, limit),
      asks: snapshot.asks.slice(0, limit),
    }
  }
  if (pathname.endsWith('/time')) return { serverTime: Date.now() }
  return pathname.endsWith('/exchangeInfo') ? { timezone: 'UTC', rateLimits: [], symbols: [] } : {}
}

/** The texts of a client's frames; each of them comes in one piece, being small. */
function* clientTexts(bytes, socket) {
  for (let at = 0; at + 6 <= bytes.length; ) {
    const opcode = bytes[at] & 15
    let length = bytes[at + 1] & 127
    at += 2
    if (length === 126) {
      length = bytes.readUInt16BE(at)
      at += 2
    }
    const mask = bytes.subarray(at, at + 4)
    const text = Buffer.from(bytes.subarray(at + 4, at + 4 + length).map((byte, i) => byte ^ mask[i & 3]))
    at += 4 + length
    if (opcode === 1) yield text.toString()
    else if (opcode === 9) socket.write(Buffer.concat([Buffer.from([0x8a, text.length]), text]))
    else if (opcode === 8) socket.end(Buffer.concat([Buffer.from([0x88, text.length]), text]))
  }
}

function textFrame(text) {
  const head = text.length < 126 ? [0x81, text.length] : [0x81, 126, text.length >> 8, text.length & 255]
  return Buffer.concat([Buffer.from(head), Buffer.from(text)])
}

/** Renews frames so that they follow the last ones that this client got of that stream. */
function renewed(client, frames, symbol, from, to) {
  const key = `${frames.kind}/${symbol}`
  client.last.set(key, frames.renew(from, to, client.last.get(key) ?? FIRST_ID))
}

const written = (socket, bytes) => new Promise((done) => socket.write(bytes, done))

const commands = {
  listen,
  async clock() {
    return { origin }
  },
  /** Builds the frames, before anything is measured. */
  async build({ kind, count, port }) {
    tape(kind, count, clients.get(port).combined)
  },
  /** All frames at once. */
  async burst({ port, kind, count }) {
    const client = clients.get(port)
    const frames = tape(kind, count, client.combined)
    renewed(client, frames, 'BTCUSDT', 0, count)
    // Whole frames, because an answer to a ping may come in between.
    const step = Math.ceil(PORTION / (frames.bytes.length / count))
    for (let n = 0; n < count; n += step) await written(client.socket, frames.slice(n, Math.min(count, n + step)))
  },
  /** At a rate, in portions of a millisecond or so. The price of a trade is the time at which it was written. */
  async pace({ port, kind, count, rate }) {
    const client = clients.get(port)
    const frames = tape(kind, count, client.combined)
    const started = clock()
    for (let sent = 0; sent < count; ) {
      const due = Math.min(count, Math.floor((clock() - started) * rate))
      if (due > sent) {
        renewed(client, frames, 'BTCUSDT', sent, due)
        if (kind === 'trade') {
          const [whole, part] = (clock() - origin).toFixed(6).split('.')
          for (let n = sent; n < due; n++) {
            frames.number('price', n, Number(whole), 5)
            frames.bytes.write(part, frames.places.price[n] + 6, 'latin1')
          }
        }
        client.socket.write(frames.slice(sent, due))
        sent = due
      }
      await new Promise((done) => setTimeout(done, 1))
    }
    return origin
  },
  /** Many symbols: the book of each every 100 ms, and its trades, for so many seconds. */
  async market({ port, symbols, trades, seconds }) {
    const client = clients.get(port)
    const turns = 20
    const books = symbols.map((symbol) => tape('depth', turns, client.combined, symbol))
    const deals = symbols.map((symbol) => tape('trade', turns * 4, client.combined, symbol))
    const started = performance.now()
    const total = seconds * 10 * symbols.length
    let sentTrades = 0
    for (let sent = 0; sent < total; ) {
      const due = Math.min(total, Math.floor(((performance.now() - started) / 100) * symbols.length))
      for (; sent < due; sent++) {
        const which = sent % symbols.length
        const turn = Math.floor(sent / symbols.length)
        const parts = []
        const put = (frames, n) => {
          renewed(client, frames, symbols[which], n, n + 1)
          // A copy: the frame is renewed again, maybe before it left.
          parts.push(Buffer.from(frames.slice(n, n + 1)))
        }
        put(books[which], turn % turns)
        for (; sentTrades < (sent / symbols.length / 10) * symbols.length * trades; sentTrades++) {
          const symbol = sentTrades % symbols.length
          const frames = deals[symbol]
          const n = Math.floor(sentTrades / symbols.length) % frames.count
          renewed(client, frames, symbols[symbol], n, n + 1)
          parts.push(Buffer.from(frames.slice(n, n + 1)))
        }
        client.socket.write(parts.length === 1 ? parts[0] : Buffer.concat(parts))
      }
      await new Promise((done) => setTimeout(done, 1))
    }
    return { books: total, trades: sentTrades }
  },
  async cut({ port }) {
    for (const socket of clients.get(port).sockets) socket.destroy()
  },
}

process.on('message', ({ call, command, ...request }) => {
  commands[command](request).then(
    (value) => process.send({ call, value }),
    (error) => process.send({ call, error: error.stack }),
  )
})
process.on('disconnect', () => process.exit())
process.send({ call: 0 })
