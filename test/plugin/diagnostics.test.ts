import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { makeApplication, newSession, onEachStore, type Application } from '../support/application.js'
import { makeDatabase } from '../support/database.js'
import { watched } from '../support/watched-store.js'
import sessions, { memoryStore, onSessionEvent, SESSION_EVENTS, type Session, type SessionEvents } from '../../plugin/index.js'
import { SessionReport } from '../../plugin/diagnostics.js'
import { StoreUnavailableError } from '../../plugin/errors.js'
import { StoreReport } from '../../stores/diagnostics.js'
import { Attempts } from '../../stores/sql/attempts.js'
import { LostError, type SqlDatabase } from '../../stores/sql/database.js'

type Name = keyof SessionEvents
type Told = { readonly [N in Name]: readonly [N, SessionEvents[N]] }[Name]

/** Listens to these events until the test is over. */
function listen (t: Test, ...names: readonly Name[]): Told[] {
  const told: Told[] = []
  for (const name of names) t.teardown(onSessionEvent(name, event => { told.push([name, event] as unknown as Told) }))
  return told
}

function eventOf<N extends Name> (told: readonly Told[], name: N): SessionEvents[N] {
  return told.find(([other]) => other === name)?.[1] as SessionEvents[N]
}

const OF_SESSIONS: readonly Name[] = ['load', 'begin', 'commit', 'merge', 'gone', 'renew', 'destroy', 'touch', 'unavailable']
const idIn = async (application: Application, token: string | undefined): Promise<string> => (await application.visit(token, ({ session }) => session.id)).body

onEachStore('the life of a session is told, by its id', async (t, { options }) => {
  const application = makeApplication(t, options)
  const token = await newSession(application)
  const id = await idIn(application, token)
  const told = listen(t, ...OF_SESSIONS)
  await newSession(application)
  t.match(told.splice(0), [['begin', { name: 'session' }], ['commit', { name: 'session', bytes: Number, ms: Number }]])
  await application.visit(token, ({ session }) => String(session.get('user')))
  t.match(told.splice(0), [['load', { name: 'session', ids: [id], asked: 1, ms: Number }]])
  await application.visit(token, ({ session }) => { session.put('n', 1); return 'ok' })
  t.match(told.splice(0), [['load', {}], ['commit', { id }]])
  const renewed = await application.visit(token, ({ session }) => { session.renewToken(); return 'ok' })
  const next = eventOf(told, 'renew').id
  t.match(told.splice(0), [['load', {}], ['renew', { name: 'session', id: next, from: id }], ['commit', { id: next }]])
  t.equal(await idIn(application, renewed.token), next)
  told.length = 0
  await application.visit(renewed.token, async ({ session }) => { await session.destroy(); return 'ok' })
  t.match(told.splice(0), [['load', {}], ['destroy', { name: 'session', id: next, ms: Number }]])
  await application.visit(renewed.token, ({ session }) => String(session.get('user')))
  t.match(told.splice(0), [['load', { ids: [], asked: 1 }]])
  await application.visit(undefined, ({ session }) => String(session.get('user')))
  t.strictSame(told, [], 'a visitor without a cookie is nothing to tell of')
})

onEachStore('a lost race and a session that has ended are told', async (t, { options }) => {
  const application = makeApplication(t, options)
  const token = await newSession(application)
  const id = await idIn(application, token)
  const told = listen(t, 'merge', 'gone')
  await application.visit(token, async ({ session }) => {
    session.put('a', 1)
    await application.visit(token, ({ session }) => { session.put('b', 1); return 'ok' })
    return 'ok'
  })
  t.match(told.splice(0), [['merge', { name: 'session', id, lost: 1, requests: 1 }]])
  const late = await application.visit(token, async ({ session }) => {
    session.put('a', 2)
    await application.visit(token, async ({ session }) => { await session.destroy(); return 'ok' })
    return 'ok'
  })
  t.equal(late.status, 409)
  t.match(told, [['gone', { name: 'session', id }]])
})

t.test('a touch is told', async t => {
  const application = makeApplication(t, { idleTimeout: 60_000, touchInterval: 0 })
  const token = await newSession(application)
  const told = listen(t, 'touch', 'commit')
  // The expiry moves by a millisecond or more, so the first visits may come too early.
  for (let visits = 0; told.length === 0 && visits < 10_000; visits++) await application.visit(token, () => 'nothing')
  t.match(told, [['touch', { name: 'session', id: String }]])
})

t.test('a store that is not available is told with what has failed', async t => {
  const failing = new Set<string>()
  const { store } = watched(memoryStore(), async name => { if (failing.has(name)) throw new StoreUnavailableError('it is down') })
  const application = makeApplication(t, { store, idleTimeout: 60_000, touchInterval: 0 })
  const token = await newSession(application)
  const told = listen(t, 'unavailable')
  for (const [method, operation] of [['find', 'load'], ['update', 'commit'], ['touch', 'touch'], ['delete', 'destroy']] as const) {
    failing.add(method)
    await application.visit(token, async ({ session }) => {
      if (operation === 'commit') session.put('a', 1)
      if (operation === 'destroy') await session.destroy()
      return 'ok'
    })
    failing.clear()
    t.match(told.splice(0), [['unavailable', { name: 'session', operation, reason: /it is down/ }]], operation)
  }
  t.equal(application.app.sessions.stats().unavailable, 4)
})

