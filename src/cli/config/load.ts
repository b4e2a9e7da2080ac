import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ConfigError } from '../../model/errors.ts'
import { didYouMean } from '../suggest.ts'
import { SETTINGS, type Setting, type SettingKey, type Settings, settingEntries } from './settings.ts'
import { readYaml, type YamlFile } from './yaml.ts'

export const CONFIG_FILE = 'ticklake.config.yaml'

export interface LoadOptions {
  /** Values of flags that were given, by setting. */
  readonly flags?: Readonly<Partial<Record<SettingKey, unknown>>>
  readonly env: Readonly<Record<string, string | undefined>>
  /** Folder that holds `.env` and the config file, and that relative paths count from. */
  readonly cwd: string
  /** Another config file (`--config`); it must exist. */
  readonly configFile?: string
}

/** Where a value in force came from, for `doctor` and for messages. */
export interface Origin {
  /** e.g. `--data-dir`, `DATA_DIR`, `.env DATA_DIR`, `ticklake.config.yaml`, `default`. */
  readonly from: string
  readonly value: unknown
  readonly secret: boolean
}

export interface LoadedSettings {
  readonly settings: Settings
  readonly origins: ReadonlyMap<SettingKey, Origin>
  /** The config file that was read, if one was. */
  readonly configFile: string | undefined
  /** Whether a `.env` was read. */
  readonly dotenv: boolean
}

/**
 * Puts the settings together: flags over environment over `.env` over config file over default.
 * @throws ConfigError naming every value that can't be used, each with its place and what is allowed.
 */
export async function loadSettings(options: LoadOptions): Promise<LoadedSettings> {
  const problems: string[] = []
  const dotenv = await readDotenv(join(options.cwd, '.env'))
  const file = await readConfigFile(options, problems)
  const configDir = file ? dirname(file.path) : options.cwd
  if (file) checkNames(file, problems)

  const origins = new Map<SettingKey, Origin>()
  const groups: Record<string, Record<string, unknown>> = {}
  for (const { key, group, name, setting } of settingEntries()) {
    const found = findValue(key, setting, options, dotenv, file)
    let value: unknown = setting.default
    if (found) {
      const read = setting.type.read(found.raw)
      if (read === undefined) problems.push(describe(found, setting))
      else value = read
    }
    const base = found?.from === file?.label && file ? configDir : options.cwd
    if (setting.isPath) value = absolute(value, base)
    groups[group] ??= {}
    groups[group][name] = value
    origins.set(key, { from: found?.from ?? 'default', value, secret: setting.secret ?? false })
  }
  throwProblems(problems)
  const settings = groups as unknown as Settings
  const withCache = {
    ...settings,
    data: { ...settings.data, cacheDir: settings.data.cacheDir ?? join(settings.data.dataDir, '.cache') },
  }
  return { settings: withCache, origins, configFile: file?.path, dotenv: dotenv !== undefined }
}

interface Found {
  /** Short name of the place, as in `Origin.from`. */
  readonly from: string
  /** The place and key as a message names them. */
  readonly place: string
  readonly raw: unknown
}

function findValue(
  key: SettingKey,
  setting: Setting<unknown>,
  options: LoadOptions,
  dotenv: Readonly<Record<string, string>> | undefined,
  file: YamlFile | undefined,
): Found | undefined {
  const flagValue = options.flags?.[key]
  if (flagValue !== undefined && setting.flag) return { from: setting.flag, place: setting.flag, raw: flagValue }
  for (const name of setting.env ?? []) {
    const value = options.env[name]
    // An empty variable is how many shells and CI systems say "not set".
    if (value !== undefined && value.trim() !== '') return { from: name, place: `environment: ${name}`, raw: value }
  }
  for (const name of setting.env ?? []) {
    const value = dotenv?.[name]
    if (value !== undefined && value.trim() !== '') return { from: `.env ${name}`, place: `.env: ${name}`, raw: value }
  }
  const [group, name] = key.split('.') as [string, string]
  const groupValue = file?.root[group]
  if (!file || !isMap(groupValue)) return undefined
  const value = groupValue[name]
  if (value === undefined || value === null) return undefined
  return { from: file.label, place: `${file.place([group, name])}: ${key}`, raw: value }
}

function describe(found: Found, setting: Setting<unknown>): string {
  const shown = setting.secret ? 'a value' : showValue(found.raw)
  let hint = setting.type.suggest?.(found.raw) ?? ''
  if (typeof found.raw === 'string' && setting.type.words) {
    hint = didYouMean(found.raw, setting.type.words)
  }
  return `${found.place} is ${shown}; allowed: ${setting.type.allowed}.${hint}`
}

function showValue(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value)
  return json.length > 80 ? `${json.slice(0, 79)}…` : json
}

function checkNames(file: YamlFile, problems: string[]): void {
  const groups = Object.keys(SETTINGS)
  for (const [group, value] of Object.entries(file.root)) {
    if (!groups.includes(group)) {
      const elsewhere = settingEntries().filter((entry) => entry.name === group)
      const hint = elsewhere.length > 0 ? ` Did you mean ${elsewhere[0]!.key}?` : didYouMean(group, groups)
      problems.push(
        `${file.place([group])}: "${group}" is not a group of settings; allowed: ${groups.join(', ')}.${hint}`,
      )
      continue
    }
    // A group whose keys are all commented out is null in YAML.
    if (value === null) continue
    if (!isMap(value)) {
      problems.push(`${file.place([group])}: ${group} is ${showValue(value)}; allowed: a map of settings.`)
      continue
    }
    const names = Object.keys(SETTINGS[group as keyof typeof SETTINGS])
    for (const name of Object.keys(value)) {
      if (names.includes(name)) continue
      const elsewhere = settingEntries().find((entry) => entry.name === name)
      const near = elsewhere
        ? ` Did you mean ${elsewhere.key}?`
        : didYouMean(name, names).replace('mean ', `mean ${group}.`)
      problems.push(
        `${file.place([group, name])}: ${group}.${name} is not a setting; allowed: ${names.join(', ')}.${near}`,
      )
    }
  }
}

async function readConfigFile(options: LoadOptions, problems: string[]): Promise<YamlFile | undefined> {
  const named = options.configFile
  const path = resolve(options.cwd, named ?? CONFIG_FILE)
  return readYaml(path, named ?? CONFIG_FILE, problems, { mustExist: named !== undefined, flag: '--config' })
}

async function readDotenv(path: string): Promise<Record<string, string> | undefined> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    if (['ENOENT', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw new ConfigError(`.env: cannot be read (${(error as Error).message}).`, { cause: error })
  }
  const { parse } = await import('dotenv')
  return parse(bytes)
}

function absolute(value: unknown, base: string): unknown {
  if (typeof value === 'string') return resolve(base, value)
  if (isMap(value) && typeof value.file === 'string') return { file: resolve(base, value.file) }
  return value
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** All problems in one error: whoever mends a file wants to know the whole list. */
export function throwProblems(problems: readonly string[]): void {
  if (problems.length === 1) throw new ConfigError(problems[0]!)
  if (problems.length > 1)
    throw new ConfigError(`${problems.length} settings cannot be used:\n  ${problems.join('\n  ')}`)
}
