// Frames of a market as they go over the wire, built before the clock starts. What must rise from frame to frame (ids,
// times) is written into the bytes before each run, so that no ledger and no book sees anything twice.
import { random } from './data.js'

/** Digits of an id; the first ids have as many as the last. */
const ID_DIGITS = 11
const FIRST_ID = 30_000_000_000

/** A WebSocket server's frame around each payload; `marks` are the texts whose place has to be known. */
class Tape {
  constructor(count) {
    this.count = count
    this.starts = new Float64Array(count + 1)
    this.places = {}
  }

  /** `marked` names the places of a payload, in characters (all of them ASCII). */
  static of(payloads) {
    const tape = new Tape(payloads.length)
    let size = 0
    for (const { text } of payloads) size += text.length + (text.length < 126 ? 2 : 4)
    tape.bytes = Buffer.alloc(size)
    let at = 0
    payloads.forEach(({ text, marks }, n) => {
      tape.starts[n] = at
      tape.bytes[at++] = 0x81
      if (text.length < 126) tape.bytes[at++] = text.length
      else {
        tape.bytes[at++] = 126
        at = tape.bytes.writeUInt16BE(text.length, at)
      }
      for (const [name, place] of Object.entries(marks)) {
        tape.places[name] ??= new Float64Array(payloads.length)
        tape.places[name][n] = at + place
      }
      at += tape.bytes.write(text, at, 'latin1')
    })
    tape.starts[payloads.length] = at
    return tape
  }

  /** Writes a whole number of so many digits into one frame. */
  number(name, n, value, digits) {
    let left = value
    for (let at = this.places[name][n] + digits - 1, i = 0; i < digits; i++, at--) {
      const rest = Math.floor(left / 10)
      this.bytes[at] = 48 + (left - rest * 10)
      left = rest
    }
  }

  slice(from, to) {
    return this.bytes.subarray(this.starts[from], this.starts[to])
  }
}

/** Where `{name}` stands for a number that is written later. */
function payload(template, widths) {
  const marks = {}
  let text = ''
  let rest = template
  for (;;) {
    const open = rest.search(/<\w+>/)
    if (open < 0) return { text: text + rest, marks }
    const name = /<(\w+)>/.exec(rest)[1]
    text += rest.slice(0, open)
    marks[name] = text.length
    text += '1'.repeat(widths[name])
    rest = rest.slice(open + name.length + 2)
  }
}

const wrapped = (combined, stream, data) => (combined ? `{"stream":"${stream}","data":${data}}` : data)

/** Trades of one symbol. `clock` marks the price, where a run wants to write the time into it. */
export function tradeTape(count, { combined = true, symbol = 'BTCUSDT', seed = 1 } = {}) {
  const next = random(seed)
  const payloads = Array.from({ length: count }, () => {
    const quantity = `${(next() * 3).toFixed(5)}000`
    const price = `${(64_000 + next() * 2000).toFixed(2)}000000`
    const data = `{"e":"trade","E":<E>,"s":"${symbol}","t":<id>,"p":"${price}","q":"${quantity}","T":<T>,"m":${next() < 0.5},"M":true}`
    const made = payload(wrapped(combined, `${symbol.toLowerCase()}@trade`, data), { E: 13, T: 13, id: ID_DIGITS })
    made.marks.price = made.text.indexOf(price)
    return made
  })
  return Object.assign(Tape.of(payloads), {
    kind: 'trade',
    /** Makes frames [from, to) those that follow `last`. Gives the new last id. */
    renew(from, to, last) {
      const now = Date.now()
      for (let n = from; n < to; n++) {
        this.number('id', n, ++last, ID_DIGITS)
        this.number('E', n, now, 13)
        this.number('T', n, now, 13)
      }
      return last
    },
  })
}

/** Price levels of a side; the touch is at 64,000. Digits as Binance sends them. */
export function bookLevels(levels, seed = 7) {
  const next = random(seed)
  const quantity = () => `${(0.001 + next() * 3).toFixed(5)}000`
  const price = (tick) => `${(64_000 + tick / 100).toFixed(2)}000000`
  return {
    bids: Array.from({ length: levels }, (_, i) => [price(-1 - i * 3), quantity()]),
    asks: Array.from({ length: levels }, (_, i) => [price(1 + i * 3), quantity()]),
  }
}

/** Changes of a book of `levels` a side, `changes` a side in each frame, most of them near the touch. */
export function depthTape(count, { combined = true, symbol = 'BTCUSDT', seed = 2, levels = 1000, changes = 8 } = {}) {
  const next = random(seed)
  const { bids, asks } = bookLevels(levels)
  const side = (list) => {
    const places = new Set()
    while (places.size < changes) {
      places.add(Math.floor(next() < 0.7 ? next() * 40 : next() * levels))
    }
    return [...places].map((i) => [list[i][0], next() < 0.3 ? '0.00000000' : `${(0.001 + next() * 3).toFixed(5)}000`])
  }
  const payloads = Array.from({ length: count }, () => {
    const data = `{"e":"depthUpdate","E":<E>,"s":"${symbol}","U":<first>,"u":<last>,"b":${JSON.stringify(side(bids))},"a":${JSON.stringify(side(asks))}}`
    return payload(wrapped(combined, `${symbol.toLowerCase()}@depth@100ms`, data), {
      E: 13,
      first: ID_DIGITS,
      last: ID_DIGITS,
    })
  })
  return Object.assign(Tape.of(payloads), {
    kind: 'depth',
    renew(from, to, last) {
      const now = Date.now()
      for (let n = from; n < to; n++) {
        this.number('E', n, now, 13)
        this.number('first', n, last + 1, ID_DIGITS)
        last += 12
        this.number('last', n, last, ID_DIGITS)
      }
      return last
    },
  })
}

export { FIRST_ID }
