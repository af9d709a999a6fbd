import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import sessions, { memoryStore, mysqlStore, type SessionStore } from '../../../plugin/index.js'
import { Patience } from '../../../plugin/session/patience.js'
import { latch } from '../../support/barrier.js'
import { stoppedClock } from '../../support/clock.js'
import { startSite } from '../../support/site.js'

/** What a wait that begins now may still take. */
async function left (patience: Patience): Promise<number> {
  return Math.round(await patience.spend(async deadline => deadline - performance.now()))
}

t.test('waits one after another share the time that there is, and none is left after it', async t => {
  const clock = stoppedClock(t)
  const patience = new Patience(5000)
  await patience.spend(async () => { clock.forward(3000) })
  t.equal(await left(patience), 2000)
  await patience.spend(async () => { clock.forward(1500) })
  t.equal(await left(patience), 500)
  await patience.spend(async () => { clock.forward(1500) })
  t.ok(await left(patience) <= 0)
})

t.test('a wait that fails counts too', async t => {
  const clock = stoppedClock(t)
  const patience = new Patience(5000)
  await t.rejects(patience.spend(async () => {
    clock.forward(3000)
    throw new Error('no')
  }), { message: 'no' })
  t.equal(await left(patience), 2000)
})

t.test('time between waits is given back, but never more than there was', async t => {
  const clock = stoppedClock(t)
  const patience = new Patience(5000)
  await patience.spend(async () => { clock.forward(3000) })
  clock.forward(1000)
  t.equal(await left(patience), 3000)
  clock.forward(60_000)
  t.equal(await left(patience), 5000)
  await patience.spend(async () => { clock.forward(1000) })
  t.equal(await left(patience), 4000)
})

t.test('waits side by side count once', async t => {
  const clock = stoppedClock(t)
  const patience = new Patience(5000)
  const other = latch()
  const inner = patience.spend(async () => { await other.opened })
  await patience.spend(async () => { clock.forward(2000) })
  other.open()
  await inner
  t.equal(await left(patience), 3000)
})

/** A memory store whose calls each take 1,500 ms, and that notes how long the caller waits for each. */
function slowStore (t: Test): { readonly store: SessionStore, readonly waits: Array<readonly [name: string, timeout: number]> } {
  const clock = stoppedClock(t)
  const store = memoryStore({ cleanupInterval: 0 })
  const waits: Array<readonly [string, number]> = []
  for (const [name, place] of [['find', 1], ['insert', 1], ['update', 1], ['touch', 1], ['delete', 1], ['rewrite', 2]] as const) {
    const own = store[name].bind(store) as (...args: unknown[]) => Promise<unknown>
    const slow = async (...args: unknown[]): Promise<unknown> => {
      waits.push([name, args[place] === undefined ? Infinity : Math.round(Number(args[place]))])
      clock.forward(1500)
      return await own(...args)
    }
    Object.assign(store, { [name]: slow })
  }
  return { store, waits }
}

t.test('what a request loads, merges, saves and ends shares its storeTimeout', async t => {
  const { store, waits } = slowStore(t)
  const site = await startSite(t, { store, storeTimeout: 10_000 })
  const [browser, other] = [site.browser(), site.browser()]
  await browser.visit(session => session.put('a', 1))
  await other.visit(session => session.put('b', 2))
  const calls = async (visit: () => Promise<unknown>) => {
    waits.length = 0
    await visit()
    return [...waits]
  }

  t.strictSame(await calls(async () => await browser.visit(session => session.put('a', 2))), [['find', Infinity], ['update', 8500]])
  t.strictSame(await calls(async () => await browser.visit(async session => {
    session.put('a', 3)
    await session.commit()
    session.put('a', 4)
    await session.commit()
    session.renewToken()
  })), [['find', Infinity], ['update', 8500], ['update', 7000], ['rewrite', 5500]])
  t.strictSame(await calls(async () => await browser.visit(async session => {
    await session.mergeSession(other.token)
    await session.reload()
  })), [['find', Infinity], ['find', 8500], ['find', 7000]])
  t.strictSame(await calls(async () => await browser.visit(async session => {
    await session.mergeSession(other.token)
    await session.commit()
    await session.destroy()
    session.put('c', 1)
  })), [['find', Infinity], ['find', 8500], ['rewrite', 7000], ['delete', 5500], ['insert', 4000]])
})

t.test('a touch at the end of a request shares its storeTimeout', async t => {
  const { store, waits } = slowStore(t)
  const browser = (await startSite(t, { store, storeTimeout: 10_000, idleTimeout: 60_000, touchInterval: 1 })).browser()
  await browser.visit(session => session.put('a', 1))
  waits.length = 0
  await browser.visit(session => session.get('a'))
  t.ok(waits.length > 1)
  t.strictSame(waits[0], ['find', Infinity])
  for (const [i, [, timeout]] of waits.entries()) if (i > 0) t.equal(timeout, 10_000 - 1500 * i)
})

t.test('a request that has waited for all of its storeTimeout is answered with 503 at once', async t => {
  const clock = stoppedClock(t)
  const store = memoryStore({ cleanupInterval: 0 })
  const browser = (await startSite(t, { store, storeTimeout: 60_000 })).browser()
  await browser.visit(session => session.put('a', 1))
  const find = store.find.bind(store)
  store.find = async tokens => {
    const found = await find(tokens)
    // A little more than all of it: the clock stands still, and sums of its times are rounded.
    clock.forward(60_001)
    return found
  }
  // It never answers.
  store.update = async () => await new Promise(() => {})
  const { response } = await browser.visit(session => session.put('a', 2))
  t.equal(response.statusCode, 503)
  t.match(response.json(), { message: /is not available: no answer in time\. What this request changed is not known to be saved$/ })
})

t.test('ready() ends before pluginTimeout, whatever storeTimeout is', async t => {
  const sockets: Socket[] = []
  const mute = createServer(socket => { sockets.push(socket.on('error', () => {})) }).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.teardown(() => { mute.close() })
  const hanging = Object.assign(memoryStore({ cleanupInterval: 0 }), { isBounded: false, open: async () => await new Promise<undefined>(() => {}) })
  for (const options of [
    { store: 'mysql', mysql: `mysql://root@127.0.0.1:${(mute.address() as AddressInfo).port}/none` },
    { store: hanging }
  ] as const) {
    const app = Fastify({ pluginTimeout: 500 })
    await app.register(sessions, { ...options, storeTimeout: 60_000 })
    await app.ready()
    for (const socket of sockets) socket.destroy()
    await app.close()
  }
})

t.test('a store that was made with a storeTimeout brings it to its registration, which may have another', async t => {
  const waits: Array<number | undefined> = []
  const made = mysqlStore('mysql://127.0.0.1/none', { storeTimeout: 100_000 }) as SessionStore & { readonly storeTimeout?: number }
  t.equal(made.storeTimeout, 100_000)
  const store = Object.assign(memoryStore(), { storeTimeout: made.storeTimeout })
  const insert = store.insert.bind(store)
  store.insert = async (session, timeout) => {
    waits.push(timeout)
    return await insert(session)
  }
  for (const options of [store, { store }, { store, storeTimeout: 3000 }]) await (await startSite(t, options)).browser().visit(session => { session.put('a', 1) })
  t.match(waits.map(wait => Math.ceil(Number(wait) / 1000)), [100, 100, 3])
})
