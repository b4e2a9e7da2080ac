import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { tempFolder } from './temp.ts'

it('a temporary folder is its owner’s alone and is gone with all it holds when it is left', async () => {
  let path: string
  {
    await using folder = await tempFolder()
    await using other = await tempFolder()
    path = folder.path
    expect(other.path).not.toBe(path)
    await mkdir(folder.join('a', 'b'), { recursive: true })
    await writeFile(folder.join('a', 'b', 'c'), 'x')
    expect(existsSync(`${path}/a/b/c`)).toBe(true)
  }
  expect(existsSync(path)).toBe(false)
})
