import Fastify from 'fastify'
import t, { type Test } from 'tap'
import sessions, { memoryStore, onSessionEvent, textCodec, type OfOwner, type SessionOptions, type SessionRecord, type SessionStore } from '../../plugin/index.js'
import { gobCodec } from '../../plugin/codecs/gob/codec.js'
import { hashToken, newToken } from '../../plugin/token.js'
import { dataOf, makeApplication, newSession, onEachDatabase, type Application, type Deed } from '../support/application.js'
import { latch } from '../support/barrier.js'

const HOUR = 3_600_000
const OWNER = { owner: 'userId' }

/** An application whose sessions have owners. */
async function makeShop (t: Test, options: SessionOptions = {}): Promise<Application> {
  const shop = makeApplication(t, { ...OWNER, ...options })
  await shop.app.ready()
  return shop
}

async function signIn (shop: Application, userId: unknown, values: Record<string, unknown> = {}): Promise<{ token: string, id: string }> {
  const token = await newSession(shop, { userId, ...values })
  const { body: id } = await shop.visit(token, ({ session }) => session.id)
  return { token, id }
}

async function listed (records: AsyncIterable<SessionRecord>): Promise<SessionRecord[]> {
  const all: SessionRecord[] = []
  for await (const record of records) all.push(record)
  return all.sort((a, b) => a.id < b.id ? -1 : 1)
}

const idsOf = async (shop: Application, owner: OfOwner['owner']): Promise<string[]> => (await listed(shop.app.sessions.list({ owner }))).map(({ id }) => id)
const put = (key: string, value: unknown): Deed => ({ session }) => { session.put(key, value); return 'ok' }

/** A store that tells the owners that it is given with its writes. */
function spiedStore (): { store: SessionStore, owners: Array<string | undefined> } {
  const store = memoryStore({ cleanupInterval: 0 })
  const owners: Array<string | undefined> = []
  for (const name of ['insert', 'update'] as const) {
    const method = store[name].bind(store) as (session: { owner?: string }) => Promise<never>
    store[name] = async (session: { owner?: string }) => {
      owners.push(session.owner)
      return await method(session)
    }
  }
  return { store, owners }
}

t.test('the sessions of a user are listed, and nobody else\'s', async t => {
  const shop = await makeShop(t)
  const ids = (await Promise.all([1, 2, 3].map(async device => (await signIn(shop, 42, { device })).id))).sort()
  await signIn(shop, 7)
  await newSession(shop, { basket: 1 })
  const records = await listed(shop.app.sessions.list({ owner: 42 }))
  t.strictSame(records.map(({ id }) => id), ids)
  t.strictSame(records.map(({ owner }) => owner), [42, 42, 42])
  t.strictSame(records.map(({ data }) => data['device']).sort(), [1, 2, 3])
  t.equal((await listed(shop.app.sessions.all())).length, 5)
  t.equal(await shop.app.sessions.count(), 5)
  t.equal(await shop.app.sessions.count({ owner: 42 }), 3)
  t.equal(await shop.app.sessions.count({ owner: 43 }), 0)
})

t.test('a record says what there is to know, and has no token', async t => {
  const shop = await makeShop(t, { idleTimeout: HOUR, lifetime: 2 * HOUR })
  const at = Date.now()
  const { token, id } = await signIn(shop, 'ada', { ['__proto__']: 1, since: new Date(0) })
  await shop.visit(token, ({ session }) => { session.rememberMe(true); return 'ok' })
  const record = await shop.app.sessions.find(id)
  t.match(record, { id, owner: 'ada', isRemembered: true })
  const { deadline, expires, data } = record as SessionRecord
  // The store's clock and the system's may be up to a second apart.
  const isIn = (time: Date, ms: number): boolean => time.getTime() >= at + ms - 1000 && time.getTime() <= Date.now() + ms + 1000
  t.ok(isIn(deadline, 2 * HOUR))
  t.ok(isIn(expires, HOUR))
  t.strictSame(Object.keys(data).sort(), ['__proto__', 'since', 'userId'])
  t.strictSame(data['since'], new Date(0))
  t.notOk(JSON.stringify(record).includes(token) || JSON.stringify(record).includes(hashToken(token)))
})

