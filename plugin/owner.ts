import { hash } from 'node:crypto'
import { InvalidArgumentError, OwnerValueError } from './errors.js'
import { inspected } from '../stores/validate.js'

/*
 * Whose session it is, as the store's column has it: text of printable ASCII without spaces. The number 7, the bigint 7n and
 * the text '7' are one owner.
 */

/** The owner of a session, or who asks for sessions: the value of the key that the option `owner` names. */
export type Owner = string | number | bigint

/** The owner of sessions that are nobody's. */
export const NOBODY = ''

/** The column's length. */
const LONGEST = 191

/** The text of an owner. Undefined for a value that names none: it is of another kind, or no valid text or number. */
export function ownerText (value: unknown): string | undefined {
  if (value === undefined || value === null) return NOBODY
  const text = textOf(value)
  if (text === undefined) return undefined
  const escaped = encodeURIComponent(text)
  // Two hexadecimal digits follow any other percent sign.
  return escaped.length <= LONGEST ? escaped : `%sha256:${hash('sha256', text, 'base64url')}`
}

/** Throws `FST_SESSION_INVALID_VALUE` for a value that names no owner. */
export function checkOwnerValue (value: unknown, key: string): void {
  if (ownerText(value) === undefined) throw new OwnerValueError(key, inspected(value))
}

/** The text of the owner whose sessions a caller asks for. Throws `FST_SESSION_INVALID_ARGUMENT` unless it is somebody. */
export function ownerAskedFor (method: string, owner: unknown): string {
  const text = ownerText(owner)
  if (text !== undefined && text !== NOBODY) return text
  throw new InvalidArgumentError(`${method} needs an owner, a string that is not empty, a number or a bigint, not ${inspected(owner)}`)
}

function textOf (value: unknown): string | undefined {
  switch (typeof value) {
    case 'string': return isWellFormed(value) ? value : undefined
    case 'number': return Number.isFinite(value) ? String(value) : undefined
    case 'bigint': return String(value)
    default: return undefined
  }
}

/** Half of a surrogate pair has no percent-encoding. */
function isWellFormed (text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}
