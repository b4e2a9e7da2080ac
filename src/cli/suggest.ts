import { distance } from 'fastest-levenshtein'

/**
 * The candidates that a mistyped word most likely stands for, best first, at most `limit`. Empty when none is near:
 * a far-fetched suggestion is worse than none.
 */
export function nearest(word: string, candidates: Iterable<string>, limit = 1): string[] {
  const wanted = word.trim().toLowerCase()
  if (wanted === '') return []
  // Two swapped letters count as two; in three letters that would make anything near.
  const bound = wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3))
  const scored: { candidate: string; score: number; spelling: number }[] = []
  for (const candidate of candidates) {
    const text = candidate.toLowerCase()
    const score = distance(wanted, text)
    // Someone who types `BTC` means a word that starts so, however much longer it is.
    // Among equals the one in the letters that were typed: `7m` means minutes.
    const spelling = distance(word.trim(), candidate)
    if (score <= bound) scored.push({ candidate, score, spelling })
    else if (wanted.length >= 3 && text.startsWith(wanted))
      scored.push({ candidate, score: bound + 1 + score, spelling })
  }
  scored.sort(
    (a, b) =>
      a.score - b.score ||
      a.spelling - b.spelling ||
      a.candidate.length - b.candidate.length ||
      (a.candidate < b.candidate ? -1 : 1),
  )
  return scored.slice(0, limit).map(({ candidate }) => candidate)
}

/** ` Did you mean x?` (with the leading blank), or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>, limit = 1): string {
  const found = nearest(word, candidates, limit)
  return found.length === 0 ? '' : ` Did you mean ${found.join(' or ')}?`
}
