import { types } from 'node:util'

/** How many characters of a name a message shows at most. A longer one may be a token. */
const LONGEST_NAME = 31
/** How many steps of a path a message shows at most, the first ones and the last ones. */
const MOST_STEPS = 8

/**
 * Where in a session something is, for a message: `cart.items[2]`. No message shows a value, so a key of a Map is told by its
 * number, and so is a name that may be data (an address, a token).
 *
 * @param inside the objects on the way, from the outermost on
 * @param places the number of the property, element or part inside each of them
 */
export function pathText (key: string, inside: readonly object[], places: readonly number[]): string {
  const steps = places.map((place, i) => step(inside[i] as object, place))
  if (steps.length > MOST_STEPS) steps.splice(MOST_STEPS / 2, steps.length - MOST_STEPS, '…')
  return keyText(key) + steps.join('')
}

function step (object: object, place: number): string {
  if (Array.isArray(object) || types.isSet(object)) return `[${place}]`
  if (types.isMap(object)) return place % 2 === 0 ? `<key ${place / 2}>` : `<value ${(place - 1) / 2}>`
  const name = Object.keys(object)[place] as string
  if (name.length > LONGEST_NAME) return `<property ${place}>`
  if (/^[A-Za-z_$][\w$]*$/.test(name)) return `.${name}`
  return /^[\w .:-]+$/.test(name) ? `["${name}"]` : `<property ${place}>`
}

function keyText (key: string): string {
  const shown = key.length > 2 * LONGEST_NAME ? `${key.slice(0, LONGEST_NAME)}…` : key
  return /^[\w.:-]+…?$/.test(shown) ? shown : JSON.stringify(shown)
}
