import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { NewSession } from '../store.js'
import { assertChanged, assertSame, dataOf, headerOf, HOUR, inserted, newSession, one, wholeOf, type Cases } from './sessions.js'

const CENTURY = 100 * 365 * 24 * HOUR

/** Cases of the contract: what data and what lifetimes a store keeps. */
export const DATA: Cases = {
  async 'data comes back byte by byte' (store) {
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    const texts = ['\'; DROP TABLE sessions; --', '\\', '\\\'', '"', '`', '?', ':a', '%', '\0', 'naïve ☃ 𝄞', ' ', '\r\n']
    for (const data of [all, Buffer.concat([all, all]).reverse(), ...texts.map(text => Buffer.from(text)), Buffer.from([0]), Buffer.from([0x80])]) {
      const session = await inserted(store, { data })
      assertSame(await dataOf(store, session.token), data)
      const next = Buffer.concat([data, data])
      assert.equal((await store.update({ ...session, data: next, seen: wholeOf(session) })).kind, 'saved')
      assertSame(await dataOf(store, session.token), next)
    }
  },

  async 'data may be a Uint8Array that is a part of a larger buffer' (store) {
    const larger = new Uint8Array(100).map((_, i) => i)
    const session = await inserted(store, { data: larger.subarray(10, 20) })
    assertSame(await dataOf(store, session.token), Buffer.from([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]))
    const next = larger.subarray(50, 55)
    assert.equal((await store.update({ ...session, data: next, seen: { bytes: larger.subarray(10, 13), whole: false } })).kind, 'saved')
    assertSame(await dataOf(store, session.token), Buffer.from([50, 51, 52, 53, 54]))
  },

  async 'data may be empty' (store) {
    const session = await inserted(store, { data: Buffer.alloc(0) })
    const { data } = await one(store, session.token)
    assert.equal(data.length, 0)
    const full = newSession({ token: session.token })
    assert.equal((await store.update({ ...full, seen: { bytes: data, whole: true } })).kind, 'saved')
    assertChanged(await store.update({ ...session, seen: { bytes: data, whole: true } }), full)
  },

  async 'data may have 60 KB, many sessions at once' (store) {
    const sessions = await Promise.all(Array.from({ length: 20 }, async () => await inserted(store, { data: randomBytes(60_000) })))
    for (const { token, data } of sessions) assertSame(await dataOf(store, token), data)
    const changes = sessions.map(({ token }) => newSession({ token, data: randomBytes(60_000) }))
    const outcomes = await Promise.all(changes.map(async (change, i) => await store.update({ ...change, seen: (i % 2 === 0 ? wholeOf : headerOf)(sessions[i] as NewSession) })))
    for (const outcome of outcomes) assert.deepEqual(outcome, { kind: 'saved' })
    for (const { token, data } of changes) assertSame(await dataOf(store, token), data)
  },

  async 'a lifetime of a hundred years is accepted, and the session is found' (store) {
    const session = await inserted(store, { ttl: CENTURY })
    assert.ok((await one(store, session.token)).ttl > HOUR)
    const next = newSession({ token: session.token, ttl: CENTURY })
    assert.equal((await store.update({ ...next, seen: headerOf(session) })).kind, 'saved')
    assert.ok((await one(store, session.token)).ttl > HOUR)
    await store.rewrite([session.token], () => [{ kind: 'update', session: { ...next, ttl: HOUR } }])
    await store.touch({ token: session.token, seen: headerOf(next), ttl: CENTURY, atLeast: HOUR })
    assert.ok((await one(store, session.token)).ttl > 2 * HOUR)
    await store.rewrite([session.token], () => [{ kind: 'update', session: { ...next, ttl: CENTURY } }])
    assert.ok((await one(store, session.token)).ttl > 2 * HOUR)
  }
}
