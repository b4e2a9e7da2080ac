/** 32 well-mixed bits of a seed and a whole number (the finaliser of MurmurHash3). */
export function hash32(seed: number, value: number): number {
  let h = seed ^ Math.imul(value, 0x9e3779b1)
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** A seed for a name: the same name gives the same market under one seed, whatever else is listed. */
export function seedOf(seed: number, name: string): number {
  let h = hash32(seed | 0, name.length)
  for (let i = 0; i < name.length; i++) h = hash32(h, name.charCodeAt(i))
  return h
}

interface Octave {
  readonly seed: number
  readonly shift: number
  readonly amplitude: number
  cell: number
  left: number
  right: number
}

/**
 * A wandering line with random access: the sum of smooth noise over lattices of 2^first … 2^last minutes, the amplitude
 * growing with the root of the lattice's width, as a random walk's would.
 */
export class NoisePath {
  readonly #octaves: Octave[] = []

  constructor(seed: number, first: number, last: number, perMinute: number) {
    for (let shift = first; shift <= last; shift++) {
      this.#octaves.push({
        seed: hash32(seed, shift + 1),
        shift,
        amplitude: perMinute * Math.sqrt(2 ** shift),
        cell: -1,
        left: 0,
        right: 0,
      })
    }
  }

  /** The value at the start of a minute (minutes since 1970). */
  at(minute: number): number {
    let sum = 0
    for (const octave of this.#octaves) {
      const cell = minute >> octave.shift
      if (cell !== octave.cell) {
        octave.left = cell === octave.cell + 1 ? octave.right : lattice(octave.seed, cell)
        octave.right = lattice(octave.seed, cell + 1)
        octave.cell = cell
      }
      const x = (minute - (cell << octave.shift)) / (1 << octave.shift)
      sum += octave.amplitude * (octave.left + (octave.right - octave.left) * x * x * (3 - 2 * x))
    }
    return sum
  }
}

function lattice(seed: number, cell: number): number {
  return hash32(seed, cell) / 0x80000000 - 1
}
