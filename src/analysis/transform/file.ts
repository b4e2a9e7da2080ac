import { ParseError } from '../../model/errors.ts'
import type { Transform } from './definition.ts'
import { parseExpression } from './expression.ts'

const ASSIGNMENT = /^([\p{L}_][\p{L}\p{N}_]*)\s*=(?!=)\s*(.+)$/u
const FILTER = /^where\s+(.+)$/

/**
 * Reads transforms from text, one a line: `name = formula` adds a column, `where formula` keeps the rows for which it
 * is true, `#` begins a remark. Each line sees the columns of those before it. Formulas are data, not code: a file can
 * do nothing but compute, and never looks ahead.
 * @param source what the text came from, for errors
 * @throws ParseError naming the line.
 */
export function parseTransforms(text: string, source = 'transforms'): Transform[] {
  const transforms: Transform[] = []
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.replace(/#.*$/, '').trim()
    if (line === '') continue
    const where = `${source}:${index + 1}`
    const [, condition] = FILTER.exec(line) ?? []
    const [, name, formula] = ASSIGNMENT.exec(line) ?? []
    if (condition !== undefined) {
      transforms.push({ type: 'filter', name: `where ${condition}`, ...parseExpression(condition, where) })
    } else if (name !== undefined && formula !== undefined) {
      transforms.push({ type: 'column', name, outputs: [name], ...parseExpression(formula, where) })
    } else throw new ParseError(where, `"${line}" is neither "name = formula" nor "where formula".`)
  }
  return transforms
}