t.test('a session is found by the id that the request, the events and the list have', async t => {
  const shop = await makeShop(t)
  const seen: string[] = []
  t.teardown(onSessionEvent('begin', ({ id }) => { seen.push(id) }))
  const { id } = await signIn(shop, 42)
  for (let i = 0; i < 20; i++) await signIn(shop, i)
  t.equal(seen[0], id)
  t.match(await shop.app.sessions.find(id), { id, owner: 42 })
  t.match(await shop.app.sessions.find(id, { owner: '42' }), { id, owner: 42 })
  t.equal(await shop.app.sessions.find(id, { owner: 43 }), undefined)
  for (const other of [newToken().slice(0, 16), id.toUpperCase(), '', 'x', `${id}x`, ' '.repeat(16)]) t.equal(await shop.app.sessions.find(other), undefined)
})

t.test('where the table has the tokens themselves, ids are hashes and find their sessions all the same', async t => {
  for (const options of [{ hashTokenInStore: false }, { codec: 'gob' as const }]) {
    const shop = await makeShop(t, options)
    const { token, id } = await signIn(shop, 'ada')
    for (let i = 0; i < 5; i++) await signIn(shop, `user ${i}`)
    t.notOk(token.includes(id))
    t.match(await shop.app.sessions.find(id), { id, owner: 'ada' })
    t.match(await shop.app.sessions.find(id, { owner: 'ada' }), { id, owner: 'ada' })
    t.equal(await shop.app.sessions.find(id, { owner: 'user 1' }), undefined)
    t.strictSame(await idsOf(shop, 'ada'), [id])
    t.equal(await shop.app.sessions.destroy(id), true)
    t.strictSame(await dataOf(shop, token), {})
  }
})

t.test('a store of the user\'s that has no pages from a key on, and keeps no owners, can still find and count', async t => {
  const inner = memoryStore({ cleanupInterval: 0 })
  const store: SessionStore = {
    open: async log => await inner.open(log),
    find: async tokens => await inner.find(tokens),
    insert: async session => await inner.insert(session),
    update: async session => await inner.update(session),
    touch: async session => { await inner.touch(session) },
    delete: async token => { await inner.delete(token) },
    rewrite: async (tokens, decide) => { await inner.rewrite(tokens, decide) },
    scan: pageSize => inner.scan(pageSize),
    deleteExpired: async limit => await inner.deleteExpired(limit),
    stopCleanup: () => { inner.stopCleanup() },
    close: async () => { await inner.close() }
  }
  const shop = makeApplication(t, { store })
  for (let i = 0; i < 10; i++) await newSession(shop, { i })
  const [record] = await listed(shop.app.sessions.all())
  t.match(await shop.app.sessions.find(record?.id ?? ''), { id: record?.id })
  t.equal(await shop.app.sessions.count(), 10)
  const other = Fastify()
  t.teardown(async () => { await other.close() })
  await t.rejects(async () => { await other.register(sessions, { store, ...OWNER }) }, { code: 'FST_SESSION_INVALID_OPTION', message: /owner needs a store that keeps the owners/ })
})

t.test('7, 7n and the text 7 are one owner; owners that differ in anything else are others', async t => {
  const shop = await makeShop(t)
  for (const owner of [7, 7n, '7']) await signIn(shop, owner)
  for (const owner of [7, 7n, '7']) t.equal((await idsOf(shop, owner)).length, 3)
  const owners = ['ada', 'Ada', 'ada ', ' ada', 'àda', 'a%64a', 'ada@example.com', '0', -1, 1.5, 10n ** 30n, 'x'.repeat(191), 'x'.repeat(192), 'x'.repeat(193), 'ä'.repeat(100), `%sha256:${'x'.repeat(43)}`, '😀', '\0']
  const ids = new Map<unknown, string>()
  for (const owner of owners) ids.set(owner, (await signIn(shop, owner)).id)
  for (const owner of owners) {
    t.strictSame(await idsOf(shop, owner), [ids.get(owner)], String(owner))
    t.equal(await shop.app.sessions.count({ owner }), 1)
  }
})

