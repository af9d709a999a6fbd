/* A store with find, commit and delete alone. */
import t, { type Test } from 'tap'
import type { SimpleStore } from '../../plugin/index.js'
import { simpleStore } from '../../stores/simple.js'
import { latch } from '../support/barrier.js'
import { movableClock } from '../support/clock.js'
import { startSite } from '../support/site.js'

const IDLE = 600_000

/** Such a store in memory, and what was called on it. `before` may let a call wait. */
function makeStore (before: (method: string) => Promise<void> = async () => {}) {
  const rows = new Map<string, { data: Uint8Array, expiry: Date }>()
  const calls: string[] = []
  const call = async (method: string) => {
    calls.push(method)
    await before(method)
  }
  const store: SimpleStore = {
    async find (token) {
      const row = rows.get(token)
      await call('find')
      return row !== undefined && row.expiry.getTime() > Date.now() ? row.data : null
    },
    async commit (token, data, expiry) {
      await call('commit')
      rows.set(token, { data: Buffer.from(data), expiry })
    },
    async delete (token) {
      await call('delete')
      rows.delete(token)
    }
  }
  return { store, calls, rows }
}

const startTimed = async (t: Test, store: SimpleStore) => {
  const clock = movableClock(t)
  const browser = (await startSite(t, { store, idleTimeout: IDLE })).browser()
  await browser.visit(session => { session.put('user', 'ada') })
  return { clock, browser }
}

t.test('ten reads within the touch interval write nothing, and the eleventh after it writes once', async t => {
  const { store, calls } = makeStore()
  const { clock, browser } = await startTimed(t, store)
  calls.length = 0
  for (let i = 0; i < 10; i++) await browser.visit(session => session.get('user'))
  t.notOk(calls.includes('commit'))
  clock.forward(IDLE * 0.2)
  for (let i = 0; i < 2; i++) t.equal((await browser.visit(session => session.get('user'))).value, 'ada')
  t.equal(calls.filter(method => method === 'commit').length, 1)
})

t.test('another process, which does not know when the session expires, touches it once', async t => {
  const { store, calls } = makeStore()
  const { browser } = await startTimed(t, store)
  const other = (await startSite(t, { store, idleTimeout: IDLE })).browser()
  other.jar.set('session', browser.token)
  calls.length = 0
  for (let i = 0; i < 5; i++) t.equal((await other.visit(session => session.get('user'))).value, 'ada')
  t.equal(calls.filter(method => method === 'commit').length, 1)
})

t.test('a session that is read lives on, one that is not ends', async t => {
  const { store } = makeStore()
  const { clock, browser } = await startTimed(t, store)
  for (let i = 0; i < 4; i++) {
    clock.forward(IDLE * 0.8)
    t.equal((await browser.visit(session => session.get('user'))).value, 'ada')
  }
  clock.forward(IDLE * 1.1)
  t.equal((await browser.visit(session => session.get('user'))).value, undefined)
})

for (const [what, act, expected] of [
  ['a sign-out', 'destroy', undefined],
  ['a change', 'put', 'bob']
] as const) {
  t.test(`the touch of a request does not undo ${what} of the same request`, async t => {
    const touching = latch()
    let finds = -Infinity
    const { store } = makeStore(async method => {
      // The request's load, then its touch.
      if (method === 'find' && ++finds === 2) await touching.opened
    })
    const { clock, browser } = await startTimed(t, store)
    clock.forward(IDLE * 0.9)
    finds = 0
    await browser.visit(async session => {
      t.equal(finds, 2, 'the touch has read')
      const done = act === 'destroy' ? session.destroy() : (session.put('user', 'bob'), session.commit())
      touching.open()
      await done
    })
    t.equal((await browser.copy().visit(session => session.get('user'))).value, expected)
  })
}

t.test('it remembers the expiry of the latest 10,000 sessions', async t => {
  const wrapped = simpleStore({ find: async () => Buffer.from('x'), commit: async () => {}, delete: async () => {} })
  for (let i = 0; i <= 10_000; i++) await wrapped.insert({ token: `t${i}`, data: Buffer.from('x'), ttl: 1e9 })
  t.equal((await wrapped.find(['t0'])).sessions[0]?.ttl, 0)
  t.ok(Number((await wrapped.find(['t1'])).sessions[0]?.ttl) > 0)
})
