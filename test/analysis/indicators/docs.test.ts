import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { INDICATORS } from '../../../src/analysis/indicators/index.ts'
import { repositoryRoot } from '../../helpers/real-data.ts'

/** The row of an indicator in docs/indicators.md. */
function rowOf(definition: (typeof INDICATORS)[keyof typeof INDICATORS]): string {
  const defaults = Object.fromEntries(definition.parameters.map(({ name, fallback }) => [name, fallback])) as Record<
    string,
    number
  >
  const parameters = definition.parameters.map(({ name, fallback, kind, words }) => {
    if (kind === 'word') return `${name}=${words!.map((word) => (word === fallback ? `**${word}**` : word)).join('/')}`
    return fallback === undefined ? `${name}` : `${name}=${String(fallback)}`
  })
  const outputs = definition.outputs(defaults).map(({ name }) => name)
  const warmUp = [...new Set(definition.warmUp(defaults))].join(', ')
  return `| \`${definition.id}\` | ${definition.title} | ${parameters.join(', ') || '-'} | ${definition.inputs(defaults).join(', ')} | ${outputs.join(', ')} | ${warmUp} | ${definition.convention} |`
}

it('docs/indicators.md has the row of every indicator, and no other', () => {
  const rows = readFileSync(join(repositoryRoot, 'docs', 'indicators.md'), 'utf8')
    .split('\n')
    .filter((line) => /^\| `\w+` \|.*\|.*\|.*\|.*\|.*\|/.test(line))
  expect(rows).toEqual(Object.values(INDICATORS).map(rowOf))
})