t.test('a value that names no owner is refused where it is put', async t => {
  const shop = await makeShop(t)
  const kinds = 'it says whose session it is (option owner), so its value must be a string, a finite number, a bigint or null'
  for (const [value, text] of [[{ id: 7 }, 'another object'], [[7], 'an array'], [true, 'true'], [new Date(0), 'another object'], [NaN, 'NaN'], [Infinity, 'Infinity'], ['\ud800', "'\\ud800'"]] as const) {
    for (const deed of [put('userId', value), ({ session }) => session.update('userId', () => value)] satisfies Deed[]) {
      const { status, body } = await shop.visit(undefined, deed)
      t.match({ status, body: JSON.parse(body) as unknown }, { status: 500, body: { code: 'FST_SESSION_INVALID_VALUE', message: `The session cannot keep userId: ${kinds}, not ${text}` } })
    }
  }
  for (const value of [null, '']) {
    const token = await newSession(shop, { userId: value })
    t.strictSame(await dataOf(shop, token), { userId: value })
  }
  t.strictSame((await listed(shop.app.sessions.all())).map(({ owner }) => owner), [undefined, undefined])
})

t.test('a session changes its owner with the value, whatever changes the value', async t => {
  const shop = await makeShop(t)
  const owners = async (): Promise<number[]> => await Promise.all([1, 2].map(async owner => await shop.app.sessions.count({ owner })))
  const token = await newSession(shop, { basket: 1 })
  const steps: ReadonlyArray<readonly [Deed, readonly number[]]> = [
    [put('userId', 1), [1, 0]],
    [({ session }) => { session.update('userId', id => Number(id) + 1); return '' }, [0, 1]],
    [({ session }) => { session.remove('userId'); return '' }, [0, 0]],
    [put('userId', '2'), [0, 1]],
    [({ session }) => { session.clear(); return '' }, [0, 0]],
    [put('userId', 1), [1, 0]],
    [put('userId', null), [0, 0]]
  ]
  for (const [deed, expected] of steps) {
    t.equal((await shop.visit(token, deed)).status, 200)
    t.strictSame(await owners(), expected)
  }
  const renewed = await shop.visit(token, ({ session }) => { session.renewToken(); session.put('userId', 1); return '' })
  t.strictSame(await owners(), [1, 0], 'a renewal')
  const { token: strict } = await signIn(shop, 2)
  await shop.visit(renewed.token, async ({ session }) => { await session.mergeSession(strict); return '' })
  t.strictSame(await owners(), [0, 1], 'a merge')
  await shop.visit(renewed.token, async ({ session }) => { await session.destroy(); return '' })
  t.strictSame(await owners(), [0, 0])
})

t.test('of two requests that are merged, the owner is that of the merged session', async t => {
  const shop = await makeShop(t)
  const { token } = await signIn(shop, 1)
  await shop.visit(token, async ({ session }) => {
    session.put('a', 1)
    await shop.visit(token, put('userId', 2))
    return 'ok'
  })
  t.strictSame(await dataOf(shop, token), { userId: 2, a: 1 })
  t.strictSame([(await idsOf(shop, 1)).length, (await idsOf(shop, 2)).length], [0, 1])
  await shop.visit(token, async ({ session }) => {
    session.put('userId', 1)
    await shop.visit(token, put('b', 1))
    return 'ok'
  })
  t.strictSame([(await idsOf(shop, 1)).length, (await idsOf(shop, 2)).length], [1, 0])
})

t.test('only a write that changes the owner sends it', async t => {
  const { store, owners } = spiedStore()
  const shop = await makeShop(t, { store })
  const token = await newSession(shop, { basket: 1 })
  await shop.visit(token, put('basket', 2))
  await shop.visit(token, put('userId', 7))
  await shop.visit(token, put('basket', 3))
  await shop.visit(token, put('userId', '7'))
  await shop.visit(token, ({ session }) => { session.remove('userId'); return 'ok' })
  t.strictSame(owners, ['', undefined, '7', undefined, undefined, ''])
})

t.test('without the option a store is told no owner', async t => {
  const { store, owners } = spiedStore()
  const shop = makeApplication(t, { store })
  const token = await newSession(shop, { userId: 1 })
  await shop.visit(token, put('userId', 2))
  t.strictSame(owners, [undefined, undefined])
})

