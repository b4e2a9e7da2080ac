// Serves years of monthly archive zips for any symbol, from a process of its own. Prints its URL.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { yearOfZips } from './data.js'

const YEAR = yearOfZips()
const md5 = new Map(YEAR.map((file) => [file.month, createHash('md5').update(file.bytes).digest('hex')]))
const KEY = /^data\/spot\/monthly\/klines\/(\w+)\/1m\/\1-1m-(\d{4})-(\d{2})\.zip(\.CHECKSUM)?$/

// The zips are of 2024: only that year is there.
const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost')
  const prefix = url.searchParams.get('prefix')
  if (prefix !== null) {
    const symbol = prefix.split('/')[4]
    const keys = prefix.includes('/monthly/')
      ? YEAR.map(({ month }) => [`${prefix}${symbol}-1m-2024-${String(month + 1).padStart(2, '0')}.zip`, month])
      : []
    const objects = keys.map(([key, month]) => {
      const size = YEAR[month].bytes.length
      return `<Contents><Key>${key}</Key><LastModified>2025-01-06T00:00:00.000Z</LastModified><ETag>"${md5.get(month)}"</ETag><Size>${size}</Size></Contents>`
    })
    response.end(`<ListBucketResult><IsTruncated>false</IsTruncated>${objects.join('')}</ListBucketResult>`)
    return
  }
  const match = KEY.exec(url.pathname.slice(1))
  if (match && match[2] === '2024') {
    const file = YEAR[Number(match[3]) - 1]
    const body = match[4] ? Buffer.from(`${file.sha256}  x\n`) : file.bytes
    response.writeHead(200, { 'content-length': body.length, etag: `"${md5.get(file.month)}"` }).end(body)
  } else if (url.pathname.endsWith('/time')) response.end(JSON.stringify({ serverTime: Date.UTC(2026, 0, 15) }))
  else response.writeHead(404).end('{}')
}).listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${server.address().port}\n`))
