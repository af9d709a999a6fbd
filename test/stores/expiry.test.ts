import t from 'tap'
import type { ChangedSession, SessionStore } from '../../plugin/index.js'
import { settingsOf } from '../../plugin/options.js'
import { memoryStore } from '../../plugin/index.js'
import { onEveryStore } from '../support/every-store.js'
import { watched } from '../support/watched-store.js'

const HOUR = 3_600_000
const bytes = (text: string) => Buffer.from(text)

/** How long a row lives after an update that asks for `ttl`, in milliseconds. */
async function ttlAfter (store: SessionStore, token: string, update: { readonly ttl: number, readonly seenTtl?: number, readonly expiryStays?: boolean }): Promise<number> {
  await store.insert({ token, data: bytes('one'), ttl: HOUR })
  const seen = { bytes: bytes('one'), whole: true, ...(update.seenTtl !== undefined && { ttl: update.seenTtl }) }
  const expiryStays = update.expiryStays === undefined ? {} : { expiryStays: update.expiryStays }
  const outcome = await store.update({ token, data: bytes('two'), ttl: update.ttl, seen, ...expiryStays })
  if (outcome.kind !== 'saved') throw new Error(outcome.kind)
  const { sessions: [session] } = await store.find([token])
  return session?.ttl ?? 0
}

onEveryStore((t, makeStore) => {
  t.test('an update leaves the expiry where it is about the one that is asked for, and moves it otherwise', async t => {
    const { store } = settingsOf(makeStore())
    t.teardown(async () => { await store.close() })
    await store.open({ warn () {}, error () {} })
    const later = HOUR + 900
    t.ok(await ttlAfter(store, 'a'.repeat(43), { ttl: later, seenTtl: HOUR }) <= HOUR, 'the row was to expire 0.9 s later')
    t.ok(await ttlAfter(store, 'b'.repeat(43), { ttl: 2 * HOUR, seenTtl: HOUR }) > HOUR)
    t.ok(await ttlAfter(store, 'c'.repeat(43), { ttl: 2 * HOUR }) > HOUR, 'the caller does not know how long the row lives')
    t.ok(await ttlAfter(store, 'd'.repeat(43), { ttl: 2 * HOUR, seenTtl: HOUR, expiryStays: true }) <= HOUR, 'the caller says so')
    t.ok(await ttlAfter(store, 'e'.repeat(43), { ttl: 2 * HOUR, seenTtl: 2 * HOUR, expiryStays: false }) > HOUR, 'the caller says so')
  })
})

t.test('a store of the user\'s is told whether the expiry may stay', async t => {
  const updates: ChangedSession[] = []
  const inner = memoryStore({ cleanupInterval: 0 })
  const own: SessionStore = { ...watched(inner).store, update: async session => { updates.push(session); return await inner.update(session) } }
  const { store } = settingsOf(own)
  await ttlAfter(store, 'a', { ttl: HOUR, seenTtl: HOUR })
  await ttlAfter(store, 'b', { ttl: 2 * HOUR, seenTtl: HOUR })
  await ttlAfter(store, 'c', { ttl: 2 * HOUR })
  t.strictSame(updates.map(({ expiryStays }) => expiryStays), [true, false, false])
})

t.test('between the answers of a user\'s store the plugin knows the time of its database', async t => {
  const ahead = 10 * HOUR
  const inner = memoryStore({ cleanupInterval: 0 })
  for (const isBounded of [false, true]) {
    const own: SessionStore = {
      ...watched(inner).store,
      isBounded,
      find: async tokens => { const found = await inner.find(tokens); return { ...found, now: found.now + ahead } }
    }
    const { store } = settingsOf(own)
    t.equal(store.now(), undefined, 'before the first answer')
    await store.find([])
    t.ok(Math.abs(Number(store.now()) - Date.now() - ahead) < 60_000)
  }
})

t.test('a store of the user\'s that answers with something else is an error, not a request that hangs', async t => {
  for (const isBounded of [false, true]) {
    const own = { ...watched(memoryStore()).store, isBounded, find: async () => undefined as never }
    await t.rejects(settingsOf(own).store.find(['a']))
  }
})
