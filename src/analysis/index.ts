export * from './indicators/index.ts'
export * from './validate/index.ts'
