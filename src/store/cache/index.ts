// What users of the library may build on: the mapped files by themselves, behind a lake, or behind the archive. The
// engine loads these files anyway; naming them at the package root costs two small ones more.
export { ArchiveCache, type CachedMonth } from './archive-cache.ts'
export { ArrowCache, type CacheOptions, type CacheProblem, type CacheStats, type MonthContent } from './arrow-cache.ts'
export { LakeCache, type LakeCacheOptions } from './lake-cache.ts'
export type { ArchiveSourceFile, CacheMetadata, LakeSourceFile, MonthEntry, MonthSource } from './metadata.ts'
export { type MappingSupport, mappingSupport } from './mmap.ts'
