// Downloads series (JSON in the first argument) until it is done or killed; says when it begins.
const { requests, options, root } = JSON.parse(process.argv[2])
const { DataSourceManager } = await import(root)
const manager = new DataSourceManager(options)
process.stdout.write('begun\n')
await manager.download(requests)
await manager[Symbol.asyncDispose]()
