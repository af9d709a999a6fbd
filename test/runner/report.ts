import type { Result } from './result.js'

/** One line, as soon as a test file is over. Plain text, on a terminal too. */
export function tellResult ({ name, passed, skipped, failures, seconds }: Result): void {
  const counts = [`${passed} passed`, ...failures.length > 0 ? [`${failures.length} FAILED`] : [], ...skipped > 0 ? [`${skipped} skipped`] : []]
  console.log(`${failures.length > 0 ? 'FAIL' : 'ok  '} ${name} (${counts.join(', ')}; ${seconds.toFixed(1)} s)`)
}

/** The failures with what was expected and seen, and at last the totals. Returns whether all is well. */
export function tellTotals (results: readonly Result[], seconds: number): boolean {
  for (const { name, failures, output } of results.filter(({ failures }) => failures.length > 0)) {
    for (const { path, reason } of failures) console.log(`\nFAILED ${[name, ...path].join(' > ')}\n${indented(reason)}`)
    if (output.trim() !== '') console.log(`\nWhat the tests of ${name} printed:\n${indented(output.trimEnd())}`)
  }
  const sum = (of: (result: Result) => number) => results.reduce((total, result) => total + of(result), 0)
  const [passed, failed, skipped] = [sum(({ passed }) => passed), sum(({ failures }) => failures.length), sum(({ skipped }) => skipped)]
  console.log(`\n${results.length} files and checks in ${Math.round(seconds)} s`)
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  return passed > 0 && failed === 0
}

function indented (text: string): string {
  return text.replace(/^(?!$)/gm, '  ')
}
