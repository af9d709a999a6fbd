import type { Session } from './session.js'

/*
 * The option `keepSessionInfo` of @fastify/passport reads the keys of a session's values by `Object.keys(session)`. Our
 * values are not properties, so that a key may have the name of a method. Therefore the session lists its keys as if they
 * were properties, but only where passport is in use: a proxy makes every call slower.
 */
const made = new WeakMap<Session, Session>()

/** Returns the same session, whose keys `Object.keys` lists. */
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
    // It has no value: that would be handed out, and a commit would have to compare it.
    return typeof key === 'string' && key !== '' && session.exists(key) ? { enumerable: true, configurable: true, value: undefined } : undefined
  }
}
