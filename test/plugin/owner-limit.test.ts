import t, { type Test } from 'tap'
import { memoryStore, onSessionEvent, type OfOwner, type SessionOptions } from '../../plugin/index.js'
import { settingsOf } from '../../plugin/options.js'
import { dataOf, makeApplication, newSession, type Application } from '../support/application.js'
import { Barrier } from '../support/barrier.js'
import { until } from '../support/until.js'

const HOUR = 3_600_000

async function makeShop (t: Test, options: SessionOptions = {}): Promise<Application> {
  const shop = makeApplication(t, { owner: 'userId', maxPerOwner: 2, storeTimeout: 60_000, ...options })
  await shop.app.ready()
  return shop
}

async function signIn (shop: Application, userId: unknown, token?: string): Promise<string> {
  const visit = await shop.visit(token, ({ session }) => { session.renewToken(); session.put('userId', userId); return 'ok' })
  if (visit.status !== 200) throw new Error(visit.body)
  return visit.token ?? ''
}

const isLive = async (shop: Application, token: string): Promise<boolean> => Object.keys(await dataOf(shop, token) as object).length > 0
const live = async (shop: Application, tokens: readonly string[]): Promise<boolean[]> => await Promise.all(tokens.map(async token => await isLive(shop, token)))
const count = async (shop: Application, owner: OfOwner['owner']): Promise<number> => await shop.app.sessions.count({ owner })

for (const track of [false, true]) {
  t.test(`a sign-in that is one too many ends the oldest session${track ? ', which is the one that began first' : ''}`, async t => {
    const shop = await makeShop(t, { track })
    const ended: string[] = []
    t.teardown(onSessionEvent('destroy', ({ id }) => { ended.push(id) }))
    const other = await signIn(shop, 7)
    const tokens: string[] = []
    for (let i = 0; i < 4; i++) {
      tokens.push(await signIn(shop, 42))
      const since = Date.now()
      await until(() => Date.now() > since + 2)
    }
    t.strictSame(await live(shop, tokens), [false, false, true, true])
    t.strictSame(await live(shop, [other]), [true])
    t.equal(ended.length, 2)
  })
}

t.test('the session that is signed in to is never ended, however soon its deadline is', async t => {
  const shop = await makeShop(t)
  const long = await Promise.all([1, 2].map(async () => await signIn(shop, 42)))
  const { token = '' } = await shop.visit(undefined, ({ session }) => {
    session.put('userId', 42)
    session.setDeadline(new Date(Date.now() + HOUR))
    return 'ok'
  })
  t.equal(await isLive(shop, token), true)
  t.equal((await live(shop, long)).filter(Boolean).length, 1)
})

t.test('a renewal, and a change of another key, are no sign-ins; a sign-in to a session that is there is one', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const unlimited = await makeShop(t, { store, maxPerOwner: 1000 })
  const tokens = await Promise.all([1, 2, 3].map(async () => await signIn(unlimited, 42)))
  const shop = await makeShop(t, { store })
  const renewed = await shop.visit(tokens[0], ({ session }) => { session.renewToken(); session.put('a', 1); return 'ok' })
  t.equal(await count(shop, 42), 3)
  const anonymous = await newSession(shop, { thing: 1 })
  await shop.visit(anonymous, ({ session }) => { session.put('userId', 42); return 'ok' })
  t.equal(await count(shop, 42), 2)
  t.strictSame(await dataOf(shop, anonymous), { thing: 1, userId: 42 })
  t.ok(renewed.token)
})

t.test('many sign-ins at once end with as many sessions as are allowed', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const shops = [await makeShop(t, { store, track: true }), await makeShop(t, { store, track: true })]
  for (let round = 0; round < 10; round++) {
    const all = new Barrier(8)
    await Promise.all(Array.from({ length: 8 }, async (_, i) => await (shops[i % 2] as Application).visit(undefined, async ({ session }) => {
      session.put('userId', 42)
      await all.arrive()
      return 'ok'
    })))
    t.equal(await count(shops[0] as Application, 42), 2)
  }
})

t.test('a limit that cannot be kept is logged, and the sign-in succeeds', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const shop = await makeShop(t, { store, maxPerOwner: 1 })
  await signIn(shop, 42)
  store.delete = async () => { throw new Error('broken') }
  const token = await signIn(shop, 42)
  t.strictSame(await dataOf(shop, token), { userId: 42 })
  t.match(shop.log, [{ level: 40, err: { message: 'broken' }, msg: 'The sessions that an owner has beyond maxPerOwner could not be ended; the next sign-in will try again' }])
})

t.test('a store without exclusive work keeps the limit, too', async t => {
  const { exclusively, ...store } = Object.assign(Object.create(null) as ReturnType<typeof memoryStore>, methodsOf(memoryStore({ cleanupInterval: 0 })))
  t.ok(exclusively)
  const shop = await makeShop(t, { store, maxPerOwner: 1 })
  await Promise.all([1, 2, 3, 4].map(async () => await signIn(shop, 42)))
  t.equal(await count(shop, 42), 1)
})

t.test('a limit that cannot be is refused', t => {
  t.throws(() => settingsOf({ maxPerOwner: 3 }), { code: 'FST_SESSION_INVALID_OPTION', message: "maxPerOwner needs the option owner: the key of a session's value that says whose session it is, like 'userId'" })
  for (const wrong of [0, -1, 1.5, '3']) t.throws(() => settingsOf({ owner: 'userId', maxPerOwner: wrong as number }), { message: /^maxPerOwner must be a whole number of 1 or more/ })
  for (const wrong of ['', 7, null]) t.throws(() => settingsOf({ owner: wrong as string }), { message: /^owner must be the key of a session's value, like 'userId', not/ })
  t.end()
})

/** The methods of a store by themselves. */
function methodsOf (store: ReturnType<typeof memoryStore>): ReturnType<typeof memoryStore> {
  const methods: Record<string, unknown> = { keepsOwners: true }
  for (let of: object = store; of !== Object.prototype; of = Object.getPrototypeOf(of) as object) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(of))) if (typeof value === 'function' && name !== 'constructor' && name !== 'now') methods[name] ??= (value as () => unknown).bind(store)
  }
  return methods as unknown as ReturnType<typeof memoryStore>
}
