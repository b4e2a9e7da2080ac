import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FaultSpec, type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { type DeadServer, refusedPort, silentServer, statusServer } from '../helpers/dead-server.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'

const NOW = Date.UTC(2024, 2, 4, 12)
/** What the archive has of it, less the 36 hours that are left to REST. */
const ARCHIVED = Date.UTC(2024, 2, 3)
const RANGE = ['--interval', '1h', '--from', '2024-01-01', '--to', '2024-03-04']

let folder: TempFolder
let sandbox: Sandbox
let dead: DeadServer
beforeEach(async () => {
  folder = await tempFolder('rest-dead')
})
afterEach(async () => {
  await dead[Symbol.asyncDispose]()
  await sandbox.close()
  await folder[Symbol.asyncDispose]()
})

/** The sandbox's archive, and a REST host that is of no use. */
async function start(host: () => Promise<DeadServer>, faults: readonly FaultSpec[] = []): Promise<void> {
  sandbox = await startSandbox({ now: NOW, symbols: ['BTCUSDT', 'ETHUSDT'], tradesPerSecond: 0.02, faults })
  dead = await host()
  await writeFile(
    folder.join('ticklake.config.yaml'),
    `exchange: { restUrl: '${dead.url}', archiveUrl: '${sandbox.archive}' }\ndownload: { timeout: 300, retries: 2 }\n`,
  )
}

const here = (...args: string[]) => runHere(args, { cwd: folder.path })

describe.each([
  ['refuses connections', refusedPort, 'refused the connection'],
  ['never answers', silentServer, 'no answer within 300 ms'],
  ['answers 503 to everything', () => statusServer(503), 'HTTP 503'],
])('download, when REST %s', (_, host, why) => {
  it('brings what the archive has, tells what is unknown, and ends with 3', async () => {
    await start(host)
    const ran = await here('download', 'BTCUSDT', 'ETHUSDT', ...RANGE)
    expect(ran.code).toBe(3)
    expect(ran.stdout).toMatch(/BTCUSDT .* 1,488 +1,488 +\d+ +0 .* incomplete/)
    expect(ran.stdout).toContain(`REST could not be asked  ${dead.url}`)
    expect(ran.stdout).toContain(why)
    expect(ran.stdout).toContain('unknown  2024-03-03 00:00 to 2024-03-04 00:00, 24 candles: only REST can tell')
    // One line tells it, whatever was tried before.
    const warnings = ran.stderr.split('\n').filter((line) => /warn/i.test(line))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('REST can not be asked; the archive is used as far as it goes')

    const again = await here('download', 'BTCUSDT', ...RANGE, '--json')
    expect(again.code).toBe(3)
    expect(jsonLines(again.stdout)[0]).toMatchObject({
      rows: 62 * 24,
      added: 0,
      complete: false,
      restError: expect.stringContaining(why),
      unsettled: [{ from: ARCHIVED, to: Date.UTC(2024, 2, 4) }],
    })
    const update = await here('download', '--update', '--json')
    expect([update.code, jsonLines(update.stdout).length]).toEqual([3, 2])

    const healthy = await here('download', 'BTCUSDT', 'ETHUSDT', ...RANGE, '--endpoint', sandbox.endpoint)
    expect(healthy.code).toBe(0)
  })
})

describe('download, when REST is dead', () => {
  it('ends with 0 when the archive has all that was asked for', async () => {
    await start(refusedPort)
    const ran = await here('download', 'BTCUSDT', '--interval', '1h', '--from', '2024-01-01', '--to', '2024-03-01')
    expect([ran.code, ran.stdout.includes('complete')]).toEqual([0, true])
  })

  it('still knows a typing mistake, by the archive', async () => {
    await start(refusedPort)
    const ran = await here('download', 'BTCUSTD', ...RANGE)
    expect(ran.code).not.toBe(0)
    expect(ran.stderr).toContain('The exchange has no data of BTCUSTD 1h')
  })

  it('asks it nothing with --source archive', async () => {
    await start(silentServer)
    const ran = await here('download', 'BTCUSDT', '--interval', '1h', '--from', '2024-01-01', '--source', 'archive')
    expect(ran.stdout).toMatch(/BTCUSDT .* 1,488 +1,488 /)
    expect(ran.stderr).not.toMatch(/warn/i)
    expect(dead.seen()).toBe(0)
  })

  it('fails with --source rest, and says why', async () => {
    await start(refusedPort)
    const ran = await here('download', 'BTCUSDT', ...RANGE, '--source', 'rest')
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain('refused the connection')
  })

  it('fails when the archive is dead too, in one line', async () => {
    await start(refusedPort, [{ type: 'http-error', status: 503 }])
    const ran = await here('download', 'BTCUSDT', ...RANGE)
    expect(ran.code).toBe(1)
    expect(ran.stderr.trim().split('\n')).toHaveLength(1)
    expect(ran.stderr).toContain('refused the connection')
  })
})

describe('verify --archive', () => {
  const month = { path: '1h-2024-01\\.zip\\.CHECKSUM' }

  it('reports a checksum that can not be asked for, and checks the others', async () => {
    await start(refusedPort)
    await here('download', 'BTCUSDT', ...RANGE, '--endpoint', sandbox.endpoint)
    sandbox.resetUsage()
    sandbox.addFaults([{ type: 'http-error', status: 503, match: month }])
    const ran = await here('verify', '--archive', '--json')
    expect(ran.code).toBe(1)
    const [report] = jsonLines(ran.stdout)
    expect(report).toMatchObject({ ok: false, complete: true, holes: [], compared: (await files()).length - 1 })
    const path = 'data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip'
    expect(report!.problems).toEqual([
      {
        type: 'not-checked',
        path,
        detail: expect.stringMatching(/could not be asked for: .*HTTP 503/),
        repaired: false,
      },
    ])
    const asked = Object.keys(sandbox.usage().paths).filter((name) => name.endsWith('.CHECKSUM'))
    expect(asked.length).toBe((await files()).length)
    const shown = await here('verify', '--archive')
    expect(shown.stdout).toContain(`unknown  not-checked: ${path}: `)
    expect(shown.stderr).not.toContain('--repair')
    sandbox.clearFaults()
    const sound = await here('verify', '--archive')
    expect(sound.code).toBe(0)
    expect(sound.stderr).toContain(
      `${asked.length} archive files compared with the hashes that are published now; none was published anew.`,
    )
  })

  it('gives up soon when the archive does not answer at all', async () => {
    await start(silentServer)
    await here('download', 'BTCUSDT', '--interval', '1d', '--from', '2022-01-01', '--endpoint', sandbox.endpoint)
    sandbox.addFaults([{ type: 'http-error', status: 503 }])
    sandbox.resetUsage()
    const ran = await here('verify', '--archive', '--json')
    expect(ran.code).toBe(1)
    const problems = jsonLines(ran.stdout)[0]!.problems as { type: string }[]
    expect(problems.map(({ type }) => type)).toEqual((await files()).map(() => 'not-checked'))
    expect(problems.length).toBeGreaterThan(13)
    // Thirteen at a time, three tries each; after the fifth that failed, those in line are not asked any more.
    const tries = Object.values(sandbox.usage().paths).reduce((sum, count) => sum + count, 0)
    expect(tries).toBeLessThanOrEqual((13 + 4) * 3)
  })

  async function files(): Promise<unknown[]> {
    const [coverage] = jsonLines((await here('coverage', '--json')).stdout)
    return coverage!.checks as unknown[]
  }
})