t.test('so is a store that is not available to mergeSession and reload, in the middle of a request', async t => {
  const failing = new Set<string>()
  const { store } = watched(memoryStore(), async name => { if (failing.has(name)) throw new StoreUnavailableError('it is down') })
  const application = makeApplication(t, { store })
  const [token, other] = [await newSession(application), await newSession(application)]
  const told = listen(t, 'load', 'unavailable')
  for (const call of [async (session: Session) => { await session.mergeSession(other) }, async (session: Session) => { await session.reload() }]) {
    const { status } = await application.visit(token, async ({ session }) => {
      failing.add('find')
      await call(session)
      return 'ok'
    })
    t.equal(status, 503)
    failing.clear()
    t.match(told.splice(0), [['load', {}], ['unavailable', { name: 'session', operation: 'load', reason: /it is down/ }]])
  }
  const caught = await application.visit(token, async ({ session }) => {
    failing.add('find')
    return await session.reload().then(() => 'loaded', () => 'caught')
  })
  t.match(caught, { status: 200, body: 'caught' })
  t.match(told, [['load', {}], ['unavailable', { operation: 'load' }]], 'it is told although the request is answered')
  t.equal(application.app.sessions.stats().unavailable, 3)
})

t.test('a statement is told with all who waited for it, in whose contexts a listener can look', async t => {
  const { url } = await makeDatabase(t)
  const request = new AsyncLocalStorage<string>()
  const application = makeApplication(t, { store: 'mysql', mysql: url, createTable: true, storeTimeout: 60_000 })
  const tokens = await Promise.all([1, 2, 3].map(async () => await newSession(application)))
  const ids = await Promise.all(tokens.map(async token => await idIn(application, token)))
  const told = listen(t, 'batch')
  await Promise.all(tokens.map(async (token, i) => {
    await request.run(`request ${i}`, async () => await application.visit(token, ({ session }) => { session.put('n', i); return 'ok' }))
  }))
  const batches = told.map(([, event]) => event as SessionEvents['batch'])
  const of = (operation: string) => batches.filter(batch => batch.operation === operation)
  for (const operation of ['find', 'update']) {
    const callers = of(operation).flatMap(({ callers }) => callers)
    t.strictSame(callers.flatMap(({ ids }) => ids).sort(), [...ids].sort(), operation)
    t.equal(of(operation).reduce((sum, { rows }) => sum + rows, 0), 3)
    for (const batch of of(operation)) {
      t.match(batch, { store: 'mysql', ms: Number, waiting: Number, error: undefined })
      t.ok(batch.bytes > 100)
    }
    const names = callers.map(({ ids: [id = ''], run }) => [id, run(() => request.getStore())])
    t.strictSame(new Map(names as Array<[string, string]>), new Map(ids.map((id, i) => [id, `request ${i}`])))
  }
})

t.test('a statement that fails is told with the code of its error, and so is its repetition', async t => {
  const told = listen(t, 'batch', 'retry')
  const database = { kindOf: () => 'unknown', use: async (_limit: number, work: (connection: unknown) => Promise<unknown>) => await work(undefined) } as unknown as SqlDatabase<unknown>
  const report = new StoreReport('mysql')
  let tries = 0
  const lost = new LostError('lost', { cause: Object.assign(new Error('secret'), { code: 'ECONNRESET' }) })
  await new Attempts(database, 1000, report).use(performance.now() + 1000, true, async () => { if (tries++ === 0) throw lost })
  t.match(told.splice(0), [['retry', { store: 'mysql', tries: 1, pause: Number, error: 'ECONNRESET' }]])
  report.begin('update', [{ keys: ['k'], run: undefined }], 2)?.(0, new TypeError('secret'))
  t.match(told, [['batch', { error: 'TypeError', rows: 1, bytes: 0, waiting: 2, callers: [{ ids: [String] }] }]])
  const [[, event]] = told as unknown as [Told]
  t.equal((event as SessionEvents['batch']).callers[0]?.run(() => 'run'), 'run', 'a call without a context is run where the listener is')
  t.strictSame(report.stats({ underWay: 1, waiting: 2 }), { batches: 1, rows: 1, retries: 1, expired: 0, cleanups: 0, underWay: 1, waiting: 2 })
})

