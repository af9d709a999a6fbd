import type { Codec } from './codec.js'
import { COMMIT_ID_LENGTH, commitId } from './commit-id.js'
import { contentOf } from './content.js'
import { isEqual } from './equal.js'
import { MOST_BYTES } from './limits.js'
import { trackedIn, trackedText } from './tracked.js'
import { lineStart, parseAll, stringify, stringifyAll } from './value.js'
import { InvalidValueError, TooLargeError, UndecodableError } from '../errors.js'
import { asBuffer } from '../../stores/bytes.js'
import { FORMAT } from '../../stores/format.js'

const HEADER_LENGTH = FORMAT.length + COMMIT_ID_LENGTH

/**
 * The default codec: one line with format and version, a random commit id, the deadline and `rememberMe` (`-`, `yes` or
 * `no`), then the values as JSON, each on a line of its own. With the option `track` the line goes on with what it keeps, as JSON.
 *
 *     FSS1 0Vw3vZ8rKqQm1xYt 2026-11-23T18:20:26.000Z -
 *     {
 *     "userId":42,
 *     "since":{"$date":"2026-11-22T18:20:26.000Z"}
 *     }
 *
 * A session has at most 200,000 values, nested at most 200 levels deep, and 16 MiB. What is larger is refused when it is
 * encoded (`FST_SESSION_INVALID_VALUE`, `FST_SESSION_TOO_LARGE`) and when it is decoded (`FST_SESSION_UNDECODABLE`).
 */
export const textCodec: Codec = {
  encode (content) {
    const remember = content.rememberMe === undefined ? '-' : content.rememberMe ? 'yes' : 'no'
    const deadline = new Date(content.deadline).toISOString()
    const tracked = content.tracked === undefined ? '' : ` ${trackedText(content.tracked)}`
    const data = Buffer.from(`${FORMAT}${commitId()} ${deadline} ${remember}${tracked}\n${stringifyAll(content.values)}`)
    if (data.length > MOST_BYTES) throw new TooLargeError(data.length, MOST_BYTES, 'of any session')
    return data
  },

  decode (data) {
    if (data.length > MOST_BYTES) throw new UndecodableError(`the data is larger than ${MOST_BYTES} bytes`)
    const text = asBuffer(data).toString('utf8')
    if (!text.startsWith(FORMAT)) throw new UndecodableError('the data does not begin with a header of this codec')
    const lineEnd = text.indexOf('\n')
    const deadlineEnd = text.indexOf(' ', HEADER_LENGTH + 1)
    const deadline = Date.parse(text.slice(HEADER_LENGTH + 1, deadlineEnd))
    const [remember, rest] = cut(text.slice(deadlineEnd + 1, lineEnd))
    const isKnown = remember === '-' || remember === 'yes' || remember === 'no'
    const tracked = rest === undefined ? undefined : trackedIn(rest)
    if (lineEnd === -1 || Number.isNaN(deadline) || !isKnown || (rest !== undefined && tracked === undefined)) throw new UndecodableError('its header is damaged')
    const content = contentOf(deadline, remember === '-' ? undefined : remember === 'yes', valuesIn(text.slice(lineEnd + 1)))
    if (tracked !== undefined) content.tracked = tracked
    return content
  },

  headerLength: () => HEADER_LENGTH,

  // The text of a value takes less time to make than the value from the text.
  holds (data, key, value) {
    try {
      return isLineOf(asBuffer(data), key, stringify(value, key)) || isEqualAnew(data, key, value)
    } catch (error) {
      if (error instanceof InvalidValueError) return false
      throw error
    }
  }
}

/** What comes before the first space, and what after it, if there is one. */
function cut (text: string): [string, string?] {
  const space = text.indexOf(' ')
  return space === -1 ? [text] : [text.slice(0, space), text.slice(space + 1)]
}

function valuesIn (text: string): Map<string, unknown> {
  try {
    return parseAll(text)
  } catch {
    // The parser's own message would quote the session's data.
    throw new UndecodableError('its values are damaged')
  }
}

/** Whether the line of a key has this text, up to its end or to the comma there. */
function isLineOf (data: Buffer, key: string, valueText: string): boolean {
  const text = data.toString('utf8')
  const start = lineStart(key)
  const at = text.indexOf(start) + start.length
  const end = at + valueText.length
  return at >= start.length && text.slice(at, end) === valueText && (text[end] === ',' || text[end] === '\n')
}

/** Another version of this codec, or a person, may have written equal values in another form. */
function isEqualAnew (data: Uint8Array, key: string, value: unknown): boolean {
  const { values } = textCodec.decode(data)
  return values.has(key) && isEqual(value, values.get(key))
}
