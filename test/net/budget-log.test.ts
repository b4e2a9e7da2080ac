import { appendFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StorageError } from '../../src/model/errors.ts'
import { silentLog } from '../../src/model/log.ts'
import { forgetBudget, openBudget, wordOf } from '../../src/net/budget.ts'
import { type BudgetEvent, BudgetLog, machineNow } from '../../src/net/budget-log.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'

const SLOT = 1000_000
let folder: TempFolder
let now = 0
const open: BudgetLog[] = []
beforeEach(async () => {
  folder = await tempFolder('budget')
  now = 5 * SLOT + 10
})
afterEach(async () => {
  for (const log of open.splice(0)) log.close()
  await folder[Symbol.asyncDispose]()
})

function log(name = 'host-pool'): BudgetLog {
  const made = new BudgetLog({ folder: folder.path, name, slotMs: SLOT, clock: () => now })
  open.push(made)
  return made
}

function read(from: BudgetLog): BudgetEvent[] {
  const events: BudgetEvent[] = []
  from.read((event) => events.push(event))
  return events
}

const numbers = (from: BudgetLog): number[] => read(from).map((event) => event.number)
const files = (): string[] => readdirSync(folder.path).sort()

test('everybody reads all that was appended, once, in one order, and knows its own', () => {
  const [a, b] = [log(), log()]
  a.append('claim', 1, 20)
  b.append('claim', 7, 2.5)
  a.append('finish', 1, 20)
  const seen = read(b)
  expect(seen.map(({ type, number, value, isOwn }) => [type, number, value, isOwn])).toEqual([
    ['claim', 1, 20, false],
    ['claim', 7, 2.5, true],
    ['finish', 1, 20, false],
  ])
  expect(seen[0]).toMatchObject({ at: now, pid: process.pid, isLive: false })
  expect(read(a).map(({ number, isOwn }) => [number, isOwn])).toEqual([
    [1, true],
    [7, false],
    [1, true],
  ])
  expect([read(a), read(b)]).toEqual([[], []])
})

test('who comes later reads what was told before, across the change of files, and what is older is swept away', () => {
  const a = log()
  a.append('claim', 1, 1)
  now += SLOT
  a.append('claim', 2, 1)
  expect(numbers(log())).toEqual([1, 2])
  expect(numbers(a)).toEqual([1, 2])
  now += SLOT
  a.append('claim', 3, 1)
  expect(numbers(log())).toEqual([2, 3])
  expect(files()).toEqual(['host-pool.6.budget1', 'host-pool.7.budget1'])
})

test('a rewound log is read from its beginning', () => {
  const a = log()
  a.append('claim', 1, 1)
  now += SLOT
  a.append('claim', 2, 1)
  expect(numbers(a)).toEqual([1, 2])
  a.rewind()
  expect(numbers(a)).toEqual([1, 2])
})

test('one that slept while files changed takes up the new ones', () => {
  const [a, b] = [log(), log()]
  now += 2 * SLOT
  b.append('claim', 4, 1)
  now += SLOT
  b.append('claim', 5, 1)
  expect(numbers(a)).toEqual([4, 5])
})

test('what is being written at the very end waits, damage in the middle is left out', () => {
  const [a, b] = [log(), log()]
  a.append('claim', 1, 1)
  const [file] = files()
  appendFileSync(join(folder.path, file!), Buffer.alloc(32))
  expect(numbers(b)).toEqual([1])
  a.append('claim', 2, 1)
  expect(numbers(b)).toEqual([2])
})

test('a file that somebody removes is begun anew by all', () => {
  const [a, b] = [log(), log()]
  a.append('claim', 1, 1)
  for (const file of files()) rmSync(join(folder.path, file))
  now += 1000
  a.append('claim', 2, 1)
  expect(numbers(b)).toEqual([2])
})

test('budgets of other names are apart', () => {
  log('one').append('claim', 1, 1)
  expect(numbers(log('two'))).toEqual([])
})

test('a folder that cannot be used is an error that names it; a closed log does nothing', () => {
  const path = folder.join('file')
  writeFileSync(path, '')
  expect(() => new BudgetLog({ folder: path, name: 'x' })).toThrow(StorageError)
  expect(() => new BudgetLog({ folder: path, name: 'x' })).toThrow(path)
  const a = log()
  a.close()
  a.append('claim', 1, 1)
  expect([numbers(a), numbers(log())]).toEqual([[], []])
})

test('what was told of a host is forgotten when another server has its address, and of no other', () => {
  const [one, other] = [log('127.0.0.1:80-spot'), log('127.0.0.1:8080-spot')]
  one.append('pause', 0, 60_000)
  other.append('claim', 1, 1)
  forgetBudget('127.0.0.1:80', folder.path)
  expect(files()).toEqual(['127.0.0.1_8080-spot.5.budget1'])
  now += 1000
  expect(numbers(one)).toEqual([])
  expect(files()).toContain('127.0.0.1_80-spot.5.budget1')
  forgetBudget('127.0.0.1:80', folder.join('nowhere'))
  forgetBudget('127.0.0.1:8080', false)
  expect(numbers(log('127.0.0.1:8080-spot'))).toEqual([1])
})

test('the machine’s clock runs on', () => {
  const first = machineNow()
  expect(machineNow()).toBeGreaterThanOrEqual(first)
})

test('whether a budget is shared, and where, is said by an option or by the environment', () => {
  expect([undefined, '', 'true', 'ON', '0', 'no', 'False', '/run/x'].map(wordOf)).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    '/run/x',
  ])
  const facts = { isLive: false, log: silentLog }
  // test/setup.ts turns it off where nothing is said.
  expect(openBudget('x', { ...facts, shared: undefined })).toBeUndefined()
  expect(openBudget('x', { ...facts, shared: false })).toBeUndefined()
  using made = openBudget('x', { ...facts, shared: folder.path })
  expect(made?.folder).toBe(folder.path)
})
