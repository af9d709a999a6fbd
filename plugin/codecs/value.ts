import { Inspection } from './inspection.js'
import { isObject } from './kinds.js'
import { MOST_BYTES } from './limits.js'
import { pack, Unpacking, type Json } from './packed.js'
import { untyped } from './typed.js'
import { TooLargeError } from '../errors.js'

export { isObject } from './kinds.js'

/**
 * Throws `FST_SESSION_INVALID_VALUE`, naming the place, if a session cannot keep this value, or would keep less than there
 * is. {@link stringify} finds the first alone, in less time.
 */
export function checkValue (value: unknown, key: string): void {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') new Inspection(true).isJson(value, key)
}

/**
 * A value's text, from which {@link parse} makes an equal one. Throws `FST_SESSION_INVALID_VALUE` if a session cannot keep it,
 * `FST_SESSION_TOO_LARGE` if it is larger than any session.
 */
export function stringify (value: unknown, key: string): string {
  return textOf(value, key, new Inspection(false))
}

/** The value of a text. Throws a SyntaxError for a text that {@link stringify} did not make. */
export function parse (text: string): unknown {
  const json = JSON.parse(text) as Json
  return hasPacked(text) ? new Unpacking().unpack(json) : json
}

/** The values of a session as a JSON object, each key on a line of its own. Throws as {@link stringify} does. */
export function stringifyAll (values: ReadonlyMap<string, unknown>): string {
  const inspection = new Inspection(false)
  let text = '{'
  for (const [key, value] of values) {
    text += `${text.length > 1 ? ',' : ''}${lineStart(key)}${textOf(untyped(value), key, inspection)}`
  }
  return text.length > 1 ? `${text}\n}` : '{}'
}

/** The values of a session. Throws a SyntaxError for a text that {@link stringifyAll} did not make. */
export function parseAll (text: string): Map<string, unknown> {
  const json = JSON.parse(text) as Json
  if (!isObject(json) || Array.isArray(json)) throw new SyntaxError('the values are no object')
  const values = new Map<string, unknown>()
  const unpacking = hasPacked(text) ? new Unpacking() : undefined
  for (const key of Object.keys(json)) {
    const value = json[key] as Json
    values.set(key, unpacking === undefined ? value : unpacking.unpack(value))
  }
  return values
}

/**
 * How the line of a key begins in a text of {@link stringifyAll}, with the end of the line before. Nothing else in such a
 * text is the same, because a JSON string contains no line break.
 */
export function lineStart (key: string): string {
  return `\n${JSON.stringify(key)}:`
}

/** A value of its own, equal to this one. Throws as {@link stringify} does. */
export function copy (value: unknown, key: string): unknown {
  return isObject(value) ? parse(stringify(value, key)) : value
}

/** Most sessions have no key that begins with a dollar sign, and nothing to unpack. */
function hasPacked (text: string): boolean {
  return text.includes('"$')
}

function textOf (value: unknown, key: string, inspection: Inspection): string {
  const isJson = inspection.isJson(value, key)
  // An object in many places would become a text that fills the memory.
  if (inspection.length > MOST_BYTES) throw new TooLargeError(inspection.length, MOST_BYTES, 'of any session')
  return JSON.stringify(isJson ? value : pack(value))
}