t.test('rows whose owner nobody knows get it when somebody asks, and keep what they hold', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const before = makeApplication(t, { store })
  const tokens = await Promise.all([1, 1, 2].map(async userId => await newSession(before, { userId, basket: [userId] })))
  await newSession(before, { userId: { strange: true } })
  const shop = await makeShop(t, { store })
  t.equal((await listed(store.scan(1000, { owner: null }) as never)).length, 4)
  t.strictSame(await Promise.all([1, 2, 3].map(async owner => (await idsOf(shop, owner)).length)), [2, 1, 0])
  t.equal((await listed(store.scan(1000, { owner: null }) as never)).length, 0)
  t.strictSame(await dataOf(shop, tokens[0]), { userId: 1, basket: [1] })
  t.equal(await shop.app.sessions.destroyAll({ owner: 1 }), 2)
  t.strictSame(await dataOf(shop, tokens[0]), {})
})

t.test('a row that is changed while it gets its owner gets the one of its newest content', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const before = makeApplication(t, { store })
  const token = await newSession(before, { userId: 1 })
  const update = store.update.bind(store)
  let changes = 0
  store.update = async session => {
    if (session.owner !== undefined && changes++ < 3) await before.visit(token, put('userId', 1 + changes))
    return await update(session)
  }
  const shop = await makeShop(t, { store })
  t.equal(await shop.app.sessions.count({ owner: 4 }), 1)
  t.equal(await shop.app.sessions.count({ owner: 1 }), 0)
})

t.test('a row that is damaged while it gets its owner is left alone, and reported', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  await newSession(makeApplication(t, { store }), { userId: 1 })
  const update = store.update.bind(store)
  const data = Buffer.from('no session')
  store.update = async session => {
    if (session.owner !== undefined) await store.rewrite([session.token], () => [{ kind: 'update', session: { token: session.token, data, ttl: HOUR } }])
    return await update(session)
  }
  const shop = await makeShop(t, { store })
  t.equal(await shop.app.sessions.count({ owner: 1 }), 0)
  t.match(shop.log, [{ level: 40, sessions: 1, err: { code: 'FST_SESSION_UNDECODABLE' } }])
  t.match(await listed(store.scan() as never), [{ data }])
})

t.test('what another program has written under the column of another owner is not listed there, nor ended', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const shop = await makeShop(t, { store })
  const { token } = await signIn(shop, 1)
  // As SCS does: it writes the data, and not the column.
  const foreign = makeApplication(t, { store })
  await foreign.visit(token, put('userId', 2))
  t.strictSame(await idsOf(shop, 1), [])
  t.equal((await idsOf(shop, 2)).length, 1)
  await foreign.visit(token, put('userId', 3))
  t.equal(await shop.app.sessions.destroyAll({ owner: 2 }), 0)
  t.strictSame(await dataOf(shop, token), { userId: 3 })
})

t.test('a damaged row is left out, and told in one line of the log', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const shop = await makeShop(t, { store })
  const { id } = await signIn(shop, 42)
  for (let i = 0; i < 12; i++) await store.insert({ token: newToken(), data: Buffer.from('no session'), ttl: HOUR })
  await store.insert({ token: newToken(), data: gobCodec.encode({ deadline: Date.now() + HOUR, rememberMe: undefined, values: new Map() }), ttl: HOUR, owner: '42' })
  const lines = (): unknown[] => (shop.log as unknown[]).splice(0)
  const line = (sessions: number) => [{ level: 40, sessions, err: { code: 'FST_SESSION_UNDECODABLE' }, msg: /^Sessions that cannot be decoded were left out, and their rows left alone/ }]
  t.equal((await listed(shop.app.sessions.all())).length, 1)
  t.match(lines(), line(13))
  t.strictSame(await idsOf(shop, 42), [id])
  const [told] = lines() as Array<{ ids: string[] }>
  t.match(told, { sessions: 13 })
  t.equal(told?.ids.length, 10)
  t.equal(await shop.app.sessions.destroyAll({ owner: 42 }), 2, 'what cannot be decoded and is in the owner\'s column is ended all the same')
  t.equal(lines().length, 1)
  const all = shop.app.sessions.all()
  await all.next()
  await all.return?.()
  t.equal(lines().length, 1, 'also if the caller stops early')
})

