import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isTicklakeError, StorageError } from '../../model/errors.ts'
import { makeFolder } from '../../store/lake/files.ts'
import { exampleFiles } from '../config/examples.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface InitOptions {
  readonly force?: boolean
}

export const verb: Verb<InitOptions> = {
  configure(command) {
    command
      .argument('[folder]', 'where to write them; the current folder by default')
      .option('--force', 'overwrite files that exist')
    examples(command, [
      ['ticklake init', 'write ticklake.config.yaml, pairs.yaml and .env.example here'],
      ['ticklake init my-project', 'write them into another folder'],
      ['ticklake init --force', 'go back to the examples, losing your changes'],
    ])
  },

  async run(context, [folder], options) {
    const target = resolve(context.cwd, folder ?? '.')
    const results: { file: string; written: boolean; about: string }[] = []
    try {
      await makeFolder(target)
      for (const { name, about, content } of exampleFiles()) {
        const file = join(target, name)
        // `wx` leaves the decision to the file system: nothing can slip in between a look and the write.
        const written = await writeFile(file, content, { flag: options.force ? 'w' : 'wx' }).then(
          () => true,
          (error: NodeJS.ErrnoException) => {
            if (error.code === 'EEXIST') return false
            throw error
          },
        )
        results.push({ file, written, about })
      }
    } catch (error) {
      if (isTicklakeError(error)) throw error
      throw new StorageError(target, `cannot be written (${(error as Error).message}).`, { cause: error })
    }
    for (const { file, written, about } of results) {
      if (context.json) await context.out.json({ file, written })
      else if (written) await context.out.line(`wrote   ${context.shortPath(file)}  (${about})`)
      else await context.out.line(`kept    ${context.shortPath(file)}  (exists; --force overwrites it)`)
    }
    if (results.some(({ written }) => written)) context.say('Next: ticklake doctor, then ticklake download')
    return ExitCode.done
  },
}
