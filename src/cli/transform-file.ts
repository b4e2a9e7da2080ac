import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inputsOfAll, parseTransforms, type Transform, TransformRegistry } from '../analysis/transform/index.ts'
import { ConfigError, ParseError } from '../model/errors.ts'
import type { Kind } from '../model/kind.ts'
import type { Context } from './context.ts'
import { didYouMean } from './suggest.ts'

/** A file of code; any other is one of formulas. */
const MODULE = /\.[cm]?js$/i
const TYPESCRIPT = /\.[cm]?tsx?$/i

/**
 * The transforms of a `--transform` file, formulas or a JavaScript module, for rows of these kinds.
 * @throws ConfigError for a file that cannot be read, that holds none or a mistake, or reads a column that a kind lacks.
 */
export async function readTransformFile(
  context: Context,
  file: string,
  kinds: readonly Kind[],
): Promise<readonly Transform[]> {
  const path = resolve(context.cwd, file)
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ConfigError(`--transform is "${file}", which cannot be read.`, { cause })
  })
  const name = context.shortPath(path)
  if (TYPESCRIPT.test(path)) throw new ConfigError(`${name} is TypeScript: compile it, and name the JavaScript file.`)
  const transforms = MODULE.test(path) ? await readModule(path, name) : readFormulas(() => parseTransforms(text, name))
  if (transforms.length === 0) throw new ConfigError(`${name} holds no formula and no condition.`)
  for (const kind of kinds) {
    const known = kind.columns.map((spec) => spec.name)
    const unknown = inputsOfAll(transforms).find((input) => !known.includes(input))
    if (unknown === undefined) continue
    const of = kinds.length > 1 ? ` of ${kind.id}` : ''
    throw new ConfigError(
      `${name} reads "${unknown}"${of}; there are ${known.join(', ')}.${didYouMean(unknown, known)}`,
    )
  }
  return transforms
}

/** What a module exports by default: a transform, or a list of them. */
async function readModule(path: string, name: string): Promise<Transform[]> {
  const { default: given } = (await import(pathToFileURL(path).href).catch((cause: unknown) => {
    throw new ConfigError(`${name} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  })) as { readonly default?: unknown }
  const list: readonly unknown[] = Array.isArray(given) ? given : given === undefined ? [] : [given]
  if (list.length === 0) {
    throw new ConfigError(`${name} has no default export; use export default [defineTransform({ … }), …].`)
  }
  // A registry takes nothing but transforms, each name once.
  const registry = new TransformRegistry()
  for (const [index, entry] of list.entries()) {
    if (typeof entry !== 'object' || entry === null) throw new ConfigError(`${name}: export ${index} is no transform.`)
    registry.register(entry as Transform)
  }
  return registry.resolve(registry.names)
}

/** A mistake in a file of formulas is one of usage, as one in a flag is. */
function readFormulas<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ParseError) throw new ConfigError(error.message, { cause: error })
    throw error
  }
}