t.test('a session is ended by its id, with an owner only if it is that owner\'s', async t => {
  const shop = await makeShop(t)
  const told: unknown[] = []
  t.teardown(onSessionEvent('destroy', event => { told.push(event) }))
  const [own, other] = [await signIn(shop, 42), await signIn(shop, 7)]
  t.equal(await shop.app.sessions.destroy(other.id, { owner: 42 }), false)
  t.strictSame(await dataOf(shop, other.token), { userId: 7 })
  t.equal(await shop.app.sessions.destroy(own.id, { owner: 42 }), true)
  t.equal(await shop.app.sessions.destroy(own.id, { owner: 42 }), false)
  t.strictSame(await dataOf(shop, own.token), {})
  t.equal(await shop.app.sessions.destroy(other.id), true)
  t.strictSame(await dataOf(shop, other.token), {})
  t.match(told, [{ name: 'session', id: own.id, ms: Number }, { id: other.id }])
  t.equal(shop.app.sessions.stats().destroys, 2)
})

t.test('all sessions of an owner are ended, but for those that are spared', async t => {
  const shop = await makeShop(t)
  const own = await Promise.all([1, 2, 3, 4].map(async () => await signIn(shop, 42)))
  const other = await signIn(shop, 7)
  const [here, there] = own as [{ token: string, id: string }, { token: string, id: string }]
  t.equal(await shop.app.sessions.destroyAll({ owner: 42, except: here.id }), 3)
  t.strictSame(await dataOf(shop, here.token), { userId: 42 })
  t.strictSame(await dataOf(shop, there.token), {})
  t.strictSame(await dataOf(shop, other.token), { userId: 7 })
  t.equal(await shop.app.sessions.destroyAll({ owner: 42, except: [here.id, other.id] }), 0)
  t.equal(await shop.app.sessions.destroyAll({ owner: '42' }), 1)
  t.strictSame(await dataOf(shop, here.token), {})
})

t.test('more sessions than a page has are all ended', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const shop = await makeShop(t, { store })
  const data = textCodec.encode({ deadline: Date.now() + HOUR, rememberMe: undefined, values: new Map([['userId', 42]]) })
  const tokens = Array.from({ length: 1700 }, newToken)
  for (const [i, token] of tokens.entries()) await store.insert({ token, data, ttl: HOUR, ...i % 3 > 0 && { owner: '42' } })
  const spared = tokens.slice(0, 800).map(token => token.slice(0, 16))
  t.equal(await shop.app.sessions.destroyAll({ owner: 42, except: spared }), 900)
  t.equal(await shop.app.sessions.count({ owner: 42 }), 800)
})

t.test('a session that is renewed behind the reader\'s back is ended, too, which reading all sessions once does not do', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const shop = await makeShop(t, { store })
  const scan = store.scan.bind(store)
  let token = ''
  const renew = async (): Promise<string> => (await shop.visit(token, ({ session }) => { session.renewToken(); return 'ok' })).token ?? ''
  /** Begins a session whose row comes late, and has it renewed to a row that comes early once another row has been read. */
  const prepare = async (): Promise<void> => {
    await shop.app.sessions.destroyAll({ owner: 42 })
    await store.insert({ token: 'V'.padEnd(43, 'V'), data: textCodec.encode({ deadline: Date.now() + HOUR, rememberMe: undefined, values: new Map([['userId', 42]]) }), ttl: HOUR, owner: '42' })
    token = (await signIn(shop, 42)).token
    while (hashToken(token) < 'W') token = await renew()
    let isFirst = true
    store.scan = async function * (_size, options) {
      for await (const row of scan(1, options)) {
        yield row
        if (!isFirst || options?.owner === null) continue
        isFirst = false
        do token = await renew(); while (hashToken(token) > 'U')
      }
    }
  }
  await prepare()
  for await (const { token, data } of store.scan()) if (textCodec.decode(data).values.get('userId') === 42) await store.delete(token)
  t.strictSame(await dataOf(shop, token), { userId: 42 }, 'it has escaped')
  await prepare()
  t.equal(await shop.app.sessions.destroyAll({ owner: 42 }), 2)
  t.strictSame(await dataOf(shop, token), {})
})

