import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { inputsOfAll, parseTransforms, type Transform } from '../analysis/transform/index.ts'
import { ConfigError, ParseError } from '../model/errors.ts'
import type { Kind } from '../model/kind.ts'
import type { Context } from './context.ts'
import { didYouMean } from './suggest.ts'

/**
 * The transforms of a `--transform` file, for rows of these kinds.
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
  const transforms = readFormulas(() => parseTransforms(text, name))
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

/** A mistake in a file of formulas is one of usage, as one in a flag is. */
function readFormulas<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ParseError) throw new ConfigError(error.message, { cause: error })
    throw error
  }
}
