import { randomFillSync } from 'node:crypto'

/** So many random bytes as base64url, from the system's cryptographic source. At most 4096. */
export function randomText (bytes: number): string {
  if (used + bytes > random.length) {
    randomFillSync(random)
    used = 0
  }
  used += bytes
  return random.toString('base64url', used - bytes, used)
}

// A call of the system's source costs many times what the text of it costs, so one call serves many texts, as in Node's randomUUID().
const random = Buffer.alloc(4096)
let used = random.length
