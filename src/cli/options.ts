import { InvalidArgumentError, Option } from 'commander'

/** An option with a fixed list of words; a wrong one gets a suggestion. */
export function wordOption(flags: string, about: string, words: readonly string[], fallback: string): Option {
  return new Option(flags, `${about}: ${words.join(', ')} (default: ${fallback})`).argParser((value: string) => {
    if (words.includes(value)) return value
    throw new InvalidArgumentError(`Use one of ${words.join(', ')}.`)
  })
}
