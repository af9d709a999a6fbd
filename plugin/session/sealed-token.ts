import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { asBuffer } from '../../stores/bytes.js'

/*
 * The new token of a renewed session, sealed so that only a client that has the old token can open it: AES-256-GCM with a key that
 * HKDF-SHA256 derives from the old token, of 256 random bits. So the table holds no token. The keys of both rows and the time are
 * authenticated, so nobody who can write to the table can move the note, or make it hold longer.
 */

/** What a note is about. */
export interface Renewal {
  readonly oldToken: string
  /** The keys of the old row and of the new one. */
  readonly from: string
  readonly to: string
}

/** @param keepFor how long the old token holds, in milliseconds */
export function sealed (newToken: string, keepFor: number, renewal: Renewal): string {
  const iv = randomBytes(IV_LENGTH)
  const cipher = createCipheriv(CIPHER, keyOf(renewal), iv).setAAD(about(keepFor, renewal))
  const bytes = Buffer.concat([iv, cipher.update(newToken, 'latin1'), cipher.final(), cipher.getAuthTag()])
  return `${keepFor}.${bytes.toString('base64url')}`
}

/**
 * The new token; undefined for a note that does not hold any more, or that was not sealed for this token.
 *
 * @param age how long ago the session was renewed, in milliseconds
 */
export function unsealed (note: string, age: number, renewal: Renewal): string | undefined {
  const [, keepFor = '', text = ''] = /^(\d{1,5})\.([\w-]+)$/.exec(note) ?? []
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length <= IV_LENGTH + TAG_LENGTH || age > Number(keepFor)) return undefined
  try {
    const decipher = createDecipheriv(CIPHER, keyOf(renewal), bytes.subarray(0, IV_LENGTH), { authTagLength: TAG_LENGTH })
      .setAAD(about(Number(keepFor), renewal)).setAuthTag(bytes.subarray(-TAG_LENGTH))
    return decipher.update(bytes.subarray(IV_LENGTH, -TAG_LENGTH), undefined, 'latin1') + decipher.final('latin1')
  } catch {
    // It was damaged, or sealed for another token.
    return undefined
  }
}

const CIPHER = 'aes-256-gcm'
const IV_LENGTH = 12
const TAG_LENGTH = 16

function keyOf ({ oldToken }: Renewal): Buffer {
  return asBuffer(new Uint8Array(hkdfSync('sha256', oldToken, '', 'fastify-sql-sessions: the new token of a renewed session', 32)))
}

function about (keepFor: number, { from, to }: Renewal): Buffer {
  return Buffer.from(`${keepFor}\n${from}\n${to}`)
}
