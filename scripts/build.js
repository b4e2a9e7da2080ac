// Builds src/ into dist/. `npm ci` calls this through `prepare`. An installed package ships dist/ and has neither the
// compiler nor the sources, so there is nothing to do (and nothing to fail on) when either is missing.
//
// The compiler writes to build/, file by file. What the package root loads is then joined to one file, core.js: Node
// takes about a third of a millisecond for each file, and there are hundreds. Each of those files stays in dist/ as a
// few lines that hand on the names of core.js, so that whoever loads one of them (the command line, the sandbox, a
// worker) gets the same class and not another one. What is loaded late stays a file of its own, and so does what
// `ticklake --help` loads, which needs nothing else.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, relative, resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = realpathSync(join(dirname(fileURLToPath(import.meta.url)), '..'))
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
if (!existsSync(join(root, 'src')) || !existsSync(tsc)) process.exit(0)
const build = join(root, 'build')
const dist = join(root, 'dist')

const OPTIONS = { platform: 'node', treeshake: false, checks: { ineffectiveDynamicImport: false } }

removeOrphans(build)
const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)
await publish()

/** The modules that importing one of them loads at once, as paths below build/. */
async function loadedBy(file) {
  const { rolldown } = await import('rolldown')
  const bundle = await rolldown({ ...OPTIONS, input: join(build, file), external: isPackage })
  const { output } = await bundle.generate({ format: 'esm' })
  await bundle.close()
  const chunks = new Map(output.filter(({ type }) => type === 'chunk').map((chunk) => [chunk.fileName, chunk]))
  const wanted = new Set(output.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName))
  for (const name of wanted)
    for (const other of chunks.get(name)?.imports ?? []) if (chunks.has(other)) wanted.add(other)
  return [...wanted]
    .flatMap((name) => chunks.get(name).moduleIds)
    .filter((id) => id.startsWith(build))
    .map((id) => slashed(relative(build, id)))
    .sort()
}

async function publish() {
  const { rolldown } = await import('rolldown')
  const help = new Set(await loadedBy('cli/main.js'))
  const files = (await loadedBy('index.js')).filter((file) => !help.has(file))
  const inside = new Set(files)
  const names = new Map()
  for (const file of files) names.set(file, Object.keys(await import(pathToFileURL(join(build, file)).href)))
  // Nothing lies there yet: the plugin tells what is in it.
  const entry = join(build, 'core.js')
  const bundle = await rolldown({
    ...OPTIONS,
    input: entry,
    external: (id, from) => {
      if (id === entry || from === undefined || from === entry) return false
      return isPackage(id) || !inside.has(slashed(relative(build, resolve(dirname(from), id))))
    },
    plugins: [
      {
        name: 'core',
        resolveId: (id) => (id === entry ? id : undefined),
        load: (id) =>
          id === entry
            ? files
                .map((file, index) => {
                  const path = JSON.stringify(join(build, file))
                  const list = names.get(file).map((name) => `${name} as ${alias(index, name)}`)
                  return list.length > 0 ? `export { ${list.join(', ')} } from ${path}` : `import ${path}`
                })
                .join('\n')
            : undefined,
        // A module that asks where it lies must be told its own place, not that of core.js.
        transform: (code, id) =>
          code.includes('import.meta.url')
            ? code.replaceAll(
                'import.meta.url',
                `new URL(${JSON.stringify(`./${slashed(relative(build, id))}`)}, import.meta.url).href`,
              )
            : undefined,
      },
    ],
  })
  await bundle.write({ file: join(build, 'core.js'), format: 'esm' })
  await bundle.close()

  mkdirSync(dist, { recursive: true })
  for (const file of filesOf(build)) {
    if (file === '.tsbuildinfo') continue
    const target = join(dist, file)
    mkdirSync(dirname(target), { recursive: true })
    if (inside.has(file)) writeIfChanged(target, facade(file, files.indexOf(file), names.get(file)))
    else if (inside.has(file.replace(/\.map$/, ''))) continue
    else cpSync(join(build, file), target)
  }
  const kept = new Set(filesOf(build))
  for (const file of filesOf(dist)) {
    if (!kept.has(file) || (file.endsWith('.map') && inside.has(file.slice(0, -4)))) rmSync(join(dist, file))
  }
}

function facade(file, index, names) {
  const core = posix.relative(posix.dirname(file), 'core.js')
  const path = core.startsWith('.') ? core : `./${core}`
  const list = names.map((name) => `${alias(index, name)} as ${name}`)
  return list.length > 0 ? `export { ${list.join(', ')} } from '${path}'\n` : `import '${path}'\n`
}

function alias(index, name) {
  return `m${index}$${name}`
}

function isPackage(id) {
  return !/^[./]|^[a-z]:[\\/]/i.test(id)
}

function slashed(path) {
  return path.split(sep).join('/')
}

/** All files below a folder, with `/` between the parts of their paths. */
function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => slashed(relative(folder, join(entry.parentPath ?? entry.path, entry.name))))
}

function writeIfChanged(file, text) {
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text)
}

/** Deletes what the compiler made of sources that no longer exist: it would be published and imported otherwise. */
function removeOrphans(folder) {
  if (!existsSync(folder)) return
  for (const file of filesOf(folder)) {
    const source = join(root, 'src', file.replace(/\.(js|d\.ts)(\.map)?$/, '.ts'))
    if (source.endsWith('.ts') && !existsSync(source)) rmSync(join(folder, file))
  }
}
