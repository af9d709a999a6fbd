import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { encrypted, memoryStore, textCodec, type Codec, type SessionOptions, type SessionRecord, type SessionStore } from '../../plugin/index.js'
import { settingsOf } from '../../plugin/options.js'
import { dataOf, makeApplication, newSession, type Application, type Deed } from '../support/application.js'
import { Barrier } from '../support/barrier.js'
import { until } from '../support/until.js'
import { watched } from '../support/watched-store.js'

const HOUR = 3_600_000
const read: Deed = ({ session }) => JSON.stringify(session.get('userId'))
const idle: Deed = () => 'nothing'
const signIn = (userId: unknown): Deed => ({ session }) => { session.renewToken(); session.put('userId', userId); return 'ok' }

async function tracked (t: Test, options: SessionOptions = {}): Promise<Application> {
  const application = makeApplication(t, { track: true, ...options })
  await application.app.ready()
  return application
}

async function only (application: Application): Promise<SessionRecord> {
  const records: SessionRecord[] = []
  for await (const record of application.app.sessions.all()) records.push(record)
  if (records.length !== 1 || records[0] === undefined) throw new Error(`There are ${records.length} sessions.`)
  return records[0]
}

/** Waits until the clock of the sessions has gone on. */
async function later (since: Date | undefined): Promise<void> {
  while (Date.now() <= (since?.getTime() ?? 0) + 2) await new Promise(resolve => setImmediate(resolve))
}

/** A store whose calls are noted. What it cannot do of the newer contract is not needed here. */
function noted (): { calls: string[], store: SessionStore } {
  const { store, calls } = watched(memoryStore({ cleanupInterval: 0 }))
  return { calls, store }
}

const CODECS: ReadonlyArray<readonly [string, NonNullable<SessionOptions['codec']>]> = [
  ['text', 'text'], ['gob', 'gob'], ['encrypted', encrypted(textCodec, { keys: [randomBytes(32)] })],
  ['one of the user\'s', { encode: content => textCodec.encode(content), decode: data => textCodec.decode(data) }]
]

for (const [name, codec] of CODECS) {
  t.test(`a session says when it began, when it was last used, and where (codec: ${name})`, async t => {
    const application = await tracked(t, { codec, touchInterval: 0 })
    const before = Date.now()
    const { token } = await application.visit(undefined, ({ session }) => { session.put('a', 1); return 'ok' }, { 'user-agent': 'Firefox "5"\\' })
    const begun = await only(application)
    t.match(begun, { userAgent: 'Firefox "5"\\', address: '127.0.0.1', data: { a: 1 } })
    t.strictSame(begun.began, begun.lastUsed)
    t.ok((begun.began as Date).getTime() >= before - 2 && (begun.began as Date).getTime() <= Date.now())
    t.strictSame(Object.keys(begun.data), ['a'])

    await later(begun.lastUsed)
    const visit = await application.visit(token, ({ session }) => { const keys = session.keys(); session.clear(); session.put('b', 2); return JSON.stringify(keys) }, { 'user-agent': 'other' })
    t.strictSame(JSON.parse(visit.body), ['a'])
    const cleared = await only(application)
    t.strictSame(cleared.began, begun.began, 'clear() keeps it')
    t.ok((cleared.lastUsed as Date) > (begun.lastUsed as Date))
    t.match(cleared, { userAgent: 'Firefox "5"\\', data: { b: 2 } })

    await later(cleared.lastUsed)
    t.equal((await application.visit(token, read)).status, 200)
    const used = await only(application)
    t.ok((used.lastUsed as Date) > (cleared.lastUsed as Date), 'a request that only reads is a use, too')
    t.match(used.data, { b: 2 })
    t.strictSame(await dataOf(application, token), { b: 2 })
  })
}

