import { createCipheriv, createDecipheriv } from 'node:crypto'
import { checkedCodec } from './checked.js'
import type { Codec, RowContext } from './codec.js'
import { COMMIT_ID_LENGTH, commitId } from './commit-id.js'
import { keyOfRow, namedKeys, type EncryptionKey, type NamedKey } from './keys.js'
import { InvalidOptionError, UndecodableError } from '../errors.js'
import { asBuffer } from '../../stores/bytes.js'
import { boolean, knownOnly } from '../../stores/validate.js'

/** The options of {@link encrypted}. */
export interface EncryptionOptions {
  /**
   * The first key encrypts, all of them decrypt. To change keys put the new one first, and leave the old one out when the
   * sessions of the time before have ended (after `lifetime`). Nobody is signed out by that.
   */
  keys: readonly EncryptionKey[]
  /**
   * Read rows that are not encrypted too, and encrypt them when they are next written: for the time after encryption was
   * switched on. Meanwhile whoever can write to the table can put a session there. Default false.
   */
  readUnencrypted?: boolean
}

const ALGORITHM = 'aes-256-gcm'
const MAGIC = 'FSE1 '
const KEY_ID_LENGTH = 8
const TAG_LENGTH = 16
/** What is new with every write. */
const HEADER_LENGTH = MAGIC.length + COMMIT_ID_LENGTH
const LINE_LENGTH = HEADER_LENGTH + 1 + KEY_ID_LENGTH + 1

/**
 * A codec whose data only the keys can read: AES-256-GCM over what another codec writes. Each row has a key of its own, made
 * of yours and of the row's key, and the row's key is authenticated too. So data that was moved to another row, changed, or
 * encrypted with a key that is not among `keys`, is a session that cannot be decoded: the request has no session, and a line
 * in the log says why.
 *
 *     FSE1 0Vw3vZ8rKqQm1xYt k3yNam3_
 *     (what the other codec has written, encrypted, and 16 bytes of authentication tag)
 *
 * The first line is format and version, a random commit id, which is the nonce as well, and the id of the key. The length of
 * a session can be seen, and when it was written and expires.
 *
 * Throws `FST_SESSION_INVALID_OPTION`, with nothing of a key in the message.
 */
export function encrypted (codec: Codec, options: EncryptionOptions): Codec {
  if (typeof codec?.encode !== 'function' || typeof codec.decode !== 'function') throw new InvalidOptionError('encrypted needs a codec first: encrypted(textCodec, { keys: [key] })')
  if (typeof options !== 'object' || options === null) throw new InvalidOptionError('encrypted needs keys: encrypted(textCodec, { keys: [key] })')
  knownOnly(options, ['keys', 'readUnencrypted'])
  const keys = namedKeys(options.keys)
  const readUnencrypted = boolean('readUnencrypted', options.readUnencrypted, false)
  const inner = checkedCodec(codec)

  const open = (data: Uint8Array, row: RowContext | undefined): Uint8Array => {
    return readUnencrypted && !isSealed(data) ? data : unseal(data, keys, rowKeyOf(row))
  }
  const { check, holds } = inner
  return {
    encode: (content, row) => seal(inner.encode(content, row), keys[0], rowKeyOf(row)),
    decode: (data, row) => inner.decode(open(data, row), row),
    headerLength: data => isSealed(data) ? HEADER_LENGTH : inner.headerLength?.(data) ?? 0,
    ...check !== undefined && { check },
    ...holds !== undefined && { holds: (data, key, value, row) => holds(open(data, row), key, value, row) }
  }
}

function isSealed (data: Uint8Array): boolean {
  return asBuffer(data).toString('latin1', 0, MAGIC.length) === MAGIC
}

function seal (plain: Uint8Array, key: NamedKey, rowKey: string): Buffer {
  const id = commitId()
  const line = Buffer.from(`${MAGIC}${id} ${key.id}\n`)
  const cipher = createCipheriv(ALGORITHM, keyOfRow(key, rowKey), nonceOf(id), { authTagLength: TAG_LENGTH })
  cipher.setAAD(authenticated(line, rowKey))
  return Buffer.concat([line, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** What was sealed for this row. Throws `FST_SESSION_UNDECODABLE`. */
function unseal (data: Uint8Array, keys: readonly NamedKey[], rowKey: string): Buffer {
  const sealed = asBuffer(data)
  const [, id, keyId] = LINE.exec(sealed.toString('latin1', 0, LINE_LENGTH)) ?? []
  if (id === undefined || keyId === undefined || sealed.length < LINE_LENGTH + TAG_LENGTH) throw new UndecodableError('it is not encrypted, or its header is damaged')
  const key = keys.find(key => key.id === keyId)
  if (key === undefined) throw new UndecodableError(`it was encrypted with the key whose id is ${keyId}, which is not among the keys (${keys.map(key => key.id).join(', ')})`)
  const decipher = createDecipheriv(ALGORITHM, keyOfRow(key, rowKey), nonceOf(id), { authTagLength: TAG_LENGTH })
  decipher.setAAD(authenticated(sealed.subarray(0, LINE_LENGTH), rowKey))
  decipher.setAuthTag(sealed.subarray(-TAG_LENGTH))
  const plain = decipher.update(sealed.subarray(LINE_LENGTH, -TAG_LENGTH))
  try {
    decipher.final()
  } catch {
    throw new UndecodableError('it was changed since it was encrypted, or it is the data of another row')
  }
  return plain
}

const LINE = new RegExp(`^${MAGIC}([\\w-]{${COMMIT_ID_LENGTH}}) ([\\w-]{${KEY_ID_LENGTH}})\n$`)

/** Every commit id is random and used once: what GCM asks of a nonce, and 96 bits, which is the length that GCM prefers. */
function nonceOf (id: string): Buffer {
  return Buffer.from(id, 'base64url')
}

function authenticated (line: Buffer, rowKey: string): Buffer {
  return Buffer.concat([line, Buffer.from(rowKey)])
}

function rowKeyOf (row: RowContext | undefined): string {
  if (row !== undefined) return row.rowKey
  throw new InvalidOptionError('An encrypted session belongs to its row: give the row, as in decode(data, { rowKey: token }) with the token of a stored session')
}
