import { type ColumnSpec, column } from '../kind.ts'

/** The columns that every live kind ends with. */
export function tailColumns(): readonly ColumnSpec[] {
  return [
    column('event_time', 'time', 'ms', 'when the exchange sent it', { isOptional: true }),
    column('receive_time', 'time', 'ms', 'when it reached us; none when REST filled it in', { isOptional: true }),
    column('flags', 'flags', 'bit mask', 'where the record came from and what was noticed (see RecordFlag)', {
      isDefault: false,
    }),
  ]
}
