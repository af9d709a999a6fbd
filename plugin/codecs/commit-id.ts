import { randomText } from './random.js'

/** How many characters a commit id has: 96 random bits as base64url. */
export const COMMIT_ID_LENGTH = 16

/** A random id, new with every write: it tells what is in a row from what was there before. */
export function commitId (): string {
  return randomText(COMMIT_ID_LENGTH * 3 / 4)
}
