import { ConfigError } from '../../model/errors.ts'
import { checkTransform, type Transform } from './definition.ts'

/** Transforms by name, so that settings, files and calls can name them. */
export class TransformRegistry {
  readonly #transforms = new Map<string, Transform>()

  /** @throws ConfigError for a name that is taken or is none, and for what is no transform. */
  register(transform: Transform): this {
    checkTransform(transform)
    const { name } = transform
    if (!/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(name)) {
      throw new ConfigError(`"${name}" is no name for a transform: use letters, digits, _ and -, a letter first.`)
    }
    if (this.#transforms.has(name)) throw new ConfigError(`There is a transform "${name}" already; give another name.`)
    this.#transforms.set(name, transform)
    return this
  }

  unregister(name: string): boolean {
    return this.#transforms.delete(name)
  }

  get names(): string[] {
    return [...this.#transforms.keys()]
  }

  /** @throws ConfigError naming those that there are. */
  get(name: string): Transform {
    const found = this.#transforms.get(name)
    if (found) return found
    const known = this.names.length === 0 ? 'none is registered' : `there are ${this.names.join(', ')}`
    throw new ConfigError(`There is no transform "${name}"; ${known}.`)
  }

  /** Transforms by name or as they are. */
  resolve(wanted: readonly (string | Transform)[]): Transform[] {
    return wanted.map((entry) => (typeof entry === 'string' ? this.get(entry) : entry))
  }
}

/** Where a name of a transform is looked up, unless whoever asks has a registry of their own. */
export const transformRegistry = new TransformRegistry()
