import assert from 'node:assert/strict'
import { assertSame, dataOf, GRAIN, headerOf, HOUR, inserted, newSession, newToken, one, similarTo, type Cases } from './sessions.js'

/** Cases of the contract: how exactly tokens are compared, whatever the collation of their column. */
export const TOKENS: Cases = {
  async 'tokens are compared exactly: a similar token does not find, change, touch or delete the session' (store) {
    const session = await inserted(store, { token: `aZ${newToken().slice(2)}` })
    for (const similar of similarTo(session.token)) {
      assert.deepEqual((await store.find([similar])).sessions, [], `not found as ${JSON.stringify(similar)}`)
      const next = newSession({ token: similar })
      assert.deepEqual(await store.update({ ...next, seen: headerOf(session) }), { kind: 'gone' })
      await store.touch({ token: similar, seen: headerOf(session), ttl: 2 * HOUR, atLeast: 0 })
      await store.delete(similar)
      await store.rewrite([similar], ({ sessions }) => {
        assert.deepEqual(sessions, [], `not locked as ${JSON.stringify(similar)}`)
        return [{ kind: 'delete', token: similar }]
      })
      const { data, ttl } = await one(store, session.token)
      assertSame(data, session.data)
      assert.ok(ttl < HOUR + GRAIN, 'not touched')
    }
  },

  async 'find returns a session only under its exact token' (store) {
    const session = await inserted(store, { token: `aZ${newToken().slice(2)}` })
    const { sessions } = await store.find([...similarTo(session.token), session.token])
    assert.deepEqual(sessions.map(({ token }) => token), [session.token])
  },

  async 'a new session under a similar token does not change the other session' (store) {
    const session = await inserted(store, { token: `aZ${newToken().slice(2)}` })
    const similar = newSession({ token: `Az${session.token.slice(2)}` })
    const wasWritten = await store.insert(similar)
    assertSame(await dataOf(store, session.token), session.data)
    const written = await dataOf(store, similar.token)
    if (wasWritten) assertSame(written, similar.data)
    else assert.equal(written, undefined)
  }
}
