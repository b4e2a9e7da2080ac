import { mkdir } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

interface Rover {
  readonly httpServer: Server
  run(): Promise<AddressInfo>
  close(): Promise<void>
}

/** A real S3 server on this machine, with a bucket `lake`. */
export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
}

/** What the AWS library needs to reach it, as environment. */
export const S3_ENV: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: 'S3RVER',
  AWS_SECRET_ACCESS_KEY: 'S3RVER',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
}

export async function startS3(folder: string): Promise<S3Server> {
  // It has no types of its own.
  const { default: S3rver } = (await import('s3rver' as string)) as { default: new (options: object) => Rover }
  const directory = join(folder, 's3')
  await mkdir(directory, { recursive: true })
  const options = { address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: [{ name: 'lake' }] }
  const server = new S3rver(options)
  const { port } = await server.run()
  let isOpen = true
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      if (!isOpen) return
      isOpen = false
      const closed = server.close()
      server.httpServer.closeAllConnections()
      await closed
    },
  }
}
