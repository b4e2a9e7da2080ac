// A process that fills a spool until it is killed, and with `release` behind the folder gives up what is durable again and
// again. Says on stdout what it does: `begins <sequence>`, `durable <sequence>`, `releases <sequence>`.
import { randomInt } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { Spool } from '../../../dist/store/spool/index.js'

const spool = await Spool.open(process.argv[2], {
  commitMs: 5,
  blockBytes: 65_536,
  memoryBytes: 1_048_576,
  segmentBytes: 262_144,
  onDurable: (sequence) => process.stdout.write(`durable ${sequence}\n`),
})
process.stdout.write(`begins ${spool.last + 1}\n`)
for (;;) {
  for (let count = randomInt(200); count > 0; count--) {
    const sequence = spool.last + 1
    // What an entry holds follows from its sequence, so that whoever reads it can tell whether it is right.
    const text = `${sequence}:`.padEnd(20 + (sequence % 977), 'x')
    spool.append('frame', sequence % 2 === 0 ? 'spot' : 'usdm', sequence / 8, Buffer.from(text))
  }
  if (process.argv[3] === 'release' && randomInt(20) === 0) {
    const sequence = spool.durable - randomInt(500)
    process.stdout.write(`releases ${sequence}\n`)
    await spool.release(sequence)
  }
  if (spool.isFull) await spool.drained()
  else await setImmediate()
}
