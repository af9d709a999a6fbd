import { randomFillSync } from 'node:crypto'
import type { Codec } from './codec.js'
import { parseAll, stringifyAll } from './value.js'
import { UndecodableError } from '../errors.js'
import { asBuffer } from '../../stores/bytes.js'

const MAGIC = 'FSS1 '
const COMMIT_ID_LENGTH = 16
const HEADER_LENGTH = MAGIC.length + COMMIT_ID_LENGTH

/**
 * The default codec: one line with format and version, a random commit id, the deadline and `rememberMe` (`-`, `yes` or
 * `no`), then the values as JSON.
 *
 *     FSS1 0Vw3vZ8rKqQm1xYt 2026-11-23T18:20:26.000Z -
 *     {"userId":42,"since":{"$date":"2026-11-22T18:20:26.000Z"}}
 */
export const textCodec: Codec = {
  encode (content) {
    const remember = content.rememberMe === undefined ? '-' : content.rememberMe ? 'yes' : 'no'
    const deadline = new Date(content.deadline).toISOString()
    return Buffer.from(`${MAGIC}${commitId()} ${deadline} ${remember}\n${stringifyAll(content.values)}`)
  },

  decode (data) {
    const text = asBuffer(data).toString('utf8')
    if (!text.startsWith(MAGIC)) throw new UndecodableError('the data does not begin with a header of this codec')
    const lineEnd = text.indexOf('\n')
    const deadlineEnd = text.indexOf(' ', HEADER_LENGTH + 1)
    const deadline = Date.parse(text.slice(HEADER_LENGTH + 1, deadlineEnd))
    const remember = text.slice(deadlineEnd + 1, lineEnd)
    const isKnown = remember === '-' || remember === 'yes' || remember === 'no'
    if (lineEnd === -1 || Number.isNaN(deadline) || !isKnown) throw new UndecodableError('its header is damaged')
    try {
      return { deadline, rememberMe: remember === '-' ? undefined : remember === 'yes', values: parseAll(text.slice(lineEnd + 1)) }
    } catch {
      // The parser's own message would quote the session's data.
      throw new UndecodableError('its values are damaged')
    }
  },

  headerLength: () => HEADER_LENGTH
}

// 256 ids a call of the random source: it costs more than all the rest of a header.
const ID_BYTES = COMMIT_ID_LENGTH * 3 / 4
const random = Buffer.alloc(ID_BYTES * 256)
let used = random.length

function commitId (): string {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  used += ID_BYTES
  return random.toString('base64url', used - ID_BYTES, used)
}
