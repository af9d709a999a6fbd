import { randomFillSync } from 'node:crypto'

/** How many characters a commit id has: 96 random bits as base64url. */
export const COMMIT_ID_LENGTH = 16

/** A random id, new with every write: it tells what is in a row from what was there before. */
export function commitId (): string {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  used += ID_BYTES
  return random.toString('base64url', used - ID_BYTES, used)
}

const ID_BYTES = COMMIT_ID_LENGTH * 3 / 4
// One call of the random source costs more than the rest of a header, so it fills 256 ids.
const random = Buffer.alloc(ID_BYTES * 256)
let used = random.length
