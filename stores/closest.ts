/** The word that was probably meant, if one is near enough: a few letters away, or the beginning or end of what was written. */
export function closest (word: string, words: readonly string[]): string | undefined {
  const lower = word.toLowerCase()
  const near = words.map(candidate => ({ candidate, distance: distance(lower, candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(2, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance)
  return near[0]?.candidate ??
    words.find(candidate => candidate.length >= SHORTEST_PART && lower.startsWith(candidate.toLowerCase())) ??
    words.find(candidate => candidate.length >= SHORTEST_PART && lower.endsWith(candidate.toLowerCase()))
}

/** Shorter ones are parts of too much. */
const SHORTEST_PART = 4

/** Levenshtein's distance. */
function distance (a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
