import type { Session } from './session.js'

/*
 * @fastify/passport's option `keepSessionInfo` takes `Object.keys(session)` for the keys of its values. Ours are no
 * properties: they live in a map of their own, so that a key may be named like a method. So where passport is in use, and
 * nowhere else because a proxy takes its microsecond, the session lists its keys as if they were properties.
 */
const made = new WeakMap<Session, Session>()

/** The same session, with its keys listed by `Object.keys`. */
export function withKeysListed (session: Session): Session {
  let listing = made.get(session)
  if (listing === undefined) {
    listing = new Proxy(session, LISTING)
    made.set(session, listing)
  }
  return listing
}

const LISTING: ProxyHandler<Session> = {
  get (session, name) {
    const member: unknown = Reflect.get(session, name, session)
    return typeof member === 'function' ? member.bind(session) : member
  },
  ownKeys: session => session.keys(),
  getOwnPropertyDescriptor (session, key) {
    // The value is not told: it would be one that was handed out, and so has to be compared at commit.
    return typeof key === 'string' && key !== '' && session.exists(key) ? { enumerable: true, configurable: true, value: undefined } : undefined
  }
}
