import { HttpError, ParseError } from '../model/errors.ts'
import type { HttpClient } from '../net/http.ts'
import { type RetryOptions, retryWithBackoff } from '../net/retry.ts'

/**
 * The SHA-256 in the text of a `.CHECKSUM` file: `<64 hex>  <file name>`, as sha256sum prints it.
 * @throws ParseError when the text is anything else.
 */
export function parseChecksum(text: string, source: string): string {
  const match = /^([0-9a-f]{64})(?:\s|$)/i.exec(text.trim())
  if (!match) throw new ParseError(source, `is no checksum: ${JSON.stringify(text.slice(0, 80))}`)
  return match[1]!.toLowerCase()
}

/** The published SHA-256 of an archive file; undefined when none is published or what is published is none. */
export async function fetchChecksum(
  http: HttpClient,
  url: string,
  options: { readonly retry?: RetryOptions; readonly signal?: AbortSignal },
): Promise<string | undefined> {
  try {
    const bytes = await retryWithBackoff(
      () =>
        http.getBytes(url, { signal: options.signal, maxBytes: 64 * 1024, headers: { 'cache-control': 'no-cache' } }),
      { ...options.retry, ...(options.signal ? { signal: options.signal } : {}) },
    )
    return parseChecksum(Buffer.from(bytes).toString('latin1'), url)
  } catch (error) {
    if (error instanceof HttpError && (error.status === 404 || error.status === 403)) return undefined
    if (error instanceof ParseError) return undefined
    throw error
  }
}
