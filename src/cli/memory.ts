const M_TRIM_THRESHOLD = -1
const M_MMAP_THRESHOLD = -3
const M_ARENA_MAX = -8

/**
 * Makes glibc give freed memory back at once. Its defaults keep it for the next allocation, per thread; a program that
 * moves blocks of columns between threads then holds a third more than it uses. Where there is no glibc (musl, macOS,
 * Windows) nothing happens. Concerns the whole process, so it is the CLI's business and not the library's.
 */
export async function returnMemoryEarly(): Promise<void> {
  if (process.platform !== 'linux') return
  try {
    const { default: koffi } = await import('koffi')
    const mallopt = koffi.load(null).func('int mallopt(int parameter, int value)') as (
      key: number,
      value: number,
    ) => number
    mallopt(M_ARENA_MAX, 2)
    mallopt(M_MMAP_THRESHOLD, 65_536)
    mallopt(M_TRIM_THRESHOLD, 65_536)
  } catch {
    // A libc without mallopt has other habits.
  }
}
