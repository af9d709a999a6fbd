import { types } from 'node:util'
import { InvalidOptionError } from '../errors.js'

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
