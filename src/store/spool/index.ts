export { ENTRY_TYPES, type SpoolEntry, type SpoolEntryType } from './format.ts'
export type { SpoolDamage, SpoolOptions, SpoolStatus } from './options.ts'
export { decodeRecords, encodeRecords } from './records.ts'
export { RUN_GAP, Spool } from './spool.ts'
