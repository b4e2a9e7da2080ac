export { type ImportOptions, importFiles } from './importer.ts'
export type { ImportFormat, ImportHints, ImportReport } from './types.ts'
