import { ConfigError } from './errors.ts'
import { nearestTexts } from './symbol.ts'

/** Every name of a type of options: the compiler says when one is missing here, or there is one too many. */
export type OptionNames<Options> = { readonly [Name in keyof Required<Options>]: true }

/**
 * Refuses options that are not there: one that is misspelt would be left at its default without a word.
 * @throws ConfigError naming the nearest one.
 */
export function assertKnownOptions(what: string, options: object, names: Readonly<Record<string, true>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(names, name)) continue
    const [near] = nearestTexts(name, Object.keys(names), 1)
    const hint = near === undefined ? `There are ${Object.keys(names).join(', ')}.` : `Did you mean ${near}?`
    throw new ConfigError(`${what} has no option "${name}". ${hint}`)
  }
}