t.test('a request that was under way when all sessions were ended is told, and brings none back', async t => {
  const shop = await makeShop(t)
  const { token } = await signIn(shop, 42)
  const deeds: Deed[] = [put('basket', 1), put('userId', 42), ({ session }) => { session.update('n', n => Number(n ?? 0) + 1); return 'ok' }, ({ session }) => { session.clear(); return 'ok' }]
  const go = latch()
  const loaded = deeds.map(() => latch())
  const visits = deeds.map(async (deed, i) => await shop.visit(token, async (request, reply) => {
    request.session.keys()
    loaded[i]?.open()
    await go.opened
    if (i === 1) request.session.put('userId', 7)
    return await deed(request, reply)
  }))
  await Promise.all(loaded.map(async ({ opened }) => { await opened }))
  t.equal(await shop.app.sessions.destroyAll({ owner: 42 }), 1)
  go.open()
  t.strictSame((await Promise.all(visits)).map(({ status }) => status), [409, 409, 409, 409])
  t.equal(await shop.app.sessions.count(), 0)
})

t.test('sign-out everywhere gives up on an owner for whom somebody goes on making sessions', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const shop = await makeShop(t, { store })
  await signIn(shop, 42)
  const remove = store.delete.bind(store)
  store.delete = async token => {
    await signIn(shop, 42)
    await remove(token)
  }
  await t.rejects(shop.app.sessions.destroyAll({ owner: 42 }), { code: 'FST_SESSION_OWNER_BUSY', statusCode: 503, message: /ended 100 times, and each time there were new ones/ })
})

t.test('what is wrong is refused by name', async t => {
  const shop = await makeShop(t)
  const api = shop.app.sessions
  const { id } = await signIn(shop, 42)
  const wrong = (value: unknown): never => value as never
  const refused = async (call: () => unknown, message: string): Promise<void> => {
    await t.rejects(async () => { await call() }, { code: 'FST_SESSION_INVALID_ARGUMENT', statusCode: 500, message }, message)
  }
  for (const [owner, text] of [[undefined, 'undefined'], [null, 'null'], ['', "''"], [{}, 'another object'], [true, 'true'], [NaN, 'NaN']] as const) {
    for (const [method, call] of [
      ['list', () => api.list(wrong({ owner }))], ['count', () => api.count(wrong({ owner }))], ['find', () => api.find(id, wrong({ owner }))],
      ['destroy', () => api.destroy(id, wrong({ owner }))], ['destroyAll', () => api.destroyAll(wrong({ owner }))]
    ] as const) await refused(call, `${method} needs an owner, a string that is not empty, a number or a bigint, not ${text}`)
  }
  await refused(() => api.count(wrong({})), 'count needs an owner, a string that is not empty, a number or a bigint, not undefined')
  for (const of of [42, '42', null, [42]]) await refused(() => api.destroyAll(wrong(of)), `destroyAll needs an object like { owner: 42 }, not ${Array.isArray(of) ? 'an array' : typeof of === 'string' ? "'42'" : of}`)
  await refused(() => api.list(wrong(undefined)), 'list needs an object like { owner: 42 }, not undefined')
  await refused(() => api.destroyAll(wrong({ owner: 42, excpet: id })), 'destroyAll knows no excpet. There are: owner, except')
  await refused(() => api.list(wrong({ owner: 42, except: id })), 'list knows no except. There are: owner')
  for (const except of [7, null, { id }, [undefined]]) await refused(() => api.destroyAll(wrong({ owner: 42, except })), `destroyAll needs ids of sessions in except, not ${Array.isArray(except) ? 'undefined' : typeof except === 'object' && except !== null ? 'another object' : except}`)
  for (const other of [undefined, null, 7, { id }]) {
    for (const method of ['find', 'destroy'] as const) await refused(() => api[method](wrong(other)), `${method} needs the id of a session, not ${typeof other === 'object' && other !== null ? 'another object' : other}`)
  }
  t.equal(await api.count(), 1, 'nothing was ended')
})

