import assert from 'node:assert/strict'
import { assertAbout, assertSame, dataOf, expiry, GRAIN, headerOf, HOUR, inserted, newSession, one, wholeOf, type Cases } from './sessions.js'

/** Cases of the contract: how the expiry alone is moved. */
export const TOUCH: Cases = {
  async 'touch moves the expiry and keeps the data' (store) {
    const session = await inserted(store)
    const before = performance.now()
    await store.touch({ token: session.token, seen: headerOf(session), ttl: 2 * HOUR, atLeast: 1000 })
    const { data, ttl } = await one(store, session.token)
    assertSame(data, session.data)
    assertAbout(ttl, 2 * HOUR, performance.now() - before)
    await store.touch({ token: session.token, seen: wholeOf(session), ttl: 3 * HOUR, atLeast: 1000 })
    assert.ok((await one(store, session.token)).ttl > 2 * HOUR + GRAIN)
  },

  async 'touch never moves the expiry to an earlier time' (store) {
    const session = await inserted(store, { ttl: 3 * HOUR })
    await store.touch({ token: session.token, seen: headerOf(session), ttl: HOUR, atLeast: 0 })
    await store.touch({ token: session.token, seen: headerOf(session), ttl: 1, atLeast: 0 })
    assert.ok((await one(store, session.token)).ttl > 2 * HOUR)
  },

  async 'touch does nothing if the expiry would move by less than atLeast' (store) {
    const session = await inserted(store, { ttl: 2 * HOUR })
    await store.touch({ token: session.token, seen: headerOf(session), ttl: 3 * HOUR, atLeast: 1.5 * HOUR })
    assert.ok((await one(store, session.token)).ttl < 2 * HOUR + GRAIN)
    await store.touch({ token: session.token, seen: headerOf(session), ttl: 3 * HOUR, atLeast: 0.5 * HOUR })
    assert.ok((await one(store, session.token)).ttl > 2.5 * HOUR)
  },

  async 'touch does nothing if the session is not what the caller saw' (store) {
    const session = await inserted(store)
    const newer = newSession({ token: session.token })
    assert.equal((await store.update({ ...newer, seen: headerOf(session) })).kind, 'saved')
    for (const seen of [headerOf(session), wholeOf(session), { bytes: newer.data.subarray(0, -1), whole: true }]) {
      await store.touch({ token: session.token, seen, ttl: 5 * HOUR, atLeast: 0 })
    }
    const { data, ttl } = await one(store, session.token)
    assertSame(data, newer.data)
    assert.ok(ttl < HOUR + GRAIN)
  },

  async 'touch neither inserts a session nor revives one' (store) {
    const unknown = newSession()
    await store.touch({ token: unknown.token, seen: headerOf(unknown), ttl: HOUR, atLeast: 0 })
    assert.equal(await dataOf(store, unknown.token), undefined)
    assert.equal(await store.insert(unknown), true)

    const session = await inserted(store, { ttl: 1 })
    await expiry(store, session.token)
    await store.touch({ token: session.token, seen: headerOf(session), ttl: HOUR, atLeast: 0 })
    assert.equal(await dataOf(store, session.token), undefined)
  },

  async 'several touches at once each move the expiry of their own session' (store) {
    const sessions = await Promise.all(Array.from({ length: 60 }, async (_, i) => await inserted(store, { text: 'x'.repeat(i) })))
    await Promise.all(sessions.map(async (session, i) => {
      await store.touch({ token: session.token, seen: i % 3 === 0 ? wholeOf(session) : headerOf(session), ttl: (i + 2) * HOUR, atLeast: 1 })
    }))
    for (const [i, session] of sessions.entries()) {
      const { ttl, data } = await one(store, session.token)
      assert.ok(Math.abs(ttl - (i + 2) * HOUR) < HOUR / 2, `the session ${i} lives ${ttl} ms`)
      assertSame(data, session.data)
    }
  }
}
