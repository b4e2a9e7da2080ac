import fc from 'fast-check'

// The same cases in every run, so that a red suite means a changed program. `npm run fuzz` asks for new ones.
const seed = process.env.FUZZ_SEED
fc.configureGlobal({ seed: seed === 'random' ? (Math.random() * 2 ** 32) | 0 : Number(seed ?? 1) })

// A port may come back within minutes as another sandbox's: tests share no rate budget unless they say so.
process.env.TICKLAKE_SHARED_BUDGET ??= 'false'