t.test('without the option owner only what needs none can be asked', async t => {
  const shop = makeApplication(t, {})
  const token = await newSession(shop, { userId: 42 })
  const api = shop.app.sessions
  const { body: id } = await shop.visit(token, ({ session }) => session.id)
  const message = (method: string) => ({ code: 'FST_SESSION_NO_OWNERS', message: `${method} was asked for the sessions of an owner, and the plugin does not know whose a session is. Register it with the key of the value that says so: { owner: 'userId' }` })
  t.throws(() => api.list({ owner: 42 }), message('list'))
  await t.rejects(api.count({ owner: 42 }), message('count'))
  await t.rejects(api.destroy(id, { owner: 42 }), message('destroy'))
  await t.rejects(api.destroyAll({ owner: 42 }), message('destroyAll'))
  const record = await api.find(id) as SessionRecord
  t.match(record, { id, data: { userId: 42 } })
  t.equal(record.owner, undefined)
  t.equal(await api.destroy(id), true)
  t.equal(await api.count(), 0)
})

t.test('two registrations on one table cannot have owners, whose names would be the same', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  for (const [first, second] of [[OWNER, {}], [{}, OWNER], [OWNER, OWNER]]) {
    const app = Fastify()
    t.teardown(async () => { await app.close() })
    await app.register(sessions, { store, ...first })
    await t.rejects(async () => { await app.register(sessions, { store, name: 'adminSession', cookie: { name: 'admin' }, ...second }) }, {
      code: 'FST_SESSION_INVALID_OPTION', message: /^request\.adminSession and request\.session keep their rows in one table, and have the option owner/
    })
  }
})

onEachDatabase('in a database, sessions are found, listed, counted and ended by id and by owner, also those whose owner nobody knew', async (t, place) => {
  const shop = await makeShop(t, { ...place.options, track: true })
  const api = shop.app.sessions
  const owners = ['ada', 'Ada', 'àda', 'x'.repeat(300), 7, '%', "'"]
  const ids = new Map<unknown, string>()
  for (const owner of owners) ids.set(owner, (await signIn(shop, owner)).id)
  for (const owner of owners) {
    t.strictSame(await idsOf(shop, owner), [ids.get(owner)])
    t.match(await api.find(ids.get(owner) ?? ''), { owner, began: Date, lastUsed: Date, address: '127.0.0.1' })
    t.equal(await api.count({ owner }), 1)
  }
  t.equal(await api.count(), owners.length)
  t.equal((await listed(api.all())).length, owners.length)
  t.equal(await api.find((ids.get('ada') ?? '').toUpperCase()), undefined)

  const before = makeApplication(t, place.options)
  const tokens = await Promise.all(Array.from({ length: 5 }, async () => await newSession(before, { userId: 'ada' })))
  await before.visit(tokens[0], ({ session }) => { session.renewToken(); return 'ok' })
  t.equal(await api.count({ owner: 'ada' }), 6)
  const moved = await signIn(shop, 'grace')
  await shop.visit(moved.token, put('userId', 'ada'))
  await shop.visit(moved.token, put('other', 1))
  t.strictSame([await api.count({ owner: 'ada' }), await api.count({ owner: 'grace' })], [7, 0])

  t.equal(await api.destroy(ids.get('Ada') ?? '', { owner: 'ada' }), false)
  t.equal(await api.destroy(ids.get('Ada') ?? '', { owner: 'Ada' }), true)
  t.equal(await api.destroyAll({ owner: 'ada', except: moved.id }), 6)
  t.strictSame(await dataOf(shop, moved.token), { userId: 'ada', other: 1 })
  t.equal(await api.destroyAll({ owner: 'ada' }), 1)
  t.strictSame([await api.count({ owner: 'ada' }), await api.count()], [0, owners.length - 2])
})

onEachDatabase('a table without the column is refused when the option owner is set, with the statement that adds it', async (t, place) => {
  const before = makeApplication(t, place.options)
  await newSession(before, { userId: 42 })
  if (place.database !== undefined) await place.database.connection.query('ALTER TABLE sessions DROP COLUMN owner')
  else await place.sqlServer?.query('DROP TABLE sessions; CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data VARBINARY(MAX) NOT NULL, expiry DATETIME2(6) NOT NULL)')
  const shop = makeApplication(t, { ...OWNER, ...place.options })
  await t.rejects(async () => { await shop.app.ready() }, { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /ALTER TABLE/ })
})
