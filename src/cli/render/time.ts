/** `2024-01-31 12:00`, with seconds and milliseconds only where they are not 0. UTC. */
export function formatInstant(time: number | undefined): string {
  if (time === undefined) return '-'
  const text = new Date(time).toISOString()
  if (text.endsWith(':00.000Z')) return text.slice(0, 16).replace('T', ' ')
  return (text.endsWith('.000Z') ? text.slice(0, 19) : text.slice(0, 23)).replace('T', ' ')
}
