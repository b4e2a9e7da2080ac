import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'
import { makeLake, START } from './lake.ts'

const HOUR = 3_600_000

/** A column that looks back, and a record that drops rows and adds a column of its own. */
const MODULE = `
const change = {
  type: 'column', name: 'change', inputs: ['close'], outputs: ['change'], lookback: 1,
  compute: ({ close }) => close.map((value, i) => value - (i > 0 ? close[i - 1] : NaN)),
}
const wide = {
  type: 'record', name: 'wide', inputs: ['high', 'low'], outputs: ['range'],
  apply: (row) => (row.open_time % 7_200_000 === 0 ? { ...row, range: row.high - row.low } : undefined),
}
export default [change, wide]
`

let folder: TempFolder
beforeAll(async () => {
  folder = await tempFolder('transform-module')
  await makeLake(folder.join('ticklake-data'))
  await writeFile(folder.join('mine.mjs'), MODULE)
})
afterAll(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(args, { cwd: folder.path })
const RANGE = ['ETHUSDT', '--interval', '1h', '--to', new Date(START + 4 * HOUR).toISOString()]

describe('a --transform that is a module', () => {
  it('adds its columns to an export, and drops rows', async () => {
    const ran = await here('export', ...RANGE, '--columns', 'open_time,close', '--transform', 'mine.mjs')
    expect(ran.stdout.split('\n')).toEqual([
      'open_time,close,change,range',
      `${START},100.5,,100.9999999`,
      `${START + 2 * HOUR},100.75,0.125,101.2499999`,
      '',
    ])
    expect(ran.code).toBe(0)
  })

  it('runs on a replay, with the same values', async () => {
    const ran = await here('replay', ...RANGE, '--transform', 'mine.mjs', '--json', '--quiet')
    const rows = jsonLines(ran.stdout).map(({ row }) => row as Record<string, unknown>)
    expect(rows.map(({ change, range }) => [change, range])).toEqual([
      [null, 101 - 1e-7],
      [0.125, 101.25 - 1e-7],
    ])
  })

  it('leaves empty what a record leaves out', async () => {
    const text = `export default { type: 'record', name: 'few', outputs: ['x'], apply: ({ open_time }) => ({ open_time }) }`
    await writeFile(folder.join('few.mjs'), text)
    const ran = await here('export', ...RANGE, '--columns', 'open_time,close', '--transform', 'few.mjs')
    expect(ran.stdout.split('\n').slice(0, 2)).toEqual(['open_time,close,x', `${START},,`])
  })

  it.each([
    ['none.mjs', 'export const x = 1', 'none.mjs has no default export; use export default'],
    ['wrong.mjs', 'export default [5]', 'wrong.mjs: export 0 is no transform.'],
    ['type.mjs', "export default { name: 'x', type: 'columns' }", 'The transform "x" has type "columns"; use column'],
    ['syntax.mjs', 'export default [', 'syntax.mjs cannot be loaded: '],
    ['types.ts', 'export default []', 'types.ts is TypeScript: compile it, and name the JavaScript file.'],
    [
      'reads.mjs',
      "export default { name: 'x', type: 'record', inputs: ['closse'], apply: (row) => row }",
      'reads.mjs reads "closse"; there are open_time, open, high, low, close',
    ],
    [
      'adds.mjs',
      "export default { name: 'x', type: 'record', apply: (row) => ({ ...row, y: 1 }) }",
      `A record transform of --transform adds "y" and does not tell: outputs: ['y'].`,
    ],
  ])('is told what is wrong with it: %s', async (name, text, message) => {
    await writeFile(folder.join(name), text)
    const ran = await here('export', ...RANGE, '--transform', name)
    expect(ran.stderr).toContain(message)
    expect(ran.code).toBe(2)
  })
})