t.test('a sign-in begins anew; a renewal, and a sign-out without destroy, do not', async t => {
  const application = await tracked(t, { owner: 'userId' })
  const { token } = await application.visit(undefined, ({ session }) => { session.put('thing', 1); return 'ok' }, { 'user-agent': 'first' })
  const anonymous = await only(application)
  await later(anonymous.began)
  const signedIn = await application.visit(token, signIn(42), { 'user-agent': 'second' })
  const own = await only(application)
  t.match(own, { owner: 42, userAgent: 'second' })
  t.ok((own.began as Date) > (anonymous.began as Date))
  await later(own.began)
  const renewed = await application.visit(signedIn.token, ({ session }) => { session.renewToken(); return 'ok' }, { 'user-agent': 'third' })
  t.match(await only(application), { began: own.began, userAgent: 'second' })
  await application.visit(renewed.token, ({ session }) => { session.remove('userId'); return 'ok' }, { 'user-agent': 'fourth' })
  t.match(await only(application), { began: own.began, userAgent: 'second' })
  await application.visit(renewed.token, ({ session }) => { session.put('userId', 7); return 'ok' }, { 'user-agent': 'fifth' })
  const other = await only(application)
  t.match(other, { owner: 7, userAgent: 'fifth' })
  t.ok((other.began as Date) > (own.began as Date), 'a sign-in without a new token is one, too')
})

t.test('the last use is written once per touchInterval, and a request that does not look is one', async t => {
  const { store, calls } = noted()
  const application = await tracked(t, { store, touchInterval: HOUR })
  const token = await newSession(application, { userId: 1 })
  calls.length = 0
  for (let i = 0; i < 3; i++) await application.visit(token, read)
  t.strictSame(calls, ['find', 'find', 'find'], 'it was noted at the beginning')

  const often = await tracked(t, { store, touchInterval: 0 })
  const before = await only(application)
  await later(before.lastUsed)
  calls.length = 0
  await often.visit(token, idle)
  t.strictSame(calls, ['find', 'update'])
  t.ok((await only(application)).lastUsed as Date > (before.lastUsed as Date))
})

t.test('with an idle timeout the last use is written in place of the touch, and moves the expiry', async t => {
  const { store, calls } = noted()
  const application = await tracked(t, { store, idleTimeout: HOUR, touchInterval: 1100 })
  const token = await newSession(application, { userId: 1 })
  const before = await only(application)
  await until(() => Date.now() > (before.lastUsed as Date).getTime() + 1200, 50)
  calls.length = 0
  await application.visit(token, idle)
  const after = await only(application)
  t.strictSame(calls, ['find', 'update'])
  t.ok(after.expires.getTime() >= before.expires.getTime() + 1000)
  t.ok(after.lastUsed as Date > (before.lastUsed as Date))
  calls.length = 0
  const rare = await tracked(t, { store, idleTimeout: HOUR })
  await rare.visit(token, idle)
  t.strictSame(calls, ['find'])
})

t.test('many requests at once note one use, and lose no change', async t => {
  const { store, calls } = noted()
  const application = await tracked(t, { store, touchInterval: 50 })
  const token = await newSession(application, { userId: 1 })
  const { lastUsed } = await only(application)
  while (Date.now() < (lastUsed as Date).getTime() + 60) await new Promise(resolve => setImmediate(resolve))
  calls.length = 0
  const all = new Barrier(40)
  const visits = await Promise.all(Array.from({ length: 40 }, async (_, i) => await application.visit(token, async ({ session }) => {
    session.keys()
    await all.arrive()
    if (i % 4 === 0) session.update('n', n => Number(n ?? 0) + 1)
    return 'ok'
  })))
  t.ok(visits.every(({ status }) => status === 200))
  t.strictSame(await dataOf(application, token), { userId: 1, n: 10 })
})

t.test('a request that only notes its use is answered as usual when the session ends meanwhile, and brings nothing back', async t => {
  for (const options of [{}, { idleTimeout: HOUR }]) {
    const application = await tracked(t, { touchInterval: 0, ...options })
    const token = await newSession(application, { userId: 1 })
    await later((await only(application)).lastUsed)
    const visit = await application.visit(token, async ({ session }) => {
      session.get('userId')
      await application.visit(token, async ({ session }) => { await session.destroy(); return 'ok' })
      return 'read'
    })
    t.match(visit, { status: 200, body: 'read' })
    t.equal(await application.app.sessions.count(), 0)
    t.strictSame(application.log, [])
  }
})

