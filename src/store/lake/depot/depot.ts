import { isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ConfigError } from '../../../model/errors.ts'

/** Another place for data files that are seldom read: a folder, or S3-compatible storage. */
export interface Depot extends AsyncDisposable {
  /** Where a key can be found again, without any secret. */
  url(key: string): string
  /** Copies a file there, wholly or not at all. What is there under the key is replaced. */
  put(key: string, path: string, signal?: AbortSignal): Promise<void>
  /** SHA-256 of what is there, read back byte for byte; undefined when nothing is. */
  hash(key: string, signal?: AbortSignal): Promise<string | undefined>
  /** Copies what is there to a new file. @throws StorageError when it is gone, or the depot cannot be reached. */
  fetch(key: string, target: string, signal?: AbortSignal): Promise<void>
  /** Path at which a key can be read in place; undefined where it has to be fetched. */
  path(key: string): string | undefined
}

/** Where a depot is. */
export type DepotAddress =
  | { readonly type: 'folder'; readonly path: string }
  | {
      readonly type: 's3'
      readonly bucket: string
      /** Before every key; empty, or with a slash at its end. */
      readonly prefix: string
      /** Of storage that is not Amazon's; else the SDK's own environment decides. */
      readonly endpoint?: string
      readonly region?: string
    }

/**
 * Reads `DIR` or `s3://bucket/prefix[?endpoint=http://host:port&region=name]`.
 * @throws ConfigError for anything else.
 */
export function parseDepot(text: string, cwd: string): DepotAddress {
  if (text.startsWith('file:')) return { type: 'folder', path: fileURLToPath(text) }
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) {
    if (text.trim() === '') throw new ConfigError('The archive folder is empty text.')
    return { type: 'folder', path: isAbsolute(text) ? text : resolve(cwd, text) }
  }
  let url: URL
  try {
    url = new URL(text)
  } catch (cause) {
    throw new ConfigError(`"${text}" is no address of an archive; use a folder or s3://bucket/prefix.`, { cause })
  }
  if (url.protocol !== 's3:' || url.hostname === '')
    throw new ConfigError(`"${text}" is no address of an archive; use a folder or s3://bucket/prefix.`)
  if (url.username !== '' || url.password !== '')
    throw new ConfigError(
      'Keys do not belong into the address, which is stored in the lake: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    )
  const endpoint = url.searchParams.get('endpoint')
  const region = url.searchParams.get('region')
  if (endpoint !== null && !/^https?:\/\//.test(endpoint))
    throw new ConfigError(`endpoint is "${endpoint}"; use a URL such as https://storage.example.com.`)
  const prefix = decodeURIComponent(url.pathname).replace(/^\/+/, '').replace(/\/*$/, '/')
  return {
    type: 's3',
    bucket: url.hostname,
    prefix: prefix === '/' ? '' : prefix,
    ...(endpoint === null ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
  }
}

/** @throws ConfigError when the library for S3 is not installed. */
export async function openDepot(address: DepotAddress): Promise<Depot> {
  if (address.type === 'folder') {
    const { FolderDepot } = await import('./folder-depot.ts')
    return new FolderDepot(address.path)
  }
  const { S3Depot } = await import('./s3-depot.ts')
  return S3Depot.open(address)
}

/** The depot that a stored URL speaks of, and the key in it. */
export function locate(url: string): { readonly address: DepotAddress; readonly key: string } {
  if (url.startsWith('file:')) {
    const path = fileURLToPath(url)
    const at = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'))
    return { address: { type: 'folder', path: path.slice(0, at) }, key: path.slice(at + 1) }
  }
  const whole = parseDepot(url, '/')
  if (whole.type === 'folder') throw new ConfigError(`"${url}" is no address of an archived file.`)
  const key = whole.prefix.replace(/\/$/, '')
  return { address: { ...whole, prefix: '' }, key }
}

/** The URL of a key in a folder. */
export function folderUrl(folder: string, key: string): string {
  return pathToFileURL(join(folder, ...key.split('/'))).href
}
