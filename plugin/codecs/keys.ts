import { createHmac, createSecretKey, KeyObject } from 'node:crypto'
import { types } from 'node:util'
import { InvalidOptionError } from '../errors.js'

/** How many bytes a key of AES-256 has. */
const KEY_BYTES = 32
const HOW_TO_MAKE = 'Make one with: openssl rand -base64 32'

/** 32 random bytes: as they are, as text in base64, base64url or hex, or as a secret KeyObject. */
export type EncryptionKey = Uint8Array | string | KeyObject

/** A key that was checked. */
export interface NamedKey {
  /** Tells keys apart, in rows and in logs. It does not help to find the key. */
  readonly id: string
  readonly secret: KeyObject
}

/** Checks keys. Throws `FST_SESSION_INVALID_OPTION`, with nothing of a key in the message. */
export function namedKeys (keys: unknown): [newest: NamedKey, ...older: NamedKey[]] {
  if (!Array.isArray(keys)) throw new InvalidOptionError('keys must be an array of keys, the newest first, for example { keys: [process.env.SESSION_KEY] }')
  const [newest, ...older] = keys.map(namedKey)
  if (newest === undefined) throw new InvalidOptionError(`keys must have at least one key. ${HOW_TO_MAKE}`)
  const named = [newest, ...older] as const
  named.forEach(({ id }, i) => {
    const first = named.findIndex(key => key.id === id)
    if (first < i) throw new InvalidOptionError(`keys[${i}] is the same key as keys[${first}]`)
  })
  return [...named]
}

/**
 * The key of one row: HKDF-Expand (RFC 5869 section 2.3) of the key, which is random and so needs no Extract. A random nonce
 * of 96 bits is safe for 2^32 messages of one key (NIST SP 800-38D section 8.3). A busy site would write as many under one
 * key for all rows.
 */
export function keyOfRow ({ secret }: NamedKey, rowKey: string): Buffer {
  return expand(secret, `row ${rowKey}`)
}

function namedKey (key: unknown, index: number): NamedKey {
  const secret = secretKey(key, `keys[${index}]`)
  return { id: expand(secret, 'id').toString('base64url', 0, 6), secret }
}

function expand (secret: KeyObject, info: string): Buffer {
  return createHmac('sha256', secret).update(`fastify-sql-sessions ${info}\x01`).digest()
}

function secretKey (key: unknown, name: string): KeyObject {
  if (key === undefined || key === null) throw new InvalidOptionError(`${name} is ${String(key)}. Is its environment variable set? ${HOW_TO_MAKE}`)
  if (key instanceof KeyObject) {
    if (key.type !== 'secret') throw new InvalidOptionError(`${name} is a ${key.type} key, and must be a secret one of ${KEY_BYTES} bytes`)
    return secretKey(key.export(), name)
  }
  const bytes = typeof key === 'string' ? bytesOf(key.trim(), name) : key
  if (!types.isUint8Array(bytes)) throw new InvalidOptionError(`${name} must be a Buffer, a text in base64 or hex, or a KeyObject`)
  if (bytes.length !== KEY_BYTES) throw new InvalidOptionError(`${name} has ${bytes.length} bytes, and must have ${KEY_BYTES}. ${HOW_TO_MAKE}`)
  if (bytes.every(byte => byte === bytes[0])) throw new InvalidOptionError(`${name} is not random: all its bytes are equal. ${HOW_TO_MAKE}`)
  return createSecretKey(bytes)
}

function bytesOf (text: string, name: string): Buffer {
  if (/^[\da-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  if (/^[\w+/-]{43}=?$/.test(text)) return Buffer.from(text, 'base64')
  throw new InvalidOptionError(`${name} is a text of ${text.length} characters, and must be ${KEY_BYTES} bytes in base64 (44 characters) or hex (64). ${HOW_TO_MAKE}`)
}
