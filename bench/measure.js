// Runs contestants in turn, several rounds, and prints medians and ratios: on noisy machines only what was measured in
// the same minutes can be compared.
export async function race(title, unit, work, contestants, { rounds = 7, warmups = 1 } = {}) {
  const times = new Map(Object.keys(contestants).map((name) => [name, []]))
  for (let round = -warmups; round < rounds; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      const started = performance.now()
      await run()
      if (round >= 0) times.get(name).push(performance.now() - started)
    }
  }
  const results = [...times].map(([name, list]) => {
    const sorted = list.sort((a, b) => a - b)
    const ms = sorted[Math.floor(sorted.length / 2)]
    return { name, ms, least: sorted[0], rate: work / (ms / 1000), spread: (sorted.at(-1) - sorted[0]) / ms }
  })
  const first = results[0]
  console.log(`\n${title} (median of ${rounds})`)
  for (const { name, ms, rate, spread } of results) {
    const ratio = first.ms / ms
    console.log(
      `  ${name.padEnd(44)} ${ms.toFixed(1).padStart(9)} ms  ${(rate / 1e6).toFixed(2).padStart(8)} M ${unit}/s  ×${ratio.toFixed(2)} of the first  (spread ${(spread * 100).toFixed(0)} %)`,
    )
  }
  console.log(
    JSON.stringify({
      bench: title,
      unit,
      results: results.map(({ name, ms, rate }) => ({ name, ms: round(ms), rate: Math.round(rate) })),
    }),
  )
  return Object.fromEntries(results.map((result) => [result.name, result]))
}

function round(value) {
  return Math.round(value * 100) / 100
}
