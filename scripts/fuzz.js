// Runs every test that makes up its own cases, again and again with new ones: FUZZ_ROUNDS times (default 10).
// A failure prints the seed and path of fast-check; a case worth keeping becomes a test of its own.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const files = readdirSync(join(root, 'test'), { recursive: true })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join('test', name))
  .filter((name) => readFileSync(join(root, name), 'utf8').includes("from 'fast-check'"))
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const rounds = Number(process.env.FUZZ_ROUNDS ?? 10)
let failed = 0
for (let round = 1; round <= rounds; round++) {
  const args = [vitest, 'run', '--reporter=dot', ...files]
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, FUZZ_SEED: 'random' },
  })
  if (status !== 0) failed++
  console.log(`round ${round} of ${rounds}: ${status === 0 ? 'no failure' : 'FAILED'}`)
}
process.exit(failed === 0 ? 0 : 1)