t.test('a use that cannot be noted is logged, and the request goes on', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const application = await tracked(t, { store, touchInterval: 0 })
  const token = await newSession(application, { userId: 1 })
  await later((await only(application)).lastUsed)
  store.update = async () => { throw new Error('broken') }
  t.match(await application.visit(token, read), { status: 200, body: '1' })
  t.match(application.log, [{ level: 40, msg: 'The expiry of a session could not be moved; the next request will try again' }])
})

t.test('a session from before it was tracked says when it was last used, and not when it began', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const before = makeApplication(t, { store })
  const token = await newSession(before, { userId: 1 })
  t.match(await only(before), { began: undefined, lastUsed: undefined, userAgent: undefined, address: undefined })
  const application = await tracked(t, { store })
  await application.visit(token, idle, { 'user-agent': 'Firefox' })
  t.match(await only(application), { began: undefined, lastUsed: Date, userAgent: undefined })
  const { lastUsed } = await only(application)
  await before.visit(token, ({ session }) => { session.put('a', 1); return 'ok' })
  t.match(await only(application), { lastUsed, data: { a: 1 } }, 'who does not track keeps it')
})

t.test('what a visitor may invent is cut off', async t => {
  const application = await tracked(t, {})
  await application.visit(undefined, ({ session }) => { session.put('a', 1); return 'ok' }, { 'user-agent': 'x'.repeat(10_000) })
  t.equal((await only(application)).userAgent, 'x'.repeat(255))
})

t.test('what a session loaded outside of a request saves is no use of its user\'s', async t => {
  const application = await tracked(t, { touchInterval: 0 })
  const token = await newSession(application, { userId: 1 })
  const { lastUsed } = await only(application)
  await later(lastUsed)
  const session = await application.app.sessions.load(token)
  session?.put('mail', 'sent')
  await session?.commit()
  t.match(await only(application), { lastUsed, data: { mail: 'sent' } })
})

t.test('beside SCS, a key __tracked that holds something else is the application\'s own', async t => {
  const application = await tracked(t, { codec: 'gob', touchInterval: 0 })
  t.strictSame(await dataOf(application, await newSession(application, { __tracked: 7 })), {}, 'it gives way to what is tracked')
  const plain = makeApplication(t, { codec: 'gob' })
  for (const value of ['mine', '{}', 7]) t.strictSame(await dataOf(plain, await newSession(plain, { __tracked: value })), { __tracked: value })
})

t.test('options that cannot work are refused', t => {
  const drops: Codec = { encode: ({ values, deadline }) => Buffer.from(JSON.stringify([deadline, ...values])), decode: () => ({ deadline: 1, rememberMe: undefined, values: new Map() }) }
  t.throws(() => settingsOf({ track: true, codec: drops }), { code: 'FST_SESSION_INVALID_OPTION', message: 'track needs a codec that keeps the property tracked of a session: codec.decode gave it back otherwise than codec.encode got it' })
  t.doesNotThrow(() => settingsOf({ codec: drops }))
  t.throws(() => settingsOf({ track: 'yes' as never }), { message: "track must be true or false, not 'yes'" })
  t.throws(() => settingsOf({ touchInterval: 1000 }), { message: 'touchInterval (1000 ms) must be shorter than idleTimeout (0 ms), or sessions in use would expire' })
  t.throws(() => settingsOf({ track: true, idleTimeout: 1000, touchInterval: 1000 }), { message: /must be shorter than idleTimeout/ })
  t.equal(settingsOf({ track: true }).touchInterval, 300_000)
  t.equal(settingsOf({ track: true, idleTimeout: 1000 }).touchInterval, 100)
  t.equal(settingsOf({ track: true, touchInterval: 7 }).touchInterval, 7)
  t.end()
})
