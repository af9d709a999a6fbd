import { called, checkExpressStore, type ExpressStore } from './store.js'
import { asBuffer } from '../bytes.js'
import type { SimpleStore } from '../simple.js'

/** What connectStore gives to the store: a session of express-session's form, with our data as its one value. */
interface Kept {
  readonly cookie: { readonly originalMaxAge: number, readonly maxAge: number, readonly expires: Date, readonly path: string, readonly httpOnly: boolean }
  /** Data that is text, as that of the default codec is. */
  readonly text?: string
  /** Any other data, as base64. */
  readonly bytes?: string
}

/**
 * Makes a store of any store for express-session: connect-redis, connect-pg-simple, connect-mongo and others.
 *
 *     await app.register(sessions, connectStore(new RedisStore({ client })))
 *
 * Such a store can only get, set and destroy, so it does not keep the plugin's first two promises: of two requests that change
 * one session at once the last write wins, and a session that ends while a request is changing it can come back. It lists no
 * sessions. How exactly a session ends is up to the store: many count in seconds, by the clock of this process.
 *
 * The plugin never closes it. Throws `FST_SESSION_INVALID_OPTION` if it is no such store.
 */
export function connectStore (store: ExpressStore): SimpleStore {
  checkExpressStore(store, 'connectStore needs a store of express-session')
  return {
    async find (token) {
      const kept = await called<Partial<Kept>>(callback => store.get(token, callback))
      if (typeof kept?.text === 'string') return Buffer.from(kept.text)
      return typeof kept?.bytes === 'string' ? Buffer.from(kept.bytes, 'base64') : null
    },

    async commit (token, data, expiry) {
      const maxAge = expiry.getTime() - Date.now()
      const kept: Kept = { cookie: { originalMaxAge: maxAge, maxAge, expires: expiry, path: '/', httpOnly: true }, ...asText(asBuffer(data)) }
      // The store's own type is that of express-session's sessions.
      await called(callback => store.set(token, kept as never, callback))
    },

    async delete (token) {
      await called(callback => store.destroy(token, callback))
    }
  }
}

/** As text a person can read it in the store. */
function asText (data: Buffer): Pick<Kept, 'text' | 'bytes'> {
  const text = data.toString('utf8')
  return Buffer.from(text).equals(data) ? { text } : { bytes: data.toString('base64') }
}
