import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { ConfigError, NetworkError } from '../../src/model/errors.ts'
import { createLog } from '../../src/net/log.ts'
import { repositoryRoot } from '../helpers/real-data.ts'

function memory(): { stream: Writable; text: () => string } {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk)
      done()
    },
  })
  return { stream, text: () => text }
}

test('writes one JSON object per line with level, time, text and fields', async () => {
  const { stream, text } = memory()
  await using log = await createLog({ stream, level: 'info' })
  log.debug({}, 'not written')
  log.info({ symbol: 'BTCUSDT', interval: '1m', attempt: 2 }, 'page read')
  log.error({ error: new NetworkError('http://x', 'cut') }, 'failed')
  const lines = text()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatchObject({ level: 'info', msg: 'page read', symbol: 'BTCUSDT', interval: '1m', attempt: 2 })
  expect(lines[0]!.time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  expect(lines[1]).toMatchObject({ level: 'error', error: { name: 'NetworkError', code: 'NETWORK' } })
})

test('pretty lines are for people: one per entry, whatever it holds', async () => {
  const { stream, text } = memory()
  const log = await createLog({ stream, format: 'pretty' })
  log.warn({ symbol: 'ETHUSDT', range: { from: 1, to: 2 } }, 'slow')
  log.error({ error: new NetworkError('http://x', 'cut') }, 'failed')
  log.error({ error: 'as text' }, 'failed again')
  await log.close()
  const lines = text().trimEnd().split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(/WARN.*slow.*"symbol":"ETHUSDT".*"from":1/)
  expect(lines[1]).toMatch(/ERROR.*failed.*"message":"http:\/\/x: cut"/)
  expect(lines[1]).not.toContain('"stack"')
  expect(lines[2]).toContain('as text')
})

test('a file gets every line, and has it when the log is closed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ticklake-log-'))
  try {
    const file = join(folder, 'run.log')
    const { stream } = memory()
    for (const name of ['one', 'two']) {
      await using log = await createLog({ stream, file, level: 'debug' })
      for (let i = 0; i < 50; i++) log.debug({ i }, name)
    }
    const lines = (await readFile(file, 'utf8')).trim().split('\n')
    expect(lines).toHaveLength(100)
    expect(JSON.parse(lines[99]!)).toMatchObject({ level: 'debug', i: 49, msg: 'two' })
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a level, format or file that cannot be is a ConfigError', async () => {
  await expect(createLog({ level: 'loud' as never })).rejects.toThrow(ConfigError)
  await expect(createLog({ format: 'xml' as never })).rejects.toThrow(/Use json or pretty/)
  const missing = join(tmpdir(), 'ticklake-no-such-folder', 'x', 'run.log')
  await expect(createLog({ file: missing })).rejects.toThrow(/can't be opened/)
})

test('a log file that cannot be opened does not make the end of the process fail', async () => {
  const code = `
    import { createLog } from ${JSON.stringify(pathToFileURL(join(repositoryRoot, 'dist/net/log.js')).href)}
    await createLog({ file: ${JSON.stringify(join(repositoryRoot, 'package.json', 'run.log'))} }).catch(() => {})
    process.exit(0)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  expect([await once(child, 'close'), stderr]).toEqual([[0, null], ''])
})
