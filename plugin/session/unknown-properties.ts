import type { FastifyBaseLogger } from 'fastify'
import { InvalidArgumentError } from '../errors.js'
import { audible } from '../warnings.js'

/*
 * With other session plugins, applications write `request.session.user = 'ada'`. Without the option `properties` such a
 * property would be lost without notice when the request ends, so an assignment throws an error that says what to write, and
 * the first reading of each name is warned about. This proxy is the end of the prototype chain: only names that the session
 * does not have get here, so its methods are not slower.
 */

/** Names that Node, JSON, promises and test runners look for in any object. */
const LOOKED_FOR = new Set(['then', 'toJSON', 'inspect', 'length', 'nodeType', 'tagName', 'asymmetricMatch', '$$typeof'])

/**
 * Makes assignments to unknown properties of a class's objects throw `FST_SESSION_INVALID_ARGUMENT`.
 *
 * @param onRead is called with an object and the name of an unknown property that is read
 */
export function guardProperties<T extends object> (prototype: T, onRead: (object: T, name: string) => void): void {
  Object.setPrototypeOf(prototype, new Proxy(Object.prototype, {
    get (target, name, receiver: T) {
      if (typeof name === 'string' && !(name in target) && !LOOKED_FOR.has(name)) onRead(receiver, name)
      return Reflect.get(target, name, receiver) as unknown
    },
    set (target, name, value, receiver) {
      if (typeof name === 'symbol') return Reflect.set(target, name, value, receiver)
      throw new InvalidArgumentError(`A session has no property ${name}, and would not keep it. Use request.session.put('${name}', value), or register the plugin with properties: true`)
    }
  }))
}

/** So many names are warned about. A name may come from a visitor. */
const MOST_NAMES = 100

/** The unknown properties that a registration has warned about. */
export class UnknownProperties {
  readonly #names = new Set<string>()

  /**
   * Warns when a name is read for the first time.
   *
   * @param session how the code that reads it calls the session
   */
  warn (log: FastifyBaseLogger, name: string, session: string): void {
    if (this.#names.size >= MOST_NAMES || this.#names.has(name)) return
    this.#names.add(name)
    audible(log).warn({}, `The property ${name} of a session was read, which has no such property: use ${session}.get('${name}'), or register the plugin with properties: true`)
  }
}
