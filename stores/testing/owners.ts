import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { ScanOptions, SessionStore } from '../store.js'
import { assertSame, dataOf, expiry, headerOf, HOUR, inserted, moved, newSession, newToken, wholeOf, type Cases } from './sessions.js'

/** Cases of the contract: how a store keeps owners. They pass on a store that keeps none. */
export const OWNERS: Cases = ifItKeepsOwners({
  async 'scan of an owner returns the live sessions of this owner and no others' (store) {
    const [owner, other] = [newOwner(), newOwner()]
    const own = await Promise.all(Array.from({ length: 7 }, async () => await inserted(store, { owner })))
    await Promise.all([inserted(store, { owner: other }), inserted(store, { owner: '' }), inserted(store)])
    const expired = await inserted(store, { owner, ttl: 1 })
    await expiry(store, expired.token)
    for (const pageSize of [undefined, 1, 3, 7, 8]) {
      assert.deepEqual(await tokensOf(store, { owner }, pageSize), own.map(({ token }) => token).sort())
    }
    for await (const { token, data } of store.scan(2, { owner })) assertSame(data, own.find(session => session.token === token)?.data)
    assert.equal((await tokensOf(store, { owner: other })).length, 1)
    assert.deepEqual(await tokensOf(store, { owner: newOwner() }), [])
  },

  async 'owners are compared exactly' (store) {
    const owner = `aZ${newOwner()}`
    const { token } = await inserted(store, { owner })
    const shorter = owner.slice(0, -1)
    for (const similar of [`Az${owner.slice(2)}`, owner.toUpperCase(), shorter, `${shorter}%`, `${shorter}_`, `${owner}.`, `${owner}%`, `${owner}\\`]) {
      assert.deepEqual(await tokensOf(store, { owner: similar }), [], `not the sessions of ${similar}`)
      await inserted(store, { owner: similar })
    }
    assert.deepEqual(await tokensOf(store, { owner }), [token])
  },

  async 'an owner may have 191 characters, and any that are printable' (store) {
    const printable = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join('')
    for (const owner of [`${newOwner()}${printable}`, newOwner().padEnd(191, 'x'), newOwner().padEnd(191, '\'')]) {
      const { token } = await inserted(store, { owner })
      assert.deepEqual(await tokensOf(store, { owner }), [token])
      const similar = await inserted(store, { owner: `${owner.slice(0, -1)}y` })
      assert.deepEqual(await tokensOf(store, { owner }), [token])
      assert.ok((await tokensOf(store, { owner: `${owner.slice(0, -1)}y` })).includes(similar.token))
    }
  },

  async 'a session whose owner nobody knows is found under null, and one of nobody under the empty text' (store) {
    const [unknown, nobodys, owned] = [await inserted(store), await inserted(store, { owner: '' }), await inserted(store, { owner: newOwner() })]
    const found = { unknown: await tokensOf(store, { owner: null }), nobodys: await tokensOf(store, { owner: '' }) }
    assert.deepEqual([unknown, nobodys, owned].map(({ token }) => found.unknown.includes(token)), [true, false, false])
    assert.deepEqual([unknown, nobodys, owned].map(({ token }) => found.nobodys.includes(token)), [false, true, false])
  },

  async 'an update without an owner keeps the owner, and one with an owner changes it' (store) {
    const [first, second] = [newOwner(), newOwner()]
    const session = await inserted(store, { owner: first })
    let seen = session
    const update = async (owner: string | undefined, expiryStays: boolean, whole: boolean) => {
      const next = newSession({ token: session.token, ...owner !== undefined && { owner } })
      assert.deepEqual(await store.update({ ...next, expiryStays, seen: whole ? wholeOf(seen) : headerOf(seen) }), { kind: 'saved' })
      assertSame(await dataOf(store, session.token), next.data)
      seen = next
    }
    for (const expiryStays of [true, false]) {
      await update(undefined, expiryStays, false)
      assert.deepEqual(await tokensOf(store, { owner: first }), [session.token])
      await update(second, expiryStays, true)
      assert.deepEqual(await tokensOf(store, { owner: first }), [])
      assert.deepEqual(await tokensOf(store, { owner: second }), [session.token])
      await store.touch({ token: session.token, seen: headerOf(seen), ttl: 2 * HOUR, atLeast: 0 })
      assert.deepEqual(await tokensOf(store, { owner: second }), [session.token])
      await update('', expiryStays, false)
      assert.deepEqual(await tokensOf(store, { owner: second }), [])
      assert.ok((await tokensOf(store, { owner: '' })).includes(session.token))
      await update(first, expiryStays, false)
    }
  },

  async 'an update with an owner that writes nothing leaves the owner as it is' (store) {
    const [owner, other] = [newOwner(), newOwner()]
    const session = await inserted(store, { owner })
    const newer = newSession({ token: session.token })
    assert.equal((await store.update({ ...newer, seen: headerOf(session) })).kind, 'saved')
    for (const seen of [headerOf(session), wholeOf(session)]) {
      assert.equal((await store.update({ ...newSession({ token: session.token, owner: other }), seen })).kind, 'changed')
    }
    assert.equal((await store.update({ ...newSession({ token: newToken(), owner: other }), seen: headerOf(newer) })).kind, 'gone')
    assert.deepEqual(await tokensOf(store, { owner }), [session.token])
    assert.deepEqual(await tokensOf(store, { owner: other }), [])
  },

  async 'many inserts and updates at once, with owners and without, write each session its own owner' (store) {
    const before = newOwner()
    const sessions = await Promise.all(Array.from({ length: 60 }, async (_, i) => await inserted(store, i % 2 === 0 ? { owner: before } : {})))
    const after = sessions.map((_, i) => i % 3 === 0 ? newOwner() : undefined)
    const outcomes = await Promise.all(sessions.map(async (session, i) => await store.update({
      ...newSession({ token: session.token, owner: after[i] }), expiryStays: i % 4 === 0, seen: i % 5 === 0 ? wholeOf(session) : headerOf(session)
    })))
    for (const outcome of outcomes) assert.deepEqual(outcome, { kind: 'saved' })
    for (const [i, owner] of after.entries()) if (owner !== undefined) assert.deepEqual(await tokensOf(store, { owner }), [sessions[i]?.token])
    const tokensWhere = (is: (i: number) => boolean) => sessions.filter((_, i) => is(i)).map(({ token }) => token).sort()
    assert.deepEqual(await tokensOf(store, { owner: before }), tokensWhere(i => i % 3 !== 0 && i % 2 === 0))
    const unknown = await tokensOf(store, { owner: null })
    for (const token of tokensWhere(i => i % 3 !== 0 && i % 2 === 1)) assert.ok(unknown.includes(token))
  },

  async 'of several owners that one session is given at once, the one that was saved is its owner' (store) {
    const session = await inserted(store, { owner: newOwner() })
    const owners = Array.from({ length: 20 }, newOwner)
    const outcomes = await Promise.all(owners.map(async owner => await store.update({ ...newSession({ token: session.token, owner }), seen: headerOf(session) })))
    for (const [i, { kind }] of outcomes.entries()) {
      assert.deepEqual(await tokensOf(store, { owner: owners[i] as string }), kind === 'saved' ? [session.token] : [])
    }
    assert.equal(outcomes.filter(({ kind }) => kind === 'saved').length, 1)
  },

  async 'rewrite writes owners, and a session that was moved is no longer its owner\'s under the old token' (store) {
    const [owner, other] = [newOwner(), newOwner()]
    const [kept, changed, renewed] = [await inserted(store, { owner }), await inserted(store, { owner }), await inserted(store, { owner })]
    const added = newSession({ owner: other })
    await store.rewrite([kept.token, changed.token], () => [
      { kind: 'update', session: newSession({ token: kept.token }) },
      { kind: 'update', session: newSession({ token: changed.token, owner: other }) },
      { kind: 'insert', session: added }
    ])
    assert.deepEqual(await tokensOf(store, { owner: other }), [changed.token, added.token].sort())
    const next = await moved(store, renewed, { owner })
    assert.deepEqual(await tokensOf(store, { owner }), [kept.token, next.token].sort())
    await store.delete(renewed.token)
    assert.deepEqual(await tokensOf(store, { owner }), [kept.token])
  },

  async 'count counts the live sessions of an owner' (store) {
    if (store.count === undefined) return
    const owner = newOwner()
    assert.equal(await store.count(owner), 0)
    const sessions = await Promise.all(Array.from({ length: 5 }, async () => await inserted(store, { owner })))
    assert.equal(await store.count(owner), 5)
    for (const { token } of sessions.slice(0, 2)) await store.delete(token)
    const expired = await inserted(store, { owner, ttl: 1 })
    await expiry(store, expired.token)
    assert.equal(await store.count(owner), 3)
  }
})

function ifItKeepsOwners (cases: Cases): Cases {
  return Object.fromEntries(Object.entries(cases).map(([name, run]) => [name, async store => { if (store.keepsOwners === true) await run(store) }]))
}

function newOwner (): string {
  return `owner-${randomBytes(6).toString('hex')}`
}

async function tokensOf (store: SessionStore, options: ScanOptions, pageSize?: number): Promise<string[]> {
  const tokens: string[] = []
  for await (const { token } of store.scan(pageSize, options)) tokens.push(token)
  return tokens.sort()
}
