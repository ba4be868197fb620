/** Which word a typo was meant to be. */

/** The word that differs least from `typed`, if it differs by no more than a third of its letters. */
export function nearestWord(typed: string, words: readonly string[]): string | undefined {
  if (typed.length > 64) return undefined;
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const word of words) {
    if (Math.abs(word.length - typed.length) > 4) continue;
    const distance = editDistance(typed.toLowerCase().replaceAll('_', '-'), word.toLowerCase());
    if (distance < least && distance <= Math.max(1, Math.floor(word.length / 3))) {
      nearest = word;
      least = distance;
    }
  }
  return nearest;
}

/** Levenshtein distance: insertions, deletions and replacements between the two. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
