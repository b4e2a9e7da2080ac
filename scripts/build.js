// Builds src/ into dist/. `npm ci` calls this through `prepare`. An installed package ships dist/ and has neither the
// compiler nor the sources, so there is nothing to do (and nothing to fail on) when either is missing.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
if (!existsSync(join(root, 'src')) || !existsSync(tsc)) process.exit(0)
removeOrphans(join(root, 'dist'))
const built = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' })
if (built.status === 0) await joinAnalysis(join(root, 'dist'))
process.exit(built.status ?? 1)

/**
 * Joins the hundred small files of the analysis to one for those who import the package root: Node takes about a third
 * of a millisecond per file. Nothing outside them is taken in, so nothing exists twice for the root.
 */
async function joinAnalysis(dist) {
  const { rolldown } = await import('rolldown')
  const folder = join(dist, 'analysis')
  const bundle = await rolldown({
    input: join(folder, 'index.js'),
    platform: 'node',
    external: (id, from) => from !== undefined && !resolve(dirname(from), id).startsWith(folder),
  })
  await bundle.write({ file: join(folder, 'bundle.js'), format: 'esm' })
  await bundle.close()
  const index = join(dist, 'index.js')
  writeFileSync(index, readFileSync(index, 'utf8').replace("'./analysis/index.js'", "'./analysis/bundle.js'"))
}

/** Deletes what the compiler made of sources that no longer exist: it would be published and imported otherwise. */
function removeOrphans(dist) {
  if (!existsSync(dist)) return
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const output = join(entry.parentPath ?? entry.path, entry.name)
    const source = output.replace(dist, join(root, 'src')).replace(/\.(js|d\.ts)(\.map)?$/, '.ts')
    if (entry.isFile() && source.endsWith('.ts') && !existsSync(source)) rmSync(output)
  }
}
