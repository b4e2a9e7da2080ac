// Builds src/ into dist/. `npm ci` calls this through `prepare`. An installed package ships dist/ and has neither the
// compiler nor the sources, so there is nothing to do (and nothing to fail on) when either is missing.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
if (!existsSync(join(root, 'src')) || !existsSync(tsc)) process.exit(0)
removeOrphans(join(root, 'dist'))
const built = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' })
process.exit(built.status ?? 1)

/** Deletes what the compiler made of sources that no longer exist: it would be published and imported otherwise. */
function removeOrphans(dist) {
  if (!existsSync(dist)) return
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const output = join(entry.parentPath ?? entry.path, entry.name)
    const source = output.replace(dist, join(root, 'src')).replace(/\.(js|d\.ts)(\.map)?$/, '.ts')
    if (entry.isFile() && source.endsWith('.ts') && !existsSync(source)) rmSync(output)
  }
}
