import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { ConfigError, StorageError } from '../../../model/errors.ts'
import type { Depot, DepotAddress } from './depot.ts'

type Sdk = typeof import('@aws-sdk/client-s3')
type S3Address = Extract<DepotAddress, { readonly type: 's3' }>

/**
 * S3-compatible storage, by Amazon's own library. Keys come from where it looks for them: the environment
 * (AWS_ACCESS_KEY_ID …), its shared files, or the machine's role.
 */
export class S3Depot implements Depot {
  readonly #address: S3Address
  readonly #sdk: Sdk
  readonly #client: S3Client

  private constructor(address: S3Address, sdk: Sdk, client: S3Client) {
    this.#address = address
    this.#sdk = sdk
    this.#client = client
  }

  /** @throws ConfigError when the library is not installed. */
  static async open(address: S3Address): Promise<S3Depot> {
    // The package warns of Node's version with every call; which one is used is not decided here.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
    const sdk = await import('@aws-sdk/client-s3').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ERR_MODULE_NOT_FOUND') throw cause
      throw new ConfigError('S3 storage needs the package @aws-sdk/client-s3. Run: npm install @aws-sdk/client-s3', {
        cause,
      })
    })
    const { endpoint, region } = address
    const own = endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL
    const client = new sdk.S3Client({
      region: region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? 'us-east-1',
      // Servers other than Amazon's have no host name per bucket, as a rule, and know no checksums behind the data.
      ...(own === undefined ? {} : { endpoint: own, forcePathStyle: true }),
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      followRegionRedirects: true,
    })
    return new S3Depot(address, sdk, client)
  }

  url(key: string): string {
    const { bucket, prefix, endpoint, region } = this.#address
    const url = new URL(`s3://${bucket}/${`${prefix}${key}`.split('/').map(encodeURIComponent).join('/')}`)
    if (endpoint !== undefined) url.searchParams.set('endpoint', endpoint)
    if (region !== undefined) url.searchParams.set('region', region)
    return url.href
  }

  path(): undefined {
    return undefined
  }

  async put(key: string, path: string, signal?: AbortSignal): Promise<void> {
    // A data file is bounded by `maxFileSize`; one at a time is in memory, so that it can be sent again.
    const body = await readFile(path, signal ? { signal } : {})
    await this.#call(
      key,
      'could not be archived',
      (options) => this.#client.send(new this.#sdk.PutObjectCommand({ ...this.#at(key), Body: body }), options),
      signal,
    )
  }

  async hash(key: string, signal?: AbortSignal): Promise<string | undefined> {
    const body = await this.#body(key, signal)
    if (!body) return undefined
    const hash = createHash('sha256')
    try {
      for await (const chunk of body) hash.update(chunk as Uint8Array)
    } catch (cause) {
      throw this.#error(key, 'could not be read back', cause, signal)
    }
    return hash.digest('hex')
  }

  async fetch(key: string, target: string, signal?: AbortSignal): Promise<void> {
    const body = await this.#body(key, signal)
    if (!body)
      throw new StorageError(this.url(key), 'the archived file is not there any more.', { code: 'MISSING_FILE' })
    const options = { flush: true, ...(signal ? { signal } : {}) }
    await pipeline(body, createWriteStream(target, options)).catch((cause: unknown) => {
      throw this.#error(key, 'could not be fetched', cause, signal)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#address.bucket, Key: `${this.#address.prefix}${key}` }
  }

  async #body(key: string, signal?: AbortSignal): Promise<Readable | undefined> {
    return this.#call(
      key,
      'could not be read',
      async (options) => {
        try {
          const answer = await this.#client.send(new this.#sdk.GetObjectCommand(this.#at(key)), options)
          return answer.Body as Readable
        } catch (error) {
          const { name } = error as Error
          if (name === 'NoSuchKey' || name === 'NotFound') return undefined
          throw error
        }
      },
      signal,
    )
  }

  async #call<T>(
    key: string,
    doing: string,
    work: (options: { readonly abortSignal?: AbortSignal }) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    try {
      return await work(signal ? { abortSignal: signal } : {})
    } catch (cause) {
      throw this.#error(key, doing, cause, signal)
    }
  }

  #error(key: string, doing: string, cause: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) return signal.reason
    const { name, message } = cause as Error
    const what = name === 'Error' || message.includes(name) ? message : `${name}: ${message}`
    return new StorageError(this.url(key), `the archived file ${doing} (${what}).`, { cause, retryable: true })
  }
}
