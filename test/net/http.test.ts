import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HttpError, isAbortError, NetworkError } from '../../src/model/errors.ts'
import { HttpClient, parseRetryAfter } from '../../src/net/http.ts'
import { startTestServer, type TestServer, until } from '../helpers/http-server.ts'

let server: TestServer
let client: HttpClient

beforeEach(async () => {
  server = await startTestServer((_request, response) => void response.end('hello'))
  client = new HttpClient({ connections: 2 })
})

afterEach(async () => {
  await client.close()
  await server.close()
})

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

test('gives status, headers and the whole body', async () => {
  server.handler = (_request, response) => void response.writeHead(203, { 'X-Thing': 'a', ETag: '"e"' }).end('body')
  const response = await client.request({ url: `${server.url}/x?y=1` })
  expect(response.status).toBe(203)
  expect(response.headers['x-thing']).toBe('a')
  expect(response.headers.etag).toBe('"e"')
  expect(text(await response.bytes())).toBe('body')
  expect(server.requests).toEqual(['/x?y=1'])
})

test('keeps connections alive for requests in a row', async () => {
  for (let i = 0; i < 20; i++) await client.getBytes(server.url)
  expect(server.connections()).toBeLessThanOrEqual(2)
})

test('never opens more connections than allowed', async () => {
  await Promise.all(Array.from({ length: 12 }, () => client.getBytes(server.url)))
  expect(server.connections()).toBeLessThanOrEqual(2)
  expect(server.requests).toHaveLength(12)
})

test('a refused connection is a retryable network error that names the host', async () => {
  const closed = createServer()
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
  const { port } = closed.address() as AddressInfo
  await new Promise((resolve) => closed.close(resolve))
  const error = await client.getBytes(`http://127.0.0.1:${port}/a`).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(NetworkError)
  expect(error).toMatchObject({ retryable: true, code: 'NETWORK' })
  expect(String(error)).toContain(`127.0.0.1:${port} refused the connection`)
})

test('a server that never answers ends in a timeout that says how long it took', async () => {
  server.handler = () => {}
  await expect(client.getBytes(server.url, { timeoutMs: 60 })).rejects.toThrow(/no answer within 60 ms/)
})

test('a body that stalls is an error, not a hang', async () => {
  server.handler = (_request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('0123456789')
  }
  await expect(client.getBytes(server.url, { stallMs: 60 })).rejects.toThrow(
    /stalled: no byte for 60 ms after 10 bytes/,
  )
})

test('a connection cut in the middle of a body is an error', async () => {
  server.handler = (_request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('0123456789', () => response.socket?.destroy())
  }
  await expect(client.getBytes(server.url)).rejects.toThrow(/was cut after 10 bytes/)
})

test('an answer larger than allowed is refused and its connection closed', async () => {
  server.handler = (_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65536)));
    }
    response.on('drain', more)
    more()
  }
  const error = await client.getBytes(server.url, { maxBytes: 1_000_000 }).catch((e: unknown) => e)
  expect(String(error)).toContain('larger than the 1000000 bytes')
  expect(error).toMatchObject({ retryable: false })
  await until(() => server.aborted() === 1)
})

test('a status that is no success is an HttpError with Retry-After, and the connection lives on', async () => {
  server.handler = (_request, response) => void response.writeHead(503, { 'retry-after': '7' }).end('<html>busy</html>')
  const error = await client.getBytes(server.url).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(HttpError)
  expect(error).toMatchObject({ status: 503, retryAfterMs: 7000, retryable: true })
  server.handler = (_request, response) => void response.writeHead(404).end('no')
  await expect(client.getBytes(server.url)).rejects.toMatchObject({ status: 404, retryable: false })
  expect(server.connections()).toBeLessThanOrEqual(2)
})

test('a body streams chunk by chunk, and leaving early closes the connection', async () => {
  server.handler = (_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65536, 1)));
    }
    response.on('drain', more)
    more()
  }
  const response = await client.request({ url: server.url, headers: { range: 'bytes=5-' } })
  let bytes = 0
  for await (const chunk of response.body) {
    bytes += chunk.length
    if (bytes > 200_000) break
  }
  expect(bytes).toBeGreaterThan(200_000)
  await until(() => server.aborted() === 1)
  server.handler = (_request, answer) => void answer.end('next')
  expect(text(await client.getBytes(server.url))).toBe('next')
})

test('a body that nobody wants is discarded without losing a connection', async () => {
  server.handler = (_request, response) => void response.end(Buffer.alloc(20_000))
  for (let i = 0; i < 20; i++) {
    await using response = await client.request({ url: server.url })
    expect(response.status).toBe(200)
  }
  expect(server.connections()).toBeLessThanOrEqual(2)
})

test('an abort before, while waiting and in the body rejects at once and frees the socket', async () => {
  const gone = new AbortController()
  gone.abort()
  expect(isAbortError(await client.request({ url: server.url, signal: gone.signal }).catch((e: unknown) => e))).toBe(
    true,
  )

  server.handler = () => {}
  const waiting = new AbortController()
  const pending = client.request({ url: server.url, signal: waiting.signal }).catch((e: unknown) => e)
  await until(() => server.requests.length === 1)
  waiting.abort()
  expect(isAbortError(await pending)).toBe(true)
  await until(() => server.aborted() === 1)

  server.handler = (_request, response) => void response.write('part')
  const reading = new AbortController()
  const response = await client.request({ url: server.url, signal: reading.signal })
  const bytes = response.bytes().catch((e: unknown) => e)
  reading.abort()
  expect(isAbortError(await bytes)).toBe(true)
  await until(() => server.aborted() === 2)
})

test('gzip is asked for and unpacked only on wish', async () => {
  server.handler = (request, response) => {
    if (request.headers['accept-encoding'] !== 'gzip') return void response.end('plain')
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('packed text'))
  }
  expect(text(await client.getBytes(server.url))).toBe('plain')
  expect(text(await client.getBytes(server.url, { gzip: true }))).toBe('packed text')
})

test('a damaged or exploding gzip body is an error', async () => {
  server.handler = (_request, response) =>
    void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1_000_000)))
  await expect(client.getBytes(server.url, { gzip: true, maxBytes: 10_000 })).rejects.toThrow(/too large/)
  server.handler = (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('nonsense')
  await expect(client.getBytes(server.url, { gzip: true })).rejects.toThrow(NetworkError)
})

test('closing the client fails what is under way and refuses more', async () => {
  server.handler = () => {}
  const pending = client.getBytes(server.url).catch((e: unknown) => e)
  await until(() => server.requests.length === 1)
  await client.close()
  expect(await pending).toBeInstanceOf(NetworkError)
  await expect(client.getBytes(server.url)).rejects.toThrow(/closed/)
})

test('a text that is no URL is a clear error', async () => {
  await expect(client.getBytes('fapi.example')).rejects.toThrow(/"fapi.example" is not a URL/)
})

test('Retry-After is read as seconds or as a date', () => {
  expect(parseRetryAfter('12')).toBe(12_000)
  expect(parseRetryAfter('Wed, 21 Oct 2015 07:28:00 GMT', Date.UTC(2015, 9, 21, 7, 27))).toBe(60_000)
  expect(parseRetryAfter('soon')).toBeUndefined()
  expect(parseRetryAfter(undefined)).toBeUndefined()
})
