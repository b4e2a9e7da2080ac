import { Spool, type SpoolDamage, type SpoolOptions } from '../../../src/store/spool/index.ts'

/** Small enough that blocks and segments are many. */
export const SMALL: SpoolOptions = { commitMs: 0, blockBytes: 4096, memoryBytes: 65_536, segmentBytes: 16_384 }

export interface Read {
  readonly sequence: number
  readonly text: string
  readonly receiveTime: number
}

export async function readAll(spool: Spool): Promise<Read[]> {
  const read: Read[] = []
  for await (const { sequence, bytes, start, end, receiveTime } of spool.replay())
    read.push({ sequence, text: Buffer.from(bytes.subarray(start, end)).toString(), receiveTime })
  return read
}

export async function reopen(
  path: string,
  options: SpoolOptions = SMALL,
): Promise<{ read: Read[]; damages: SpoolDamage[] }> {
  const damages: SpoolDamage[] = []
  await using spool = await Spool.open(path, { ...options, onDamage: (damage) => damages.push(damage) })
  return { read: await readAll(spool), damages }
}

export function append(spool: Spool, text: string, receiveTime = 1.5): number {
  return spool.append('frame', 'spot', receiveTime, Buffer.from(text))
}
