import assert from 'node:assert/strict'
import type { Found, StoredSession, Write } from '../store.js'
import { assertAbout, assertSame, dataOf, expiry, GRAIN, headerOf, HOUR, inserted, newSession, newToken, one, textOf, type Cases } from './sessions.js'

/** Cases of the contract: how several rows are changed in one transaction. */
export const REWRITE: Cases = {
  async 'rewrite passes the live sessions to decide as they are' (store) {
    const [a, b, expired] = [await inserted(store), await inserted(store), await inserted(store, { ttl: 1 })]
    await expiry(store, expired.token)
    const before = performance.now()
    const calls: Found[] = []
    await store.rewrite([b.token, expired.token, newToken(), a.token], found => {
      calls.push(found)
      return []
    })
    const [found] = calls as [Found]
    assert.deepEqual(found.sessions.map(({ token }) => token).sort(), [a.token, b.token].sort())
    for (const { token, data, ttl } of found.sessions) {
      assertSame(data, token === a.token ? a.data : b.data)
      assertAbout(ttl, HOUR, performance.now() - before + GRAIN)
    }
    assert.ok(Math.abs(found.now - (await store.find([])).now) < 60_000)
  },

  async 'rewrite inserts, updates and deletes in one step' (store) {
    const [updated, deleted] = [await inserted(store), await inserted(store)]
    const next = newSession({ token: updated.token, ttl: 2 * HOUR })
    const added = newSession({ ttl: 3 * HOUR })
    await store.rewrite([updated.token, deleted.token], () => [
      { kind: 'delete', token: deleted.token },
      { kind: 'update', session: next },
      { kind: 'insert', session: added }
    ])
    const stored = await one(store, updated.token)
    assertSame(stored.data, next.data)
    assert.ok(stored.ttl > HOUR + GRAIN)
    const newOne = await one(store, added.token)
    assertSame(newOne.data, added.data)
    assert.ok(newOne.ttl > 2 * HOUR + GRAIN)
    assert.equal(await dataOf(store, deleted.token), undefined)
  },

  async 'rewrite without a token can insert' (store) {
    const session = newSession()
    await store.rewrite([], ({ sessions }) => {
      assert.deepEqual(sessions, [])
      return [{ kind: 'insert', session }]
    })
    assertSame(await dataOf(store, session.token), session.data)
  },

  async 'rewrite changes nothing if decide returns no writes' (store) {
    const session = await inserted(store)
    await store.rewrite([session.token], () => [])
    assertSame(await dataOf(store, session.token), session.data)
  },

  async 'if decide throws, rewrite changes nothing and throws the same error' (store) {
    const session = await inserted(store)
    const reason = new Error('no')
    await assert.rejects(store.rewrite([session.token], () => { throw reason }), error => error === reason)
    assertSame(await dataOf(store, session.token), session.data)
    assert.equal((await store.update({ ...session, seen: headerOf(session) })).kind, 'saved', 'and it is not locked')
  },

  async 'a rewrite of which one write fails writes nothing' (store) {
    const [session, deleted, taken] = [await inserted(store), await inserted(store), await inserted(store)]
    const writes: Write[] = [
      { kind: 'update', session: newSession({ token: session.token }) },
      { kind: 'delete', token: deleted.token },
      { kind: 'insert', session: newSession({ token: taken.token }) }
    ]
    await assert.rejects(store.rewrite([session.token, deleted.token], () => writes))
    for (const { token, data } of [session, deleted, taken]) assertSame(await dataOf(store, token), data)
  },

  async 'several rewrites of one session at once are all applied, one after the other' (store) {
    const session = await inserted(store, { text: '' })
    await Promise.all(Array.from('abcdefghijklmnopqrst', async letter => {
      await store.rewrite([session.token], ({ sessions: [found] }) => {
        const text = textOf((found as StoredSession).data) + letter
        return [{ kind: 'update', session: newSession({ token: session.token, text }) }]
      })
    }))
    const text = textOf((await one(store, session.token)).data)
    assert.equal(Array.from(text).sort().join(''), 'abcdefghijklmnopqrst')
  },

  async 'rewrites of two sessions in opposite orders do not block each other' (store) {
    const [a, b] = [await inserted(store, { text: '0' }), await inserted(store, { text: '0' })]
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const tokens = i % 2 === 0 ? [a.token, b.token] : [b.token, a.token]
      await store.rewrite(tokens, ({ sessions }) => {
        assert.equal(sessions.length, 2)
        return sessions.map(({ token, data }) => ({ kind: 'update', session: newSession({ token, text: String(Number(textOf(data)) + 1) }) }))
      })
    }))
    for (const { token } of [a, b]) assert.equal(textOf((await one(store, token)).data), '20')
  },

  async 'rewrites and updates of one session at once lose nothing' (store) {
    const session = await inserted(store, { text: '0' })
    const { token } = session
    const rewrite = async () => {
      await store.rewrite([token], ({ sessions: [found] }) => {
        return [{ kind: 'update', session: newSession({ token, text: String(Number(textOf((found as StoredSession).data)) + 1) }) }]
      })
      return 1
    }
    const update = async () => {
      const { data } = await one(store, token)
      const next = newSession({ token, text: String(Number(textOf(data)) + 1) })
      return (await store.update({ ...next, seen: headerOf({ data }) })).kind === 'saved' ? 1 : 0
    }
    const counted = await Promise.all(Array.from({ length: 30 }, async (_, i) => i % 3 === 0 ? await rewrite() : await update()))
    assert.equal(textOf((await one(store, token)).data), String(counted.reduce<number>((sum, n) => sum + n, 0)))
  },

  async 'of several renewals of one session at once, only the first finds it live' (store) {
    const session = await inserted(store)
    const renewals = await Promise.all([1, 2, 3].map(async () => {
      const next = newSession()
      let wasLive = false
      await store.rewrite([session.token], ({ sessions: [found] }) => {
        wasLive = found !== undefined
        return wasLive ? [{ kind: 'move', token: session.token, to: next.token }, { kind: 'insert', session: next }] : []
      })
      return wasLive
    }))
    assert.equal(renewals.filter(Boolean).length, 1)
  }
}
