import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { exampleFiles } from '../../src/cli/config/examples.ts'
import { type LoadOptions, loadSettings } from '../../src/cli/config/load.ts'
import { DEFAULT_PAIRS, loadPairs } from '../../src/cli/config/pairs.ts'
import { settingEntries } from '../../src/cli/config/settings.ts'
import { ConfigError } from '../../src/model/errors.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'

let folder: TempFolder
let cwd: string
beforeEach(async () => {
  folder = await tempFolder('config')
  cwd = folder.path
})
afterEach(() => folder[Symbol.asyncDispose]())

const load = (options: Partial<LoadOptions> = {}) => loadSettings({ env: {}, cwd, ...options })
const write = (name: string, text: string) => writeFile(join(cwd, name), text)

async function problemsOf(options: Partial<LoadOptions> = {}): Promise<string> {
  const error = await load(options).then(
    () => undefined,
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(ConfigError)
  return (error as ConfigError).message
}

describe('where a setting comes from', () => {
  it('is the default when nothing says otherwise', async () => {
    const { settings, origins, configFile, dotenv } = await load()
    expect(settings.data.dataDir).toBe(join(cwd, 'ticklake-data'))
    expect(settings.data.cacheDir).toBe(join(cwd, 'ticklake-data', '.cache'))
    expect(settings.download).toMatchObject({
      parallel: undefined,
      retries: 5,
      timeout: 30_000,
      recentHours: 36,
      defaultInterval: '1m',
    })
    expect(settings.exchange).toMatchObject({ name: 'binance', testnet: false, market: undefined, apiKey: undefined })
    expect(origins.get('data.dataDir')?.from).toBe('default')
    expect(configFile).toBeUndefined()
    expect(dotenv).toBe(false)
  })

  it('is the flag over the environment over .env over the config file over the default', async () => {
    const dataDir = async (options: Partial<LoadOptions> = {}) => {
      const { settings, origins } = await load(options)
      return [settings.data.dataDir, origins.get('data.dataDir')?.from]
    }
    await write('ticklake.config.yaml', 'data: { dataDir: from-file }')
    expect(await dataDir()).toEqual([join(cwd, 'from-file'), 'ticklake.config.yaml'])
    await write('.env', 'DATA_DIR=from-dotenv\n')
    expect(await dataDir()).toEqual([join(cwd, 'from-dotenv'), '.env DATA_DIR'])
    const env = { DATA_DIR: 'from-env' }
    expect(await dataDir({ env })).toEqual([join(cwd, 'from-env'), 'DATA_DIR'])
    expect(await dataDir({ env, flags: { 'data.dataDir': 'from-flag' } })).toEqual([
      join(cwd, 'from-flag'),
      '--data-dir',
    ])
  })

  it('takes every environment variable by its name, and the alias of the secret', async () => {
    const { settings } = await load({
      env: {
        BINANCE_API_KEY: 'key',
        BINANCE_SECRET_KEY: 'secret',
        BINANCE_TESTNET: 'true',
        REST_URL: 'http://rest.example/',
        WS_URL: 'ws://ws.example',
        ARCHIVE_URL: 'http://archive.example',
        DATA_DIR: '/lake',
        CACHE_DIR: '/cache',
        DEFAULT_INTERVAL: '5m',
      },
    })
    expect(settings.exchange).toMatchObject({
      apiKey: 'key',
      secretKey: 'secret',
      testnet: true,
      restUrl: 'http://rest.example',
      wsUrl: 'ws://ws.example',
      archiveUrl: 'http://archive.example',
    })
    expect(settings.data).toMatchObject({ dataDir: '/lake', cacheDir: '/cache' })
    expect(settings.download.defaultInterval).toBe('5m')
    const both = await load({ env: { BINANCE_API_SECRET: 'first', BINANCE_SECRET_KEY: 'second' } })
    expect(both.settings.exchange.secretKey).toBe('first')
  })

  it('treats an empty variable as not set', async () => {
    const { settings } = await load({ env: { DATA_DIR: '', BINANCE_TESTNET: ' ' } })
    expect(settings.data.dataDir).toBe(join(cwd, 'ticklake-data'))
  })

  it('counts relative paths of a config file from the folder of that file', async () => {
    await mkdir(join(cwd, 'conf'))
    await write('conf/my.yaml', 'data:\n  dataDir: lake\ndownload:\n  pairs: p.yaml\n')
    const { settings, configFile } = await load({ configFile: 'conf/my.yaml' })
    expect(settings.data.dataDir).toBe(join(cwd, 'conf', 'lake'))
    expect(settings.data.cacheDir).toBe(join(cwd, 'conf', 'lake', '.cache'))
    expect(settings.download.pairs).toEqual({ file: join(cwd, 'conf', 'p.yaml') })
    expect(configFile).toBe(join(cwd, 'conf', 'my.yaml'))
  })

  it('reads sizes, times, lists and switches in their usual spellings', async () => {
    await write(
      'ticklake.config.yaml',
      `
data: { maxFileSize: 1.5 GiB, compression: SNAPPY }
websocket: { pingInterval: 3m, closeTimeout: 500ms, autoReconnect: off, maxMessageSize: 2048 }
download: { timeout: 2500, intervals: [1h, 1mo], pairs: [BTCUSDT, ETH/USDT] }
`,
    )
    const { settings } = await load()
    expect(settings.data).toMatchObject({ maxFileSize: 1.5 * 2 ** 30, compression: 'snappy' })
    expect(settings.websocket).toMatchObject({
      pingInterval: 180_000,
      closeTimeout: 500,
      autoReconnect: false,
      maxMessageSize: 2048,
    })
    expect(settings.download).toMatchObject({
      timeout: 2500,
      intervals: ['1h', '1M'],
      pairs: { symbols: ['BTCUSDT', 'ETH/USDT'] },
    })
  })

  it('accepts groups whose settings are all commented out, and an empty file', async () => {
    await write('ticklake.config.yaml', 'exchange:\n  # name: binance\ndata:\n')
    expect((await load()).settings.exchange.name).toBe('binance')
    await write('ticklake.config.yaml', '# nothing\n')
    expect((await load()).settings.exchange.name).toBe('binance')
  })
})

describe('what is wrong with a setting', () => {
  it('names file, line, key, value, what is allowed, and the nearest word', async () => {
    await write('ticklake.config.yaml', 'data:\n  dataDir: lake\n  compression: zstdd\n')
    expect(await problemsOf()).toBe(
      'ticklake.config.yaml:3: data.compression is "zstdd"; allowed: zstd, snappy, none. Did you mean zstd?',
    )
  })

  it('names the flag and the variable', async () => {
    expect(await problemsOf({ flags: { 'download.parallel': '0' } })).toBe(
      '--parallel is "0"; allowed: a whole number from 1 to 100.',
    )
    expect(await problemsOf({ env: { BINANCE_TESTNET: 'maybe' } })).toBe(
      'environment: BINANCE_TESTNET is "maybe"; allowed: true or false.',
    )
    await write('.env', 'DEFAULT_INTERVAL=60m')
    expect(await problemsOf()).toMatch(/^\.env: DEFAULT_INTERVAL is "60m"; allowed: one of 1s, .* Did you mean 1h\?$/)
  })

  it('suggests the setting, the group, or the group of a setting that stands outside', async () => {
    await write('ticklake.config.yaml', 'data:\n  datadir: x\n')
    expect(await problemsOf()).toContain(
      'ticklake.config.yaml:2: data.datadir is not a setting; allowed: dataDir, cacheDir, cacheSize, maxFileSize, compression. Did you mean data.dataDir?',
    )
    await write('ticklake.config.yaml', 'downloads: {}\n')
    expect(await problemsOf()).toContain(
      '"downloads" is not a group of settings; allowed: exchange, data, websocket, collect, download. Did you mean download?',
    )
    await write('ticklake.config.yaml', 'dataDir: x\n')
    expect(await problemsOf()).toContain('Did you mean data.dataDir?')
    await write('ticklake.config.yaml', 'exchange:\n  parallel: 3\n')
    expect(await problemsOf()).toContain('Did you mean download.parallel?')
  })

  it('tells all problems at once', async () => {
    await write(
      'ticklake.config.yaml',
      'data: { maxFileSize: big, compression: lz4 }\nwebsocket: { pingInterval: soon }\nexchange: 5\n',
    )
    const message = await problemsOf({ env: { REST_URL: 'ftp://x' }, flags: { 'exchange.market': 'spto' } })
    expect(message).toMatch(/^6 settings cannot be used:\n/)
    for (const part of [
      'data.maxFileSize is "big"; allowed: a size such as 100MB or 1GiB, at least 1MB',
      'data.compression is "lz4"; allowed: zstd, snappy, none',
      'websocket.pingInterval is "soon"; allowed: a time such as 500ms, 30s or 3m, from 1s to 1h',
      'exchange is 5; allowed: a map of settings',
      'REST_URL is "ftp://x"; allowed: a URL that starts with http:// or https://',
      '--market is "spto"; allowed: spot, usdm, coinm. Did you mean spot?',
    ]) {
      expect(message).toContain(part)
    }
  })

  it('rejects values of every setting that are of the wrong kind, and names the key', async () => {
    for (const { key, group, name, setting } of settingEntries()) {
      if (setting.type.allowed === 'text' || setting.type.allowed === 'a path') continue
      await write('ticklake.config.yaml', `${group}:\n  ${name}: { a: 1 }\n`)
      expect(await problemsOf()).toBe(`ticklake.config.yaml:2: ${key} is {"a":1}; allowed: ${setting.type.allowed}.`)
    }
  })

  it('never shows a secret', async () => {
    await write('ticklake.config.yaml', 'exchange:\n  apiKey: { oops: hunter2 }\n')
    const message = await problemsOf()
    expect(message).toContain('exchange.apiKey is a value')
    expect(message).not.toContain('hunter2')
  })

  it('gives line and column of what is not YAML', async () => {
    await write('ticklake.config.yaml', 'data:\n  dataDir: [a\n')
    expect(await problemsOf()).toMatch(/^ticklake\.config\.yaml:\d+:\d+: is not YAML: /)
    await write('ticklake.config.yaml', '- a\n')
    expect(await problemsOf()).toBe('ticklake.config.yaml: holds a list; allowed: a map of settings.')
  })

  it('tells of a config file that was named and is not there, or is a folder', async () => {
    expect(await problemsOf({ configFile: 'no.yaml' })).toContain('--config is "no.yaml", a file that does not exist')
    expect(await problemsOf({ configFile: '.' })).toContain('it is a folder')
  })
})

describe('pairs', () => {
  it('are twenty by default, each with a sector, for three intervals and twelve months', async () => {
    const { settings } = await load()
    const pairs = await loadPairs(settings, false)
    expect(pairs).toEqual(DEFAULT_PAIRS)
    expect(pairs.pairs).toHaveLength(20)
    expect(new Set(pairs.pairs.map((pair) => pair.symbol)).size).toBe(20)
    expect(pairs.pairs.every((pair) => pair.sector)).toBe(true)
    expect(pairs).toMatchObject({ intervals: ['30m', '1h', '2h'], months: 12 })
  })

  it('come from pairs.yaml in several forms, and the config wins for intervals and months', async () => {
    await write(
      'pairs.yaml',
      'intervals: [1d]\nmonths: 3\npairs:\n  - BTCUSDT\n  - { symbol: ETH/USDT, sector: smart, market: usdm }\n',
    )
    const { settings } = await load()
    expect(await loadPairs(settings, false)).toEqual({
      pairs: [{ symbol: 'BTCUSDT' }, { symbol: 'ETH/USDT', sector: 'smart', market: 'usdm' }],
      intervals: ['1d'],
      months: 3,
      from: 'pairs.yaml',
    })
    await write('ticklake.config.yaml', 'download: { intervals: [1w], months: 24 }')
    expect(await loadPairs((await load()).settings, false)).toMatchObject({ intervals: ['1w'], months: 24 })
  })

  it('are checked entry by entry, all problems at once', async () => {
    await write(
      'pairs.yaml',
      'interval: [1h]\nmonths: none\npairs:\n  - { symbl: BTCUSDT }\n  - { symbol: ETHUSDT, market: sopt }\n  - 7\n  - ETHUSDT\n',
    )
    const { settings } = await load()
    const message = await loadPairs(settings, false).then(
      () => '',
      (error: Error) => error.message,
    )
    for (const part of [
      'pairs.yaml:1: interval is not a setting; allowed: pairs, intervals, months. Did you mean intervals?',
      'pairs.yaml:2: months is "none"; allowed: a whole number from 1 to 1200.',
      'pairs.yaml:4: pairs[0].symbl is not a setting; allowed: symbol, sector, market. Did you mean symbol?',
      'pairs[0].symbol is missing; allowed: a symbol such as BTCUSDT or BTC/USDT.',
      'pairs.yaml:5: pairs[1].market is "sopt"; allowed: spot, usdm, coinm. Did you mean spot?',
    ]) {
      expect(message).toContain(part)
    }
    await write('pairs.yaml', 'pairs: [BTCUSDT, btcusdt]\n')
    await expect(loadPairs(settings, false)).rejects.toThrow('btcusdt is listed twice')
    await write('pairs.yaml', 'months: 3\n')
    await expect(loadPairs(settings, false)).rejects.toThrow('holds no pairs')
  })

  it('must be there when the config names their file', async () => {
    await write('ticklake.config.yaml', 'download: { pairs: mine.yaml }')
    const { settings } = await load()
    await expect(loadPairs(settings, true)).rejects.toThrow('download.pairs is "mine.yaml", a file that does not exist')
  })
})

describe('the examples of init', () => {
  it('hold every setting and load to exactly the defaults', async () => {
    const before = (await load()).settings
    const [config, pairs] = exampleFiles()
    await write('ticklake.config.yaml', config!.content)
    await write('pairs.yaml', pairs!.content)
    const { settings } = await load()
    expect(settings).toEqual(before)
    expect(await loadPairs(settings, true)).toEqual({ ...DEFAULT_PAIRS, from: 'pairs.yaml' })
    for (const { name } of settingEntries()) expect(config!.content).toMatch(new RegExp(`^  (# )?${name}: `, 'm'))
  })

  it('load also with every commented setting switched on, but for secrets', async () => {
    const [config] = exampleFiles()
    const on = config!.content
      .replace(/^ {2}# (\w+: )/gm, '  $1')
      .replace(/^ {2}Allowed: .*$/gm, '')
      .replace(/^ {2}(?:apiKey|secretKey).*$/gm, '')
    await write('ticklake.config.yaml', on)
    const { settings } = await load()
    expect(settings.exchange.market).toBe('usdm')
    expect(settings.download.intervals).toEqual(['30m', '1h', '2h'])
  })

  it('name every variable once in .env.example, and load as .env', async () => {
    const env = exampleFiles()[2]!.content
    for (const name of settingEntries().flatMap(({ setting }) => setting.env?.slice(0, 1) ?? [])) {
      expect(env.match(new RegExp(`^# ${name}=`, 'gm'))).toHaveLength(1)
    }
    await write('.env', env.replace(/^# ([A-Z_]+=)/gm, '$1'))
    expect((await load()).settings.download.defaultInterval).toBe('1m')
  })
})
