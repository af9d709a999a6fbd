import { types } from 'node:util'
import type { Codec, SessionContent } from './codec.js'
import { InvalidOptionError, UndecodableError, UnencodableError } from '../errors.js'

/**
 * A codec of the user's, with its results checked. No message contains what the codec was given, has made, or has said: it may
 * be the session.
 */
export function checkedCodec (codec: Codec): Codec {
  return {
    encode (content, row) {
      const data = attempt(() => codec.encode(content, row), why => new UnencodableError(`codec.encode threw ${why}`))
      if (!types.isUint8Array(data)) throw new InvalidOptionError('codec.encode must return a Uint8Array, a Buffer for example')
      return data
    },
    decode (data, row) {
      const content: { readonly [K in keyof SessionContent]?: unknown } | undefined =
        attempt(() => codec.decode(data, row), why => new UndecodableError(`codec.decode threw ${why}`))
      if (typeof content?.deadline !== 'number' || !types.isMap(content.values)) {
        throw new InvalidOptionError('codec.decode must return { deadline, rememberMe, values }, with a number for the deadline and a Map of the values')
      }
      return content as SessionContent
    },
    headerLength: data => codec.headerLength?.(data) ?? 0,
    ...codec.holds !== undefined && { holds: codec.holds.bind(codec) },
    ...codec.check !== undefined && { check: codec.check.bind(codec) },
    isShared: codec.isShared === true
  }
}

function attempt<T> (call: () => T, failed: (why: string) => Error): T {
  try {
    return call()
  } catch (error) {
    if (isOurs(error)) throw error
    throw failed(error instanceof Error ? `an error of the class ${error.constructor.name}` : 'what is no Error')
  }
}

/** The messages of this package's own errors, which textCodec throws inside the user's codec, contain no data. */
function isOurs (error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('FST_SESSION_')
}
