import type { RequestSession } from './request-session.js'
import { InvalidArgumentError } from '../errors.js'

/*
 * For code written for express-session: the keys of a session are properties, too. This takes a proxy, which makes every
 * call slower. So it is used only with the option `properties`, or beside a plugin that needs it.
 */

/**
 * Returns the same session, with its keys as properties. Where a key has the name of a member of the session, the property is
 * that member.
 *
 * @param onRegenerate is called when code calls regenerate with a callback. Such code then expects a new session object, and
 * the old values in this one.
 */
export function withProperties (session: RequestSession, onRegenerate: () => void): RequestSession {
  return new Proxy(session, new Properties(onRegenerate))
}

class Properties implements ProxyHandler<RequestSession> {
  readonly #onRegenerate: () => void
  /** The values of before a regeneration. */
  readonly #past = new Map<string, unknown>()

  constructor (onRegenerate: () => void) {
    this.#onRegenerate = onRegenerate
  }

  get (session: RequestSession, name: string | symbol): unknown {
    if (name === 'regenerate') return this.#regenerate(session)
    if (typeof name === 'symbol' || isMember(session, name)) {
      const member: unknown = Reflect.get(session, name, session)
      return typeof member === 'function' && isOwn(session, name) ? member.bind(session) : member
    }
    if (this.#past.has(name)) return this.#past.get(name)
    if (name === 'toJSON' && !session.exists(name)) return () => session.data()
    return name === '' ? undefined : session.get(name)
  }

  set (session: RequestSession, name: string | symbol, value: unknown): boolean {
    if (typeof name === 'symbol') return Reflect.set(session, name, value)
    if (isMember(session, name)) throw new InvalidArgumentError(`${name} is a member of the session, so it cannot be assigned. For a key of that name, use request.session.put('${name}', value)`)
    session.set(name, value)
    this.#past.delete(name)
    return true
  }

  has (session: RequestSession, name: string | symbol): boolean {
    return typeof name === 'symbol' ? Reflect.has(session, name) : isMember(session, name) || this.#isKey(session, name)
  }

  deleteProperty (session: RequestSession, name: string | symbol): boolean {
    if (typeof name === 'symbol') return Reflect.deleteProperty(session, name)
    if (name !== '') session.remove(name)
    this.#past.delete(name)
    return true
  }

  defineProperty (session: RequestSession, name: string | symbol, property: PropertyDescriptor): boolean {
    if (typeof name === 'symbol') return Reflect.defineProperty(session, name, property)
    if (!('value' in property)) throw new InvalidArgumentError(`A session keeps values, and ${name} is a getter or a setter`)
    return this.set(session, name, property.value)
  }

  ownKeys (session: RequestSession): Array<string | symbol> {
    return [...new Set([...session.keys(), ...this.#past.keys()]), ...Object.getOwnPropertySymbols(session)]
  }

  getOwnPropertyDescriptor (session: RequestSession, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'symbol') return Reflect.getOwnPropertyDescriptor(session, name)
    if (!this.#isKey(session, name)) return undefined
    return { value: this.get(session, name), enumerable: true, configurable: true, writable: true }
  }

  preventExtensions (): boolean {
    return false
  }

  #isKey (session: RequestSession, name: string | symbol): boolean {
    return typeof name === 'string' && name !== '' && (session.exists(name) || this.#past.has(name))
  }

  #regenerate (session: RequestSession): RequestSession['regenerate'] {
    return (keep, callback) => {
      if (typeof keep === 'function') {
        for (const [key, value] of Object.entries(session.data())) this.#past.set(key, value)
        this.#onRegenerate()
      }
      return session.regenerate(keep, callback)
    }
  }
}

/** Whether a name is a member's, of the session or of every object. A key of that name is reached by get and put. */
function isMember (session: RequestSession, name: string): boolean {
  return Reflect.has(Object.getPrototypeOf(session) as object, name)
}

function isOwn (session: RequestSession, name: string | symbol): boolean {
  return Object.hasOwn(Object.getPrototypeOf(session) as object, name)
}
