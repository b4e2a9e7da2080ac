// Builds src/ into dist/. `npm ci` calls this through `prepare`. An installed package ships dist/ and has neither the
// compiler nor the sources, so there is nothing to do (and nothing to fail on) when either is missing.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
if (!existsSync(join(root, 'src')) || !existsSync(tsc)) process.exit(0)
const built = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' })
process.exit(built.status ?? 1)
