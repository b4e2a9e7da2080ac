import fc from 'fast-check'
import { expect, it } from 'vitest'
import { formatDecimal } from '../../src/model/decimal.ts'
import { ByteWriter, SPLIT } from '../../src/sandbox/bytes.ts'

it('writes any whole number as decimal text, also one in two parts', () => {
  const writer = new ByteWriter(8)
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 10n ** 24n }),
      fc.integer({ min: 0, max: 12 }),
      fc.integer({ min: 0, max: 4 }),
      (units, scale, more) => {
        const split = BigInt(SPLIT)
        const text = writer
          .fixed(Number(units % split), scale, scale + more, Number(units / split))
          .take()
          .toString()
        expect(text.replace('.', '').length - text.split('.')[0]!.length).toBe(scale + more)
        const plain = scale + more === 0 ? text : text.replace(/\.?0+$/, '')
        expect(plain).toBe(formatDecimal({ units, scale }))
      },
    ),
  )
})
