/** Whether this is `npm test`, which tries less of what `npm run test:all` tries in full. */
export const isQuick = process.env['FSS_QUICK'] !== undefined

/** How many random inputs a property is tried on: of those of a full run, `npm test` tries a tenth. */
export function tries (inFull: number): number {
  return isQuick ? Math.ceil(inFull / 10) : inFull
}
