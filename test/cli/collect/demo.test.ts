import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import type { Context } from '../../../src/cli/context.ts'
import type { DemoPart } from '../../../src/cli/demo/part.ts'
import { createStyle } from '../../../src/cli/render/style.ts'
import { repositoryRoot } from '../../helpers/real-data.ts'
import { tempFolder } from '../../helpers/temp.ts'

it('the live part of the demo cuts, repairs and proves, as it says', async () => {
  // It starts the built program as its sandbox.
  const built = join(repositoryRoot, 'dist', 'cli', 'demo', 'live.js')
  if (!existsSync(built)) throw new Error('dist/ is missing: npm run build')
  const { live } = (await import(pathToFileURL(built).href)) as { live: DemoPart }
  await using folder = await tempFolder('demo')
  const signal = new AbortController().signal
  const context = { common: { dataDir: folder.path }, signal, style: createStyle(false) } as Context
  const lines: string[] = []
  const results: { readonly type: string; readonly [field: string]: unknown }[] = []
  const ok = await live.run(context, {
    head: async (title) => void lines.push(title),
    text: async (line) => void lines.push(line),
    result: async (type, fields, text) => {
      lines.push(text)
      // What programs get must be JSON.
      results.push(JSON.parse(JSON.stringify({ type, ...fields })))
    },
  })
  const told = lines.join('\n')
  expect(told).toMatch(/connection 1 was lost/)
  expect(told).toMatch(/BTCUSDT trade: .*(\d+) of \1 filled after/)
  expect(told).toMatch(/BTCUSDT candle 1s: .*filled after/)
  expect(told).toMatch(/book: synced → stale[\s\S]*book: stale → synced/)
  const proofs = results.filter(({ type }) => type === 'live-proof')
  expect(proofs.map(({ kind, equal }) => `${kind} ${equal}`).toSorted()).toEqual([
    'bookDelta true',
    'bookSnapshot true',
    'candle true',
    'trade true',
  ])
  expect(ok).toBe(true)
})
