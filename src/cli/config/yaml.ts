import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'

/** A YAML file whose top level is a map. */
export interface YamlFile {
  readonly path: string
  /** The name that messages use. */
  readonly label: string
  readonly root: Readonly<Record<string, unknown>>
  /** `file:line` of a key, as far as it is known. */
  place(keys: readonly (string | number)[]): string
}

/**
 * Reads a YAML file. What is wrong with it is added to `problems`; undefined means there is nothing to use.
 * A file that does not exist is a problem only where `mustExist` says so.
 */
export async function readYaml(
  path: string,
  label: string,
  problems: string[],
  options: { mustExist: boolean; flag: string },
): Promise<YamlFile | undefined> {
  let source: string
  try {
    source = await readFile(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') {
      if (options.mustExist) {
        problems.push(`${options.flag} is "${label}", a file that does not exist. \`ticklake init\` writes an example.`)
      }
      return undefined
    }
    problems.push(`${label}: cannot be read (${code === 'EISDIR' ? 'it is a folder' : (error as Error).message}).`)
    return undefined
  }
  const { isMap, isPair, isScalar, LineCounter, parseDocument } = await import('yaml')
  const lineCounter = new LineCounter()
  const document = parseDocument(source, { lineCounter, prettyErrors: false })
  for (const error of document.errors) {
    const { line, col } = lineCounter.linePos(error.pos[0])
    problems.push(`${label}:${line}:${col}: is not YAML: ${error.message}`)
  }
  if (document.errors.length > 0) return undefined
  const root: unknown = document.toJS()
  if (root === null || root === undefined) return { path, label, root: {}, place: () => label }
  if (typeof root !== 'object' || Array.isArray(root)) {
    problems.push(`${label}: holds ${Array.isArray(root) ? 'a list' : 'a single value'}; allowed: a map of settings.`)
    return undefined
  }
  const place = (keys: readonly (string | number)[]): string => {
    let offset: number | undefined
    const parent = keys.length > 1 ? document.getIn(keys.slice(0, -1), true) : document.contents
    const last = keys[keys.length - 1]
    if (isMap(parent)) {
      for (const item of parent.items) {
        if (isPair(item) && isScalar(item.key) && item.key.value === last) offset = item.key.range?.[0]
      }
    }
    offset ??= (document.getIn(keys, true) as { range?: [number, number, number] } | undefined)?.range?.[0]
    return offset === undefined ? label : `${label}:${lineCounter.linePos(offset).line}`
  }
  return { path, label: label === path ? basename(path) : label, root: root as Record<string, unknown>, place }
}
