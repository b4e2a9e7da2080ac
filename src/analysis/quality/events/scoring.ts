import type { TimeRange } from '../../../model/time.ts'
import type { CheckedKind } from '../../validate/records/record-validator.ts'
import type { QualityPart } from '../score.ts'

/** Takes what a counter finds, in the order of time. */
export interface CountSink {
  /** A record that counts; nothing is missing since the one before, or it was said. */
  follow(time: number): void
  /** `count` records are missing: at `first`, `first + step`, … */
  lack(first: number, step: number, count: number): void
}

/** A record as the validator gives it; it is filled anew for the next one. */
export type CountedRecord = Readonly<Record<string, unknown>>

/** Finds out which records are missing where no id tells. */
export interface RecordCounter {
  /** Whether what was seen tells at all what is missing. */
  readonly counts: boolean
  take(record: CountedRecord): void
  /** No more records come: tells the rest. */
  finish(): void
}

/** How the series of a kind is scored. */
export interface EventScoring {
  readonly kind: CheckedKind
  /**
   * What tells that a record is missing: its ids or its chain, a counter, or nothing: then completeness cannot be judged
   * and only holes that are known break the series.
   */
  readonly missing: 'ids' | 'unknown' | ((sink: CountSink, asked: TimeRange) => RecordCounter)
  /** In few words, what shows the absence: `missing by their ids`. */
  readonly absence: string
  /** Whether records are judged by when they happened alone, and not by when they came. */
  readonly isPunctual?: boolean
  /** Values that a whole record has: each that is blank costs its share of the record. */
  readonly cells?: readonly string[]
  /** Why a part cannot be judged, where it can't. */
  readonly unjudged: Partial<Record<QualityPart, string>>
}

export const NEVER_TIMED = 'records of this kind do not say when they came'
