import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/chaos/**'],
    setupFiles: ['test/setup.ts'],
    // What waits for something returns as soon as it is there; only a machine under load needs so long.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Tests start servers and child processes: two files at a time fit two cores without starving one another.
    maxWorkers: 2,
    coverage: { provider: 'v8', include: ['src/**/*.ts'], reporter: ['text-summary', 'html'] },
  },
})
