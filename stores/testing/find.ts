import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertAbout, assertSame, dataOf, expiry, GRAIN, headerOf, HOUR, inserted, newSession, newToken, one, type Cases } from './sessions.js'

/** Cases of the contract: how sessions are found, and how long they live. */
export const FIND: Cases = {
  async 'find returns the live sessions among the tokens asked for' (store) {
    const [a, b, c] = [await inserted(store), await inserted(store), await inserted(store)]
    const { sessions } = await store.find([b.token, newToken(), a.token])
    assert.deepEqual(sessions.map(({ token }) => token).sort(), [a.token, b.token].sort())
    for (const { token, data } of sessions) assertSame(data, token === a.token ? a.data : b.data)
    assertSame(await dataOf(store, c.token), c.data)
  },

  async 'find without a token, or with unknown tokens, returns only the time' (store) {
    for (const tokens of [[], [newToken()], [newToken(), newToken(), newToken()]]) {
      const { now, sessions } = await store.find(tokens)
      assert.deepEqual(sessions, [])
      assert.equal(typeof now, 'number')
      assert.ok(now > Date.UTC(2020, 0) && now < Date.UTC(2100, 0), `now is in milliseconds since 1970, not ${now}`)
    }
  },

  async 'find accepts a hundred tokens' (store) {
    const sessions = await Promise.all(Array.from({ length: 100 }, async () => await inserted(store)))
    const found = await store.find(sessions.map(({ token }) => token))
    assert.equal(found.sessions.length, 100)
    for (const { token, data } of sessions) assertSame(found.sessions.find(session => session.token === token)?.data, data)
  },

  async 'find returns how long a session will live' (store) {
    const before = performance.now()
    const { token } = await inserted(store, { ttl: HOUR })
    const { ttl } = await one(store, token)
    assertAbout(ttl, HOUR, performance.now() - before)
  },

  async 'the time that the store returns advances as the caller\'s clock does' (store) {
    const { token } = await inserted(store)
    const before = performance.now()
    const { now } = await store.find([token])
    await sleep(20)
    const later = await store.find([])
    assertAbout(now + (performance.now() - before), later.now, GRAIN)
  },

  async 'an expired session is not found, however it was written' (store) {
    const session = await inserted(store, { ttl: 1 })
    await expiry(store, session.token)

    const updated = await inserted(store)
    const next = newSession({ token: updated.token, ttl: 1 })
    assert.equal((await store.update({ ...next, seen: headerOf(updated) })).kind, 'saved')
    await expiry(store, updated.token)

    const rewritten = await inserted(store)
    await store.rewrite([rewritten.token], () => [{ kind: 'update', session: { ...rewritten, ttl: 1 } }])
    await expiry(store, rewritten.token)
  },

  async 'a session is found until it expires' (store) {
    const before = performance.now()
    const { token } = await inserted(store, { ttl: 300 })
    for (let lived = 0; lived < 300;) {
      const { sessions: [session] } = await store.find([token])
      lived = performance.now() - before
      if (lived < 300) assert.ok(session !== undefined && session.ttl > 0 && session.ttl <= 300, 'it is found, with what is left of its life')
      await sleep(20)
    }
    await expiry(store, token)
  }
}