t.test('a cleanup is told with what it has deleted, or with its error', async t => {
  const told = listen(t, 'expire', 'cleanup')
  const store = memoryStore({ cleanupInterval: 1 })
  await store.insert({ token: 'k'.repeat(43), data: Buffer.from('x'), ttl: 1 })
  await new Promise(resolve => setTimeout(resolve, 2))
  const cleaned = new Promise<void>(resolve => {
    t.teardown(onSessionEvent('cleanup', ({ rows }) => { if (rows > 0) resolve() }))
  })
  await store.open({ warn () {}, error () {} })
  // The cleanup's timer keeps no process alive.
  const alive = setInterval(() => {}, 1000)
  await cleaned
  clearInterval(alive)
  await store.close()
  t.match(told.filter(([name]) => name === 'expire'), [['expire', { store: 'memory', rows: 1 }]])
  t.match(told.filter(([name, event]) => name === 'cleanup' && event.rows > 0), [['cleanup', { store: 'memory', rows: 1, ms: Number, error: undefined }]])
  t.match(store.stats?.(), { expired: 1 })
  new StoreReport('mysql').clean()(Object.assign(new Error('secret'), { code: 'ER_LOCK_DEADLOCK' }))
  t.match(told.at(-1), ['cleanup', { store: 'mysql', rows: 0, error: 'ER_LOCK_DEADLOCK' }])
})

t.test('no event has a token, a key, or a value', async t => {
  const told = listen(t, ...SESSION_EVENTS)
  const { url } = await makeDatabase(t)
  const application = makeApplication(t, { store: 'mysql', mysql: url, createTable: true, hashTokenInStore: false, storeTimeout: 60_000 })
  const token = await newSession(application, { user: 'a-secret-value' })
  await application.visit(token, async ({ session }) => { session.renewToken(); await session.commit(); await session.destroy(); return 'ok' })
  t.ok(told.length > 8)
  const text = JSON.stringify(told)
  t.notMatch(text, /[\w-]{43}|a-secret-value/)
})

t.test('nothing is made of a session when nobody listens', async t => {
  // It can be made into nothing: any use of it throws.
  const poison = new Proxy({}, { get () { throw new Error('it was used') }, ownKeys () { throw new Error('it was used') } }) as string
  const report = new SessionReport('session')
  const use = (): void => {
    report.load(1, [{ row: { token: poison } }], 0)
    report.saved(undefined, { key: poison, data: poison as unknown as Uint8Array }, report.since('commit'))
    report.saved('k', { key: poison, data: poison as unknown as Uint8Array }, 0)
    report.merge(poison, 1, 1)
    report.destroy(poison, report.since('destroy'))
    report.touch(poison)
  }
  use()
  t.equal(report.since('commit'), 0)
  t.equal(new StoreReport('mysql').begin('find', [poison as never], 0), undefined)
  listen(t, 'load')
  t.throws(use, { message: 'it was used' })
})

t.test('an event is heard on its channel, until the listener ends that', async t => {
  const heard: unknown[] = []
  const hear = (event: unknown): void => { heard.push(event) }
  subscribe('fastify-sql-sessions:destroy', hear)
  t.teardown(() => { unsubscribe('fastify-sql-sessions:destroy', hear) })
  const typed: unknown[] = []
  const stop = onSessionEvent('destroy', event => { typed.push(event) })
  const report = new SessionReport('session')
  report.destroy('k', report.since('destroy'))
  t.equal(heard.length, 1)
  t.strictSame(typed, heard)
  stop()
  report.destroy('k', 0)
  t.equal(typed.length, 1)
  t.equal(heard.length, 2)
})

t.test('app.sessions.stats() counts', async t => {
  const application = makeApplication(t, { store: 'memory' })
  const token = await newSession(application)
  await application.visit(token, ({ session }) => { session.put('n', 1); return 'ok' })
  await application.visit('x'.repeat(43), ({ session }) => String(session.get('n')))
  await application.visit(token, async ({ session }) => { session.renewToken(); await session.commit(); await session.destroy(); return 'ok' })
  t.strictSame(application.app.sessions.stats(), {
    loads: 3,
    found: 2,
    begins: 1,
    commits: 3,
    merges: 0,
    gone: 0,
    renews: 1,
    destroys: 1,
    touches: 0,
    unavailable: 0,
    store: { batches: 0, rows: 0, retries: 0, expired: 0, cleanups: 0, underWay: 0, waiting: 0 }
  })
})

t.test('app.sessions.stats() has what the store tells, if it does', async t => {
  const { url } = await makeDatabase(t)
  const mysql = makeApplication(t, { store: 'mysql', mysql: url, createTable: true, storeTimeout: 60_000 })
  await newSession(mysql)
  t.match(mysql.app.sessions.stats().store, { batches: 1, rows: 1, underWay: 0, waiting: 0 })
  const own = makeApplication(t, { store: watched(memoryStore()).store })
  await own.app.ready()
  t.equal(own.app.sessions.stats().store, undefined)
})

t.test('another registration has another property, and what the application has is not taken', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(sessions, {})
  await app.register(sessions, { name: 'adminSession', cookie: { name: 'admin' } })
  t.equal((app as unknown as { adminSessions: typeof app.sessions }).adminSessions.stats().loads, 0)
  const taken = Fastify()
  t.teardown(async () => { await taken.close() })
  taken.decorate('sessions', { stats: () => { throw new Error('not mine') } } as never)
  await t.rejects(async () => { await taken.register(sessions, {}) }, { code: 'FST_SESSION_INVALID_OPTION', message: /app\.sessions exists already/ })
})
