import type { VerbEntry } from '../verb.ts'

/** Every verb, in the order of `ticklake --help`. A new verb is one file and one line here. */
export const VERBS: readonly VerbEntry[] = [
  {
    name: 'download',
    summary: 'fetch history of any kind into the lake, from archive and REST',
    load: () => import('./download.ts'),
  },
  {
    name: 'collect',
    summary: 'collect live data into the lake, with nothing lost',
    load: () => import('./collect.ts'),
  },
  { name: 'monitor', summary: 'watch a running collector', load: () => import('./monitor.ts') },
  {
    name: 'reconnect',
    summary: 'give a running collector new connections',
    load: () => import('./reconnect.ts'),
  },
  { name: 'export', summary: 'write a series as CSV, JSON lines, Parquet or Arrow', load: () => import('./export.ts') },
  {
    name: 'import',
    summary: 'take files that are on disk already into the lake',
    load: () => import('./import.ts'),
  },
  {
    name: 'replay',
    summary: 'play stored records again, in the order in which they were known',
    load: () => import('./replay.ts'),
  },
  { name: 'query', summary: 'run SQL over the lake', load: () => import('./query.ts') },
  {
    name: 'indicators',
    summary: 'compute indicators over candles, as a table, CSV or JSON lines',
    load: () => import('./indicators.ts'),
  },
  {
    name: 'coverage',
    summary: 'show what the lake holds, and what is missing and why',
    load: () => import('./coverage.ts'),
  },
  { name: 'verify', summary: 'check every file of the lake, and repair it', load: () => import('./verify.ts') },
  { name: 'quality', summary: 'score how good each series is, and why', load: () => import('./quality.ts') },
  { name: 'stats', summary: 'rows, files and bytes of each series', load: () => import('./stats.ts') },
  {
    name: 'compact',
    summary: 'join small files, and pack files anew',
    load: () => import('./compact.ts'),
  },
  {
    name: 'archive',
    summary: 'move old data to another disk or to S3 storage',
    load: () => import('./archive.ts'),
  },
  { name: 'list', summary: 'list the series of the lake', load: () => import('./list.ts') },
  {
    name: 'prove',
    summary: 'compare the lake with what really happened on a sandbox',
    load: () => import('./prove.ts'),
  },
  { name: 'doctor', summary: 'check machine, settings, lake and exchange', load: () => import('./doctor.ts') },
  { name: 'init', summary: 'write example config files', load: () => import('./init.ts') },
  {
    name: 'demo',
    summary: 'see it work: history and live data through faults, proved',
    load: () => import('./demo.ts'),
  },
  { name: 'sandbox', summary: 'run a local exchange that speaks Binance', load: () => import('./sandbox.ts') },
]
