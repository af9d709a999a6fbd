import assert from 'node:assert/strict'
import type { StoredSession } from '../store.js'
import { assertSame, dataOf, deleteAllExpired, expiry, GRAIN, HOUR, inserted, moved, newSession, type Cases } from './sessions.js'

/** Cases of the contract: how the live sessions are gone through, and expired rows deleted. */
export const SCAN: Cases = {
  async 'scan returns every live session once, in pages of any size' (store) {
    const sessions = await Promise.all(Array.from({ length: 25 }, async () => await inserted(store)))
    for (const pageSize of [undefined, 1, 7, 25, 26]) {
      const found = new Map<string, StoredSession>()
      for await (const session of store.scan(pageSize)) {
        assert.ok(!found.has(session.token), 'once')
        found.set(session.token, session)
      }
      for (const { token, data } of sessions) {
        const session = found.get(token)
        assertSame(session?.data, data)
        assert.ok(session !== undefined && session.ttl > 0 && session.ttl < HOUR + GRAIN)
      }
    }
  },

  async 'scan goes in the order of the keys, and can begin after any of them' (store) {
    for (let i = 0; i < 9; i++) await inserted(store)
    const all: string[] = []
    for await (const { token } of store.scan(4)) all.push(token)
    for (const i of [0, 3, all.length - 2, all.length - 1]) {
      const rest: string[] = []
      for await (const { token } of store.scan(2, { after: all[i] as string })) rest.push(token)
      assert.deepEqual(rest, all.slice(i + 1))
    }
  },

  async 'count counts the live sessions' (store) {
    if (store.count === undefined) return
    const [before, expired] = [await store.count(), await inserted(store, { ttl: 1 })]
    await expiry(store, expired.token)
    const [first, second] = [await inserted(store), await inserted(store)]
    assert.equal(await store.count(), before + 2)
    await store.delete(first.token)
    await moved(store, second)
    assert.equal(await store.count(), before + 1)
  },

  async 'scan returns neither expired sessions nor the old tokens of renewed sessions' (store) {
    const expired = await inserted(store, { ttl: 1 })
    await expiry(store, expired.token)
    const old = await inserted(store)
    const renewed = await moved(store, old)
    const tokens = new Set<string>()
    for await (const { token } of store.scan()) tokens.add(token)
    assert.ok(tokens.has(renewed.token))
    assert.ok(!tokens.has(old.token))
    assert.ok(!tokens.has(expired.token))
  },

  async 'a scan can be left early, and sessions may come and go during a scan' (store) {
    const [stays, leaves] = [await inserted(store), await inserted(store)]
    const pages = store.scan(1)[Symbol.asyncIterator]()
    assert.equal(typeof ((await pages.next()).value as StoredSession).token, 'string')
    await pages.return?.()
    const tokens: string[] = []
    for await (const { token } of store.scan(1)) {
      if (tokens.push(token) === 1) await store.delete(leaves.token)
      if (tokens.length <= 10) await store.delete((await inserted(store)).token)
      if (tokens.length > 10_000) assert.fail('it does not end')
    }
    assert.equal(tokens.filter(token => token === stays.token).length, 1)
  },

  async 'deleteExpired deletes at most as many rows as asked, and returns how many' (store) {
    await deleteAllExpired(store)
    const expired = await Promise.all(Array.from({ length: 5 }, async () => await inserted(store, { ttl: 1 })))
    const live = await inserted(store)
    for (const { token } of expired) await expiry(store, token)
    const first = await store.deleteExpired(3)
    assert.ok(first <= 3)
    await deleteAllExpired(store)
    for (const { token } of expired) assert.equal(await store.insert(newSession({ token })), true, 'the row is gone')
    assertSame(await dataOf(store, live.token), live.data)
  }
}
