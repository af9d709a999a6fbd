import assert from 'node:assert/strict'
import { assertSame, dataOf, headerOf, HOUR, inserted, newSession, newToken, one, type Cases } from './sessions.js'

/** Cases of the contract: how a store behaves as a whole: under load, and when it stops. */
export const LIFE: Cases = {
  async 'two hundred operations at once are each answered for their own session' (store) {
    const sessions = await Promise.all(Array.from({ length: 40 }, async (_, i) => await inserted(store, { text: 'x'.repeat(i) })))
    const shared = await inserted(store)
    await Promise.all(sessions.flatMap((session, i) => {
      const added = newSession({ text: `added ${i}` })
      const change = newSession({ token: session.token, text: `changed ${i}` })
      return [
        store.insert(added).then(async written => {
          assert.equal(written, true)
          assertSame(await dataOf(store, added.token), added.data)
        }),
        store.update({ ...change, seen: headerOf(session) }).then(async outcome => {
          assert.equal(outcome.kind, 'saved')
          assertSame(await dataOf(store, session.token), change.data)
          await store.delete(session.token)
          assert.equal(await dataOf(store, session.token), undefined)
        }),
        store.find([shared.token, newToken()]).then(({ sessions: found }) => {
          assert.deepEqual(found.map(({ token }) => token), [shared.token])
        }),
        store.touch({ token: shared.token, seen: headerOf(shared), ttl: 2 * HOUR + i * 1000, atLeast: 0 }),
        store.insert(newSession({ token: shared.token })).then(written => assert.equal(written, false))
      ]
    }))
    const { data, ttl } = await one(store, shared.token)
    assertSame(data, shared.data)
    assert.ok(ttl > 1.5 * HOUR)
  },

  async 'the cleanup can be stopped at any time and any number of times' (store) {
    store.stopCleanup()
    store.stopCleanup()
    const session = await inserted(store)
    assertSame(await dataOf(store, session.token), session.data)
    store.stopCleanup()
  },

  async 'close waits for the operations that are running, and may be called again' (store) {
    const session = await inserted(store)
    const change = newSession({ token: session.token })
    const added = Array.from({ length: 30 }, () => newSession())
    const answers = Promise.all([
      store.update({ ...change, seen: headerOf(session) }),
      ...added.map(async one => await store.insert(one)),
      store.rewrite([session.token], () => [])
    ])
    await Promise.all([answers, store.close(), store.close()])
    const [outcome, ...others] = await answers
    assert.deepEqual(outcome, { kind: 'saved' })
    assert.equal(others.filter(other => other === true).length, added.length)
    await store.close()
    store.stopCleanup()
  }
}
