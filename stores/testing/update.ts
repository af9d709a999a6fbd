import assert from 'node:assert/strict'
import type { NewSession } from '../store.js'
import { assertAbout, assertChanged, assertSame, dataOf, expiry, GRAIN, headerOf, HOUR, inserted, newSession, one, textOf, wholeOf, type Cases } from './sessions.js'

/** Cases of the contract: how sessions are replaced, and what becomes of conflicts. */
export const UPDATE: Cases = {
  async 'update replaces the data and the expiry of what the caller saw' (store) {
    const session = await inserted(store)
    const before = performance.now()
    const next = newSession({ token: session.token, text: 'longer than the first one was', ttl: 2 * HOUR })
    assert.deepEqual(await store.update({ ...next, seen: headerOf(session) }), { kind: 'saved' })
    const { data, ttl } = await one(store, session.token)
    assertSame(data, next.data)
    assertAbout(ttl, 2 * HOUR, performance.now() - before)
  },

  async 'update may move the expiry to an earlier time' (store) {
    const session = await inserted(store, { ttl: 2 * HOUR })
    assert.equal((await store.update({ ...session, ttl: HOUR, seen: headerOf(session) })).kind, 'saved')
    assert.ok((await one(store, session.token)).ttl < HOUR + GRAIN)
  },

  async 'an update with expiryStays replaces only the data, also beside other updates in one statement' (store) {
    const before = performance.now()
    const sessions = await Promise.all(Array.from({ length: 12 }, async () => await inserted(store)))
    for (const whole of [false, true]) {
      await Promise.all(sessions.map(async (session, i) => {
        const { sessions: [row] } = await store.find([session.token])
        assert.ok(row)
        const expiryStays = i % 3 > 0
        const next = newSession({ token: session.token, ttl: expiryStays ? HOUR : 2 * HOUR })
        assert.equal((await store.update({ ...next, expiryStays, seen: whole ? wholeOf(row) : headerOf(row) })).kind, 'saved')
        const { data, ttl } = await one(store, session.token)
        assertSame(data, next.data)
        assertAbout(ttl, expiryStays ? HOUR : 2 * HOUR, performance.now() - before + GRAIN)
      }))
    }
  },

  async 'update writes nothing if the session has changed, and returns the new data' (store) {
    const session = await inserted(store)
    const newer = newSession({ token: session.token, text: 'newer' })
    assert.equal((await store.update({ ...newer, seen: headerOf(session) })).kind, 'saved')
    for (const seen of [headerOf(session), wholeOf(session)]) {
      const outcome = await store.update({ ...newSession({ token: session.token, ttl: 5 * HOUR }), seen })
      assertChanged(outcome, newer)
      assert.ok(outcome.session.ttl > 0 && outcome.session.ttl < HOUR + GRAIN)
      assert.ok(Math.abs(outcome.now - (await store.find([])).now) < 60_000, 'with the time of the database')
      assertSame(await dataOf(store, session.token), newer.data)
    }
  },

  async 'update never inserts' (store) {
    const session = newSession()
    assert.deepEqual(await store.update({ ...session, seen: headerOf(session) }), { kind: 'gone' })
    assert.deepEqual(await store.update({ ...session, seen: wholeOf(session) }), { kind: 'gone' })
    assert.equal(await dataOf(store, session.token), undefined)
    assert.equal(await store.insert(session), true, 'there is no row of it')
  },

  async 'update does not bring a deleted session back' (store) {
    const session = await inserted(store)
    await store.delete(session.token)
    assert.deepEqual(await store.update({ ...newSession({ token: session.token }), seen: headerOf(session) }), { kind: 'gone' })
    assert.equal(await dataOf(store, session.token), undefined)
  },

  async 'update does not revive an expired session' (store) {
    const session = await inserted(store, { ttl: 1 })
    await expiry(store, session.token)
    for (const seen of [headerOf(session), wholeOf(session)]) {
      assert.deepEqual(await store.update({ ...newSession({ token: session.token }), seen }), { kind: 'gone' })
      assert.equal(await dataOf(store, session.token), undefined)
    }
  },

  async 'a header that the caller saw is compared byte by byte, without the data after it' (store) {
    const header = Buffer.from([0, 255, 65, 0])
    const session = await inserted(store, { data: Buffer.concat([header, Buffer.from('whatever')]) })
    for (const other of [[0, 255, 97, 0], [0, 255, 65, 32], [0, 255, 65, 1], [0, 254, 65, 0]]) {
      assertChanged(await store.update({ ...session, seen: { bytes: Buffer.from(other), whole: false } }), session)
    }
    const longer = Buffer.concat([session.data, Buffer.from([0])])
    assertChanged(await store.update({ ...session, seen: { bytes: longer, whole: false } }), session)
    assert.equal((await store.update({ ...session, seen: { bytes: header, whole: false } })).kind, 'saved')
  },

  async 'data that the caller saw whole is compared with its length, including zeros and spaces at its end' (store) {
    for (const end of [[0], [0, 0], [32], [65], [255]]) {
      const short = await inserted(store, { data: Buffer.from([1, 2]) })
      const long = await inserted(store, { data: Buffer.from([1, 2, ...end]) })
      const next = Buffer.from('next')
      assertChanged(await store.update({ ...short, data: next, seen: wholeOf(long) }), short)
      assertChanged(await store.update({ ...long, data: next, seen: wholeOf(short) }), long)
      assert.equal((await store.update({ ...short, data: next, seen: wholeOf(short) })).kind, 'saved')
      assert.equal((await store.update({ ...long, data: next, seen: wholeOf(long) })).kind, 'saved')
    }
  },

  async 'of several updates of one session at once, exactly one is saved, and the others get its data' (store) {
    for (const seenOf of [headerOf, wholeOf]) {
      const session = await inserted(store)
      const changes = Array.from({ length: 30 }, () => newSession({ token: session.token }))
      const outcomes = await Promise.all(changes.map(async change => await store.update({ ...change, seen: seenOf(session) })))
      const winner = outcomes.findIndex(({ kind }) => kind === 'saved')
      assert.notEqual(winner, -1)
      outcomes.forEach((outcome, i) => {
        if (i !== winner) assertChanged(outcome, changes[winner] as NewSession)
      })
      assertSame(await dataOf(store, session.token), changes[winner]?.data)
    }
  },

  async 'updates that are retried after a conflict count every increment' (store) {
    const counters = await Promise.all([1, 2, 3].map(async () => await inserted(store, { text: '0' })))
    const countUp = async (session: NewSession) => {
      let data: Uint8Array = (await one(store, session.token)).data
      for (let tries = 0; tries < 1000; tries++) {
        const next = newSession({ token: session.token, text: String(Number(textOf(data)) + 1) })
        const outcome = await store.update({ ...next, seen: headerOf({ data }) })
        assert.notEqual(outcome.kind, 'gone')
        if (outcome.kind === 'saved') return
        if (outcome.kind === 'changed') data = outcome.session.data
      }
      assert.fail('never saved')
    }
    await Promise.all(counters.flatMap(counter => Array.from({ length: 10 }, async () => await countUp(counter))))
    for (const { token } of counters) assert.equal(textOf((await one(store, token)).data), '10')
  }
}
