/*
 * The suite that shows whether a store keeps the contract of store.ts, for any test runner.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Found, NewSession, Outcome, Seen, SessionStore, StoredSession, Write } from '../store.js'

/** One case of the suite. */
export interface ContractTest {
  /** What the store does, as a sentence. */
  readonly name: string
  /** Makes a store, tries it, closes it. Rejects with an AssertionError if the store does something else. */
  readonly run: () => Promise<void>
}

/**
 * The cases of the suite. With `node:test`, or with tap, whose `t.test` takes the same:
 *
 *     import { test } from 'node:test'
 *     import { storeContract } from 'fastify-sql-sessions/testing'
 *
 *     for (const { name, run } of storeContract(() => myStore(url))) test(name, run)
 *
 * Run them one after the other. Live sessions that are in the table already are left alone.
 *
 * @param makeStore makes a store for a case, whose cleanup does not run within a minute. All of them may share one table.
 *   The case opens and closes it.
 */
export function storeContract (makeStore: () => SessionStore | Promise<SessionStore>): ContractTest[] {
  return Object.entries(CASES).map(([name, run]) => ({
    name,
    run: async () => {
      const store = await makeStore()
      await store.open(SILENT)
      try {
        await run(store)
      } finally {
        await store.close()
      }
    }
  }))
}

const SILENT = { warn () {}, error () {} }
const HOUR = 3_600_000
const CENTURY = 100 * 365 * 24 * HOUR
/** What a clock of whole seconds may be off, in milliseconds. */
const GRAIN = 2000
const HEADER_LENGTH = 16

type Case = (store: SessionStore) => Promise<void>

