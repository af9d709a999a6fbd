import assert from 'node:assert/strict'
import { assertSame, dataOf, deleteAllExpired, expiry, GRAIN, headerOf, HOUR, inserted, moved, newSession, newToken, wholeOf, type Cases } from './sessions.js'
import type { Successor } from '../store.js'

/** Cases of the contract: how sessions end, renewed ones too. */
export const DELETE: Cases = {
  async 'delete ends one session and no other' (store) {
    const [session, other] = [await inserted(store), await inserted(store)]
    await store.delete(session.token)
    assert.equal(await dataOf(store, session.token), undefined)
    assertSame(await dataOf(store, other.token), other.data)
    assert.equal(await store.insert(session), true, 'the row is gone')
  },

  async 'delete of an unknown, deleted or expired token is no error' (store) {
    await store.delete(newToken())
    const session = await inserted(store)
    await Promise.all([store.delete(session.token), store.delete(session.token), store.delete(session.token)])
    await store.delete(session.token)
    const expired = await inserted(store, { ttl: 1 })
    await expiry(store, expired.token)
    await store.delete(expired.token)
  },

  async 'a session that is deleted while others change and touch it stays deleted' (store) {
    const sessions = await Promise.all(Array.from({ length: 30 }, async () => await inserted(store)))
    const outcomes = await Promise.all(sessions.map(async session => {
      const change = newSession({ token: session.token })
      const [outcome] = await Promise.all([
        store.update({ ...change, seen: headerOf(session) }),
        store.touch({ token: session.token, seen: headerOf(change), ttl: 2 * HOUR, atLeast: 0 }),
        store.delete(session.token)
      ])
      return outcome
    }))
    for (const { kind } of outcomes) assert.ok(kind === 'saved' || kind === 'gone', kind)
    assert.deepEqual((await store.find(sessions.map(({ token }) => token))).sessions, [])
  },

  async 'a session that was moved lives on only under its new token' (store) {
    const session = await inserted(store)
    const renewed = await moved(store, session)
    assertSame(await dataOf(store, renewed.token), renewed.data)
    assert.equal(await dataOf(store, session.token), undefined)
    for (const seen of [headerOf(session), wholeOf(session), { bytes: Buffer.alloc(0), whole: false }]) {
      assert.deepEqual(await store.update({ ...session, seen }), { kind: 'gone' })
      await store.touch({ token: session.token, seen, ttl: HOUR, atLeast: 0 })
    }
    assert.equal(await store.insert(session), false, 'its old token is not free')
    await store.rewrite([session.token], ({ sessions }) => {
      assert.deepEqual(sessions, [])
      return []
    })
    assert.equal(await dataOf(store, session.token), undefined)
  },

  async 'find tells of a moved session where it has gone, how long ago, and the note of its move, if it tells such things at all' (store) {
    const [session, bare] = [await inserted(store), await inserted(store)]
    const before = performance.now()
    const [next, nextBare] = [newSession(), newSession()]
    const note = `5000.${'Ab_-'.repeat(100)}`
    await store.rewrite([session.token], () => [{ kind: 'move', token: session.token, to: next.token, note }, { kind: 'insert', session: next }])
    await store.rewrite([bare.token], () => [{ kind: 'move', token: bare.token, to: nextBare.token }, { kind: 'insert', session: nextBare }])
    const { sessions, successors } = await store.find([session.token, bare.token])
    assert.deepEqual(sessions, [])
    if (successors !== undefined) {
      const of = (token: string): Successor | undefined => successors.find(successor => successor.token === token)
      assert.deepEqual({ ...of(session.token), age: 0 }, { token: session.token, to: next.token, note, age: 0 })
      assert.deepEqual({ ...of(bare.token), age: 0 }, { token: bare.token, to: nextBare.token, note: undefined, age: 0 })
      for (const { age } of successors) assert.ok(age >= 0 && age <= performance.now() - before + GRAIN, `${age}`)
    }
    await store.delete(session.token)
    assert.equal(await dataOf(store, next.token), undefined, 'and delete follows it')
  },

  async 'delete also ends the session that replaced this one, after one renewal or several' (store) {
    for (const renewals of [1, 2, 5]) {
      const session = await inserted(store)
      let last = session
      for (let i = 0; i < renewals; i++) last = await moved(store, last)
      assertSame(await dataOf(store, last.token), last.data)
      await store.delete(session.token)
      assert.equal(await dataOf(store, last.token), undefined)
    }
  },

  async 'delete of many renewed sessions at once ends each of them and no other' (store) {
    const sessions = await Promise.all(Array.from({ length: 20 }, async () => await inserted(store)))
    const renewed = await Promise.all(sessions.map(async session => await moved(store, session)))
    const doomed = sessions.filter((_, i) => i % 2 === 0)
    await Promise.all(doomed.map(async ({ token }) => { await store.delete(token) }))
    const found = await store.find(renewed.map(({ token }) => token))
    assert.deepEqual(found.sessions.map(({ token }) => token).sort(), renewed.filter((_, i) => i % 2 === 1).map(({ token }) => token).sort())
  },

  async 'delete of the old token still ends a renewed session after the expired rows were deleted' (store) {
    const session = await inserted(store)
    const renewed = await moved(store, session)
    await deleteAllExpired(store)
    await store.delete(session.token)
    assert.equal(await dataOf(store, renewed.token), undefined)
  }
}
