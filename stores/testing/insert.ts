import assert from 'node:assert/strict'
import { assertSame, dataOf, expiry, GRAIN, HOUR, inserted, newSession, newToken, one, type Cases } from './sessions.js'

/** Cases of the contract: how new sessions are written. */
export const INSERT: Cases = {
  async 'insert writes a session and returns true' (store) {
    const session = newSession()
    assert.equal(await store.insert(session), true)
    assertSame(await dataOf(store, session.token), session.data)
  },

  async 'insert writes nothing if the token exists, and returns false' (store) {
    const session = await inserted(store)
    assert.equal(await store.insert(newSession({ token: session.token, ttl: 2 * HOUR })), false)
    const { data, ttl } = await one(store, session.token)
    assertSame(data, session.data)
    assert.ok(ttl < HOUR + GRAIN)
  },

  async 'insert does not replace an expired session that is still in the table' (store) {
    const { token } = await inserted(store, { ttl: 1 })
    await expiry(store, token)
    assert.equal(await store.insert(newSession({ token })), false)
    assert.equal(await dataOf(store, token), undefined)
  },

  async 'of several inserts of one token at once, exactly one writes' (store) {
    const token = newToken()
    const sessions = Array.from({ length: 20 }, () => newSession({ token }))
    const written = await Promise.all(sessions.map(async session => await store.insert(session)))
    assert.equal(written.filter(Boolean).length, 1)
    assertSame(await dataOf(store, token), sessions[written.indexOf(true)]?.data)
  }
}