const CASES: { readonly [name: string]: Case } = {
  async 'find gives the live sessions among the tokens asked for' (store) {
    const [a, b, c] = [await inserted(store), await inserted(store), await inserted(store)]
    const { sessions } = await store.find([b.token, newToken(), a.token])
    assert.deepEqual(sessions.map(({ token }) => token).sort(), [a.token, b.token].sort())
    for (const { token, data } of sessions) assertSame(data, token === a.token ? a.data : b.data)
    assertSame(await dataOf(store, c.token), c.data)
  },

  async 'find of no token, or of unknown ones, gives only the time' (store) {
    for (const tokens of [[], [newToken()], [newToken(), newToken(), newToken()]]) {
      const { now, sessions } = await store.find(tokens)
      assert.deepEqual(sessions, [])
      assert.equal(typeof now, 'number')
      assert.ok(now > Date.UTC(2020, 0) && now < Date.UTC(2100, 0), `now is in milliseconds since 1970, not ${now}`)
    }
  },

  async 'find takes a hundred tokens' (store) {
    const sessions = await Promise.all(Array.from({ length: 100 }, async () => await inserted(store)))
    const found = await store.find(sessions.map(({ token }) => token))
    assert.equal(found.sessions.length, 100)
    for (const { token, data } of sessions) assertSame(found.sessions.find(session => session.token === token)?.data, data)
  },

  async 'find says how long a session will live' (store) {
    const before = performance.now()
    const { token } = await inserted(store, { ttl: HOUR })
    const { ttl } = await one(store, token)
    assertAbout(ttl, HOUR, performance.now() - before)
  },

  async 'time goes on from one answer to the next as it does for the caller' (store) {
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
  },

  async 'tokens are compared to the letter: not found, changed, touched or deleted under a similar one' (store) {
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

  async 'a similar token is found beside the right one only as itself' (store) {
    const session = await inserted(store, { token: `aZ${newToken().slice(2)}` })
    const { sessions } = await store.find([...similarTo(session.token), session.token])
    assert.deepEqual(sessions.map(({ token }) => token), [session.token])
  },

  async 'a new session under a similar token leaves the other alone' (store) {
    const session = await inserted(store, { token: `aZ${newToken().slice(2)}` })
    const similar = newSession({ token: `Az${session.token.slice(2)}` })
    const wasWritten = await store.insert(similar)
    assertSame(await dataOf(store, session.token), session.data)
    const written = await dataOf(store, similar.token)
    if (wasWritten) assertSame(written, similar.data)
    else assert.equal(written, undefined)
  },

  async 'insert writes a session, and says so' (store) {
    const session = newSession()
    assert.equal(await store.insert(session), true)
    assertSame(await dataOf(store, session.token), session.data)
  },

  async 'insert writes nothing where the token is taken, and says so' (store) {
    const session = await inserted(store)
    assert.equal(await store.insert(newSession({ token: session.token, ttl: 2 * HOUR })), false)
    const { data, ttl } = await one(store, session.token)
    assertSame(data, session.data)
    assert.ok(ttl < HOUR + GRAIN)
  },

  async 'insert does not take the place of an expired session that is still there' (store) {
    const { token } = await inserted(store, { ttl: 1 })
    await expiry(store, token)
    assert.equal(await store.insert(newSession({ token })), false)
    assert.equal(await dataOf(store, token), undefined)
  },

  async 'of several inserts of one token at once exactly one writes' (store) {
    const token = newToken()
    const sessions = Array.from({ length: 20 }, () => newSession({ token }))
    const written = await Promise.all(sessions.map(async session => await store.insert(session)))
    assert.equal(written.filter(Boolean).length, 1)
    assertSame(await dataOf(store, token), sessions[written.indexOf(true)]?.data)
  },

  async 'update replaces data and expiry of what the caller saw' (store) {
    const session = await inserted(store)
    const before = performance.now()
    const next = newSession({ token: session.token, text: 'longer than the first one was', ttl: 2 * HOUR })
    assert.deepEqual(await store.update({ ...next, seen: headerOf(session) }), { kind: 'saved' })
    const { data, ttl } = await one(store, session.token)
    assertSame(data, next.data)
    assertAbout(ttl, 2 * HOUR, performance.now() - before)
  },

  async 'update may bring the expiry nearer' (store) {
    const session = await inserted(store, { ttl: 2 * HOUR })
    assert.equal((await store.update({ ...session, ttl: HOUR, seen: headerOf(session) })).kind, 'saved')
    assert.ok((await one(store, session.token)).ttl < HOUR + GRAIN)
  },

  async 'an update whose expiry stays replaces the data alone, also beside others in one statement' (store) {
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

  async 'update that finds something else writes nothing, and gives what it is now' (store) {
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

  async 'a header that was seen is compared byte by byte, and what follows it is not' (store) {
    const header = Buffer.from([0, 255, 65, 0])
    const session = await inserted(store, { data: Buffer.concat([header, Buffer.from('whatever')]) })
    for (const other of [[0, 255, 97, 0], [0, 255, 65, 32], [0, 255, 65, 1], [0, 254, 65, 0]]) {
      assertChanged(await store.update({ ...session, seen: { bytes: Buffer.from(other), whole: false } }), session)
    }
    const longer = Buffer.concat([session.data, Buffer.from([0])])
    assertChanged(await store.update({ ...session, seen: { bytes: longer, whole: false } }), session)
    assert.equal((await store.update({ ...session, seen: { bytes: header, whole: false } })).kind, 'saved')
  },

  async 'data that was seen whole is compared with its length, zeros and spaces at its end included' (store) {
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

  async 'of several updates of one session at once exactly one is saved, and the others are told what is there' (store) {
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

  async 'updates that are tried again when they come too late count everything' (store) {
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
  },

  async 'touch moves the expiry, and leaves the data alone' (store) {
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

  async 'touch does nothing where the expiry would move by less than asked' (store) {
    const session = await inserted(store, { ttl: 2 * HOUR })
    await store.touch({ token: session.token, seen: headerOf(session), ttl: 3 * HOUR, atLeast: 1.5 * HOUR })
    assert.ok((await one(store, session.token)).ttl < 2 * HOUR + GRAIN)
    await store.touch({ token: session.token, seen: headerOf(session), ttl: 3 * HOUR, atLeast: 0.5 * HOUR })
    assert.ok((await one(store, session.token)).ttl > 2.5 * HOUR)
  },

  async 'touch does nothing to what is not what the caller saw' (store) {
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

  async 'touch neither inserts nor revives' (store) {
    const unknown = newSession()
    await store.touch({ token: unknown.token, seen: headerOf(unknown), ttl: HOUR, atLeast: 0 })
    assert.equal(await dataOf(store, unknown.token), undefined)
    assert.equal(await store.insert(unknown), true)

    const session = await inserted(store, { ttl: 1 })
    await expiry(store, session.token)
    await store.touch({ token: session.token, seen: headerOf(session), ttl: HOUR, atLeast: 0 })
    assert.equal(await dataOf(store, session.token), undefined)
  },

  async 'touches at once each concern their own session' (store) {
    const sessions = await Promise.all(Array.from({ length: 60 }, async (_, i) => await inserted(store, { text: 'x'.repeat(i) })))
    await Promise.all(sessions.map(async (session, i) => {
      await store.touch({ token: session.token, seen: i % 3 === 0 ? wholeOf(session) : headerOf(session), ttl: (i + 2) * HOUR, atLeast: 1 })
    }))
    for (const [i, session] of sessions.entries()) {
      const { ttl, data } = await one(store, session.token)
      assert.ok(Math.abs(ttl - (i + 2) * HOUR) < HOUR / 2, `the session ${i} lives ${ttl} ms`)
      assertSame(data, session.data)
    }
  },

  async 'delete ends a session, and no other' (store) {
    const [session, other] = [await inserted(store), await inserted(store)]
    await store.delete(session.token)
    assert.equal(await dataOf(store, session.token), undefined)
    assertSame(await dataOf(store, other.token), other.data)
    assert.equal(await store.insert(session), true, 'the row is gone')
  },

  async 'delete of an unknown, a deleted or an expired token is no error' (store) {
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

  async 'a session that was moved lives on under its new token alone' (store) {
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

  async 'delete ends the session that one has become by a renewal, and by several' (store) {
    for (const renewals of [1, 2, 5]) {
      const session = await inserted(store)
      let last = session
      for (let i = 0; i < renewals; i++) last = await moved(store, last)
      assertSame(await dataOf(store, last.token), last.data)
      await store.delete(session.token)
      assert.equal(await dataOf(store, last.token), undefined)
    }
  },

  async 'delete of many renewed sessions at once ends each, and no other' (store) {
    const sessions = await Promise.all(Array.from({ length: 20 }, async () => await inserted(store)))
    const renewed = await Promise.all(sessions.map(async session => await moved(store, session)))
    const doomed = sessions.filter((_, i) => i % 2 === 0)
    await Promise.all(doomed.map(async ({ token }) => { await store.delete(token) }))
    const found = await store.find(renewed.map(({ token }) => token))
    assert.deepEqual(found.sessions.map(({ token }) => token).sort(), renewed.filter((_, i) => i % 2 === 1).map(({ token }) => token).sort())
  },

  async 'a renewed session is reached from its old token after the expired rows were deleted' (store) {
    const session = await inserted(store)
    const renewed = await moved(store, session)
    await deleteAllExpired(store)
    await store.delete(session.token)
    assert.equal(await dataOf(store, renewed.token), undefined)
  },

  async 'rewrite hands over the live sessions as they are' (store) {
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

  async 'rewrite of no token can insert' (store) {
    const session = newSession()
    await store.rewrite([], ({ sessions }) => {
      assert.deepEqual(sessions, [])
      return [{ kind: 'insert', session }]
    })
    assertSame(await dataOf(store, session.token), session.data)
  },

  async 'a rewrite that decides for nothing changes nothing' (store) {
    const session = await inserted(store)
    await store.rewrite([session.token], () => [])
    assertSame(await dataOf(store, session.token), session.data)
  },

  async 'what decide throws ends the rewrite without a change, and is thrown on as it is' (store) {
    const session = await inserted(store)
    const reason = new Error('no')
    await assert.rejects(store.rewrite([session.token], () => { throw reason }), error => error === reason)
    assertSame(await dataOf(store, session.token), session.data)
    assert.equal((await store.update({ ...session, seen: headerOf(session) })).kind, 'saved', 'and it is not locked')
  },

  async 'of a rewrite that cannot be carried out nothing is written' (store) {
    const [session, deleted, taken] = [await inserted(store), await inserted(store), await inserted(store)]
    const writes: Write[] = [
      { kind: 'update', session: newSession({ token: session.token }) },
      { kind: 'delete', token: deleted.token },
      { kind: 'insert', session: newSession({ token: taken.token }) }
    ]
    await assert.rejects(store.rewrite([session.token, deleted.token], () => writes))
    for (const { token, data } of [session, deleted, taken]) assertSame(await dataOf(store, token), data)
  },

  async 'rewrites of one session at once all apply, one after the other' (store) {
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

  async 'rewrites of two sessions in either order do not get in each other\'s way' (store) {
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

  async 'of two renewals of one session at once the second finds it gone' (store) {
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
  },

  async 'scan gives every live session once, in pages of any size' (store) {
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

  async 'scan gives neither expired sessions nor the old tokens of renewed ones' (store) {
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

  async 'a scan can be left early, and sessions may come and go meanwhile' (store) {
    const [stays, leaves] = [await inserted(store), await inserted(store)]
    const pages = store.scan(1)[Symbol.asyncIterator]()
    assert.equal(typeof ((await pages.next()).value as StoredSession).token, 'string')
    await pages.return?.()
    const tokens: string[] = []
    for await (const { token } of store.scan(1)) {
      if (tokens.push(token) === 1) await store.delete(leaves.token)
      await store.delete((await inserted(store)).token)
      if (tokens.length > 10_000) assert.fail('it does not end')
    }
    assert.equal(tokens.filter(token => token === stays.token).length, 1)
  },

  async 'deleteExpired deletes no more than asked, and says how many' (store) {
    await deleteAllExpired(store)
    const expired = await Promise.all(Array.from({ length: 5 }, async () => await inserted(store, { ttl: 1 })))
    const live = await inserted(store)
    for (const { token } of expired) await expiry(store, token)
    const first = await store.deleteExpired(3)
    assert.ok(first <= 3)
    await deleteAllExpired(store)
    for (const { token } of expired) assert.equal(await store.insert(newSession({ token })), true, 'the row is gone')
    assertSame(await dataOf(store, live.token), live.data)
  },

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

  async 'data may be a Uint8Array that is part of a larger buffer' (store) {
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

  async 'a hundred years to live are accepted, and the session is found now' (store) {
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
  },

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

  async 'close waits for what is under way, and may be called again' (store) {
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

function newToken (): string {
  return randomBytes(32).toString('base64url')
}

interface Given {
  readonly token?: string
  /** What stands behind a header. */
  readonly text?: string
  readonly data?: Uint8Array
  readonly ttl?: number
}

/** A session whose data begin with a header that is new each time. */
function newSession ({ token = newToken(), text = 'data', data, ttl = HOUR }: Given = {}): NewSession {
  return { token, data: data ?? Buffer.concat([randomBytes(HEADER_LENGTH), Buffer.from(text)]), ttl }
}

async function inserted (store: SessionStore, given?: Given): Promise<NewSession> {
  const session = newSession(given)
  assert.equal(await store.insert(session), true, 'insert')
  return session
}

/** The session under a new token, with new data. */
async function moved (store: SessionStore, { token }: NewSession): Promise<NewSession> {
  const next = newSession()
  await store.rewrite([token], () => [{ kind: 'move', token, to: next.token }, { kind: 'insert', session: next }])
  return next
}

const headerOf = ({ data }: { readonly data: Uint8Array }): Seen => ({ bytes: data.subarray(0, HEADER_LENGTH), whole: false })
const wholeOf = ({ data }: { readonly data: Uint8Array }): Seen => ({ bytes: data, whole: true })
const textOf = (data: Uint8Array): string => Buffer.from(data).toString('utf8', HEADER_LENGTH)

/** What a collation may take for `token`, whose first two characters are aZ. */
function similarTo (token: string): string[] {
  const rest = token.slice(2)
  return [`Az${rest}`, `AZ${rest}`, `${token} `, ` ${token}`, `àZ${rest}`, `${token}\0`, token.slice(0, -1)]
}

async function one (store: SessionStore, token: string): Promise<StoredSession> {
  const { sessions } = await store.find([token])
  assert.equal(sessions.length, 1, 'the session is found')
  return sessions[0] as StoredSession
}

async function dataOf (store: SessionStore, token: string): Promise<Uint8Array | undefined> {
  return (await store.find([token])).sessions[0]?.data
}

/** Waits until a session with a short life is over. */
async function expiry (store: SessionStore, token: string): Promise<void> {
  const giveUpAt = performance.now() + 10_000
  while (await dataOf(store, token) !== undefined) {
    if (performance.now() > giveUpAt) assert.fail('the session does not expire')
    await sleep(5)
  }
}

async function deleteAllExpired (store: SessionStore): Promise<void> {
  for (let rounds = 0; rounds < 1000; rounds++) {
    if (await store.deleteExpired(1000) === 0) return
  }
  assert.fail('it never ends')
}

function assertSame (actual: Uint8Array | undefined, expected: Uint8Array | undefined): void {
  assert.ok(actual !== undefined && expected !== undefined, 'the session is there')
  assert.ok(Buffer.compare(actual, expected) === 0, `the data are ${preview(actual)}, and not ${preview(expected)}`)
}

function preview (data: Uint8Array): string {
  return `${data.length} bytes ${Buffer.from(data.subarray(0, 40)).toString('latin1')}`
}

function assertChanged (outcome: Outcome, newest: NewSession): asserts outcome is Outcome & { kind: 'changed' } {
  assert.equal(outcome.kind, 'changed')
  assert.equal(outcome.session.token, newest.token)
  assertSame(outcome.session.data, newest.data)
}

/** A clock of another machine may tell whole seconds, and some time may have gone by. */
function assertAbout (actual: number, expected: number, elapsed: number): void {
  assert.ok(actual <= expected + GRAIN && actual >= expected - elapsed - GRAIN, `${actual} is not about ${expected}`)
}
