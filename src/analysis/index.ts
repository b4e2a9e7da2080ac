export * from './clean/index.ts'
export * from './indicators/index.ts'
export * from './normalise/index.ts'
export * from './validate/index.ts'
