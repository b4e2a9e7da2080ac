import { displayWidth, padEnd, padStart, printable, truncate } from './text.ts'

export interface TableColumn {
  readonly title: string
  readonly align?: 'left' | 'right'
}

export interface TableOptions {
  /** Widest cell in display columns; longer ones are cut with an ellipsis. Default 60. */
  readonly maxCell?: number
  /** Paints the title line. */
  readonly paintTitle?: (text: string) => string
}

/** Lines of an aligned table: titles, then one line per row, two blanks between columns. */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string[] {
  const maxCell = options.maxCell ?? 60
  const cells = rows.map((row) =>
    columns.map((_, index) => truncate(printable(row[index] ?? '').replace(/[\n\t]/g, ' '), maxCell)),
  )
  const widths = columns.map((column, index) =>
    cells.reduce((width, row) => Math.max(width, displayWidth(row[index]!)), displayWidth(column.title)),
  )
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) =>
        columns[index]!.align === 'right' ? padStart(text, widths[index]!) : padEnd(text, widths[index]!),
      )
      .join('  ')
      .trimEnd()
  const title = line(columns.map((column) => column.title))
  return [options.paintTitle ? options.paintTitle(title) : title, ...cells.map(line)]
}
