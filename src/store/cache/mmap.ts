/** Makes parts of a file appear in memory. */
export interface Mapper {
  /** The offset of a map is a multiple of this, bytes. */
  readonly pageSize: number
  /**
   * Bytes of an open file as an ArrayBuffer that is the file: a page is read when it is first touched. The file may be
   * closed, replaced or removed then, but never be made shorter. What is written into the buffer stays there: neither
   * the file nor any other map sees it. The map ends when the buffer and the last view on it have been collected.
   * Undefined when the system refuses (no address space left, too many maps).
   */
  map(fd: number, offset: number, length: number): ArrayBuffer | undefined
}

/** What this platform can do, for people. */
export interface MappingSupport {
  readonly mapped: boolean
  readonly detail: string
}

/** Maps made and not collected yet, in this process. */
export function liveMaps(): number {
  return live
}

let live = 0
let loaded: Promise<Mapper | string> | undefined

/** The platform's mapper; undefined where files must be read instead. */
export async function loadMapper(): Promise<Mapper | undefined> {
  const mapper = await load()
  return typeof mapper === 'string' ? undefined : mapper
}

/** Whether cache files are mapped here, or why they are read instead. */
export async function mappingSupport(): Promise<MappingSupport> {
  const mapper = await load()
  return typeof mapper === 'string'
    ? { mapped: false, detail: `files are read into memory: ${mapper}` }
    : { mapped: true, detail: `files are memory-mapped (pages of ${mapper.pageSize / 1024} KB)` }
}

function load(): Promise<Mapper | string> {
  loaded ??= makeMapper().catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
  return loaded
}

const PROT_READ_WRITE = 3
const MAP_PRIVATE = 2
/** What mmap gives when it fails: all bits set. */
const MAP_FAILED = 2n ** 64n - 1n

async function makeMapper(): Promise<Mapper | string> {
  if (process.platform === 'win32') return 'Windows has no mmap'
  if (process.arch !== 'x64' && process.arch !== 'arm64') return `no mapping on ${process.arch}`
  const { default: koffi } = await import('koffi')
  // The process itself is linked against libc, on glibc, musl and macOS alike.
  const libc = koffi.load(null)
  const mmap = libc.func('void* mmap(void*, size_t, int, int, int, int64_t)')
  const munmap = libc.func('int munmap(void*, size_t)')
  const pageSize = (libc.func('int getpagesize()') as () => number)()
  const registry = new FinalizationRegistry((map: { pointer: unknown; length: number }) => {
    live--
    munmap(map.pointer, map.length)
  })
  return {
    pageSize,
    map(fd, offset, length) {
      // Private and writable: a program that sorts a column in place gets pages of its own, where a read-only map would
      // end the process and a shared one would change what everyone else reads.
      const pointer = mmap(null, length, PROT_READ_WRITE, MAP_PRIVATE, fd, offset) as unknown
      if (BigInt.asUintN(64, BigInt(koffi.address(pointer))) === MAP_FAILED) return undefined
      const buffer = koffi.view(pointer, length)
      // Views hold their buffer, so no view can outlive the map.
      registry.register(buffer, { pointer, length })
      live++
      return buffer
    },
  }
}
