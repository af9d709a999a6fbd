import { randomFillSync } from 'node:crypto'
import { types } from 'node:util'
import { InvalidOptionError, UndecodableError } from './errors.js'
import { parseAll, stringifyAll } from './value.js'
import { asBuffer } from '../stores/bytes.js'

/** What a session's row says, decoded. */
export interface SessionContent {
  /** When the session ends, in milliseconds since 1970 UTC, in the database's time. */
  deadline: number
  /** What `rememberMe` was last called with; undefined if never. */
  rememberMe: boolean | undefined
  /** The values by their keys. */
  values: Map<string, unknown>
}

/** Turns a session into the bytes in its row and back. */
export interface Codec {
  /** The bytes of a session. */
  encode (content: SessionContent): Uint8Array
  /** The session in these bytes. Throws for what `encode` did not write. */
  decode (data: Uint8Array): SessionContent
  /**
   * How many bytes at the beginning of such data are new with every write, so that they tell one write from another. Left
   * out, or 0: all bytes are compared instead.
   */
  headerLength? (data: Uint8Array): number
}

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

/** A codec of the user's, whose mistakes are told as its own. What it was given or has made is in no message: it is the session. */
export function checkedCodec (codec: Codec): Codec {
  return {
    encode (content) {
      const data = codec.encode(content)
      if (!types.isUint8Array(data)) throw new InvalidOptionError('codec.encode must return a Uint8Array, a Buffer for example')
      return data
    },
    decode (data) {
      const content: { readonly [K in keyof SessionContent]?: unknown } | undefined = codec.decode(data)
      if (typeof content?.deadline !== 'number' || !types.isMap(content.values)) {
        throw new InvalidOptionError('codec.decode must return { deadline, rememberMe, values }, with a number for the deadline and a Map of the values')
      }
      return content as SessionContent
    },
    headerLength: data => codec.headerLength?.(data) ?? 0
  }
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
