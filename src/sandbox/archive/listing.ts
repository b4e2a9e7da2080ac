import type { ArchiveStore } from './store.ts'

export interface ListingQuery {
  readonly prefix: string
  /** `/` or nothing. */
  readonly delimiter: string
  readonly marker: string
  readonly maxKeys: number
  /** Percent-encode keys in the answer (`encoding-type=url`). */
  readonly encode: boolean
}

/** Reads the parameters of ListObjects; a text is what is wrong with them. */
export function parseListing(query: URLSearchParams): ListingQuery | string {
  const delimiter = query.get('delimiter') ?? ''
  if (delimiter !== '' && delimiter !== '/') return 'Only the delimiter "/" is known here.'
  const max = query.get('max-keys')
  const maxKeys = max === null || max === '' ? 1000 : Number(max)
  if (!Number.isInteger(maxKeys) || maxKeys < 0) return 'Argument maxKeys must be an integer between 0 and 2147483647'
  return {
    prefix: query.get('prefix') ?? '',
    delimiter,
    marker: query.get('marker') ?? '',
    maxKeys: Math.min(1000, maxKeys),
    encode: query.get('encoding-type') === 'url',
  }
}

/** One answer of ListObjects, version 1. `hidden` leaves objects out (faults). */
export async function listObjects(
  store: ArchiveStore,
  query: ListingQuery,
  now: number,
  hidden: (key: string) => boolean,
): Promise<string> {
  const { prefix, delimiter, marker, maxKeys, encode } = query
  const entries: string[] = []
  const contents: string[] = []
  const prefixes: string[] = []
  let truncated = false
  const text = (value: string): string => escapeXml(encode ? encodeURIComponent(value).replaceAll('%2F', '/') : value)
  /** False once the page is full. */
  const add = (key: string): boolean => {
    if (entries.length >= maxKeys) {
      truncated = maxKeys > 0
      return false
    }
    entries.push(key)
    return true
  }
  const walk = async (folder: string): Promise<boolean> => {
    for (const child of await store.children(folder, now)) {
      const key = folder + child
      if (!key.startsWith(prefix) && !prefix.startsWith(key)) continue
      if (key.endsWith('/')) {
        if (key <= marker && !marker.startsWith(key)) continue
        if (delimiter !== '' && key.startsWith(prefix) && key.length > prefix.length) {
          if (key <= marker) continue
          if (!add(key)) return false
          prefixes.push(`<CommonPrefixes><Prefix>${text(key)}</Prefix></CommonPrefixes>`)
        } else if (!(await walk(key))) return false
      } else if (key > marker && !hidden(key)) {
        const object = await store.object(key, now)
        if (!object) continue
        if (!add(key)) return false
        const modified = new Date(object.lastModified).toISOString()
        contents.push(
          `<Contents><Key>${text(key)}</Key><LastModified>${modified}</LastModified><ETag>&quot;${object.etag}&quot;</ETag>` +
            `<Size>${object.size}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
        )
      }
    }
    return true
  }
  if (maxKeys > 0) await walk('')
  const next = truncated && delimiter !== '' ? `<NextMarker>${text(entries.at(-1) ?? '')}</NextMarker>` : ''
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    `<Name>data.binance.vision</Name><Prefix>${text(prefix)}</Prefix><Marker>${text(marker)}</Marker>${next}` +
    `<MaxKeys>${maxKeys}</MaxKeys>${delimiter === '' ? '' : `<Delimiter>${delimiter}</Delimiter>`}` +
    `<IsTruncated>${truncated}</IsTruncated>${contents.join('')}${prefixes.join('')}</ListBucketResult>`
  )
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

/** The error body of S3. */
export function s3Error(code: string, message: string, key: string): string {
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message>` +
    `<Key>${escapeXml(key)}</Key><RequestId>SANDBOX</RequestId><HostId>sandbox</HostId></Error>`
  )
}
