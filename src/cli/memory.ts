import { setFlagsFromString } from 'node:v8'

const M_TRIM_THRESHOLD = -1
const M_MMAP_THRESHOLD = -3
const M_ARENA_MAX = -8

/**
 * Keeps V8's young generation from growing: what it would hold are mostly the handles of column blocks, and those keep
 * the blocks themselves. Then makes glibc give freed memory back at once. Its defaults keep it for the next allocation, per thread; a program that
 * moves blocks of columns between threads then holds a third more than it uses. Where there is no glibc (musl, macOS,
 * Windows) only the first part happens. Concerns the whole process, so it is the CLI's business and not the library's.
 */
export async function returnMemoryEarly(): Promise<void> {
  setFlagsFromString('--semi-space-growth-factor=1')
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
