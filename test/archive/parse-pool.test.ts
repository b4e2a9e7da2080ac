import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

const MODULE = new URL('../../dist/archive/parse-pool.js', import.meta.url).href

describe('ParsePool', () => {
  it('is closed to the end while a file is being read, though nothing else keeps the process alive', () => {
    const range = { from: Date.UTC(2024, 0, 1), to: Date.UTC(2024, 1, 1) }
    const spec = { path: 'a.csv', isPlain: true, kind: 'candle', interval: '1m', ...range }
    const program = `
      const { ParsePool } = await import(${JSON.stringify(MODULE)})
      const pool = new ParsePool(1)
      const job = pool.open(${JSON.stringify(spec)}, () => {})
      await job.write(Buffer.from('1704067200000,1,1,1,1,1,1704067259999,1,1,1,1,0\\n'))
      await pool[Symbol.asyncDispose]()
      console.log('closed')`
    const ran = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect([ran.status, ran.stdout, ran.stderr]).toEqual([0, 'closed\n', ''])
  })
})
