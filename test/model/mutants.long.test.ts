import fc from 'fast-check'
import t, { type Test } from 'tap'
import { memoryStore, textCodec, type Codec, type SessionStore, type StoredSession } from '../../plugin/index.js'
import { Player } from './player.js'
import { APPLICATIONS, schedules } from './schedule.js'

/*
 * Shows that the model finds faults: each of these stores, and the codec, does one thing wrong.
 */

const SEED = 1
/** So many schedules are tried at most. */
const MOST = 6000

/** A memory store with some of its methods replaced. */
function faulty (replace: (store: SessionStore) => Partial<SessionStore>): SessionStore {
  const store = memoryStore({ cleanupInterval: 0 })
  const replaced = replace(store)
  return new Proxy(store, {
    get (store, name) {
      const own: unknown = Reflect.get(replaced, name)
      const method: unknown = own ?? Reflect.get(store, name)
      return typeof method === 'function' ? method.bind(store) : method
    }
  })
}

/** A store that may find what is no longer so. */
function cachingStore (): SessionStore {
  return faulty(store => {
    const cache = new Map<string, StoredSession>()
    return {
      async find (tokens) {
        const found = await store.find(tokens)
        for (const session of found.sessions) cache.set(session.token, session)
        return { ...found, sessions: tokens.flatMap(token => cache.get(token) ?? []) }
      }
    }
  })
}

const STORES: Readonly<Record<string, () => SessionStore>> = {
  'overwrites what another request has changed': () => faulty(store => ({
    update: async session => await store.update({ ...session, seen: { bytes: new Uint8Array(), whole: false } })
  })),
  'brings back a session that has ended': () => faulty(store => ({
    async update (session) {
      const outcome = await store.update(session)
      return outcome.kind === 'gone' && await store.insert(session) ? { kind: 'saved' } : outcome
    }
  })),
  'says that it has saved, and has not': () => faulty(() => ({ update: async () => ({ kind: 'saved' }) })),
  'says that a session is gone after it was changed': () => faulty(store => ({
    async update (session) {
      const outcome = await store.update(session)
      return outcome.kind === 'changed' ? { kind: 'gone' } : outcome
    }
  })),
  'signs nobody out': () => faulty(() => ({ async delete () {} })),
  'signs nobody out whose token was renewed meanwhile': () => faulty(store => ({
    async delete (token) {
      const { sessions } = await store.find([token])
      if (sessions.length > 0) await store.delete(token)
    }
  })),
  'keeps the old token of a renewed session': () => faulty(store => ({
    rewrite: async (tokens, decide) => { await store.rewrite(tokens, found => decide(found).filter(write => write.kind !== 'move')) }
  })),
  'forgets which session followed a renewed one': () => faulty(store => ({
    rewrite: async (tokens, decide) => {
      await store.rewrite(tokens, found => decide(found).map(write => write.kind === 'move' ? { kind: 'delete', token: write.token } : write))
    }
  })),
  'loses the notes of renewals that keep the old token': () => faulty(store => ({
    rewrite: async (tokens, decide) => {
      await store.rewrite(tokens, found => decide(found).map(write => write.kind === 'move' ? { kind: 'move', token: write.token, to: write.to } : write))
    }
  })),
  'keeps a session that was merged into another': () => faulty(store => ({
    rewrite: async (tokens, decide) => { await store.rewrite(tokens, found => decide(found).filter(write => write.kind !== 'delete')) }
  })),
  'does not lock the other session of a merge': () => faulty(store => ({
    rewrite: async (tokens, decide) => { await store.rewrite(tokens.slice(0, 1), decide) }
  })),
  'finds a session that has ended': cachingStore,
  'never moves an expiry': () => faulty(() => ({ async touch () {} })),
  'deletes live sessions with the expired ones': () => faulty(store => ({
    async deleteExpired () {
      for await (const { token } of store.scan()) await store.delete(token)
      return 1
    }
  })),
  'sometimes finds nothing': () => {
    let finds = 0
    return faulty(store => ({ find: async tokens => await store.find(++finds % 20 === 0 ? [] : tokens) }))
  }
}

const CODECS: Readonly<Record<string, Codec>> = {
  'loses a key': { ...textCodec, encode: content => textCodec.encode({ ...content, values: new Map([...content.values].filter(([key]) => key !== 'c')) }) },
  'has a header that does not change': { ...textCodec, headerLength: () => 5 },
  'gives one request the values of another': (() => {
    const values = new Map<string, unknown>()
    return { ...textCodec, decode: data => ({ ...textCodec.decode(data), values: fill(values, textCodec.decode(data).values) }) }
  })()
}

function fill (values: Map<string, unknown>, from: ReadonlyMap<string, unknown>): Map<string, unknown> {
  for (const [key, value] of from) values.set(key, value)
  return values
}

/** Fails unless a schedule goes otherwise than the model says. A failure of another kind is no finding. */
async function isFound (t: Test, store: SessionStore, codec: Codec): Promise<void> {
  const player = new Player(store, codec)
  t.teardown(async () => { await player.close() })
  for (let i = 0; i < APPLICATIONS; i++) await player.addApplication(store)
  const { errorInstance } = await fc.check(
    fc.asyncProperty(schedules, async schedule => { await player.play(schedule) }), { numRuns: MOST, seed: SEED, endOnFailure: true }
  )
  t.match(errorInstance, { code: 'ERR_ASSERTION' })
}

for (const [fault, make] of Object.entries(STORES)) {
  t.test(`the model finds a store that ${fault}`, async t => { await isFound(t, make(), textCodec) })
}

for (const [fault, codec] of Object.entries(CODECS)) {
  t.test(`the model finds a codec that ${fault}`, async t => { await isFound(t, memoryStore({ cleanupInterval: 0 }), codec) })
}
