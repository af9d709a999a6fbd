import t from 'tap'
import { SCS_TABLE } from '../../../support/database.js'
import { countRows, dataOf, makeApplication, mysqlOptions, newSession, onEachDatabase, onEachStore, type Deed, type Place } from '../../../support/application.js'
import { makeDatabase } from '../../../support/database.js'
import { memoryStore, type Codec, type SessionOptions, type SessionStore, type StoredSession } from '../../../../plugin/index.js'
import { gobCodec, goFloat64, goInt64, goInt8, goTypeOf, goValue } from '../../../../plugin/codecs/gob/index.js'
import { goTypes, sessionOf } from './sessions.js'
import { vectors } from './vectors.js'
import { hashToken } from '../../../../plugin/token.js'

const HOUR = 3_600_000
const vector = (name: string): Buffer => vectors.find(vector => vector.name === name)?.data as Buffer

/** Keeps sessions in memory, and lets the test look at the rows and put others there, as SCS does. */
function memory (): { store: SessionStore, row: () => Promise<StoredSession | undefined> } {
  const store = memoryStore({ cleanupInterval: 0 })
  return {
    store,
    row: async () => (await store.scan()[Symbol.asyncIterator]().next()).value as StoredSession | undefined
  }
}

const typesIn = (row: StoredSession | undefined) => goTypes(gobCodec.decode(row?.data as Uint8Array))
const withCodec = ({ options }: Place, more: SessionOptions = {}): SessionOptions => ({ ...options, codec: 'gob', ...more })

onEachStore('a session is what SCS writes, under the token that the cookie has', async (t, place) => {
  const application = makeApplication(t, withCodec(place))
  const token = await newSession(application, { userId: 42, name: 'Ada', cart: ['a'] })
  t.strictSame(await dataOf(application, token), { userId: 42, name: 'Ada', cart: ['a'] })
  if (place.database !== undefined) {
    const [rows] = await place.database.connection.query('SELECT token, data FROM sessions') as unknown as [Array<{ token: string, data: Buffer }>]
    t.equal(rows[0]?.token, token)
    t.strictSame(gobCodec.decode(rows[0]?.data as Buffer).values, new Map<string, unknown>([['userId', 42], ['name', 'Ada'], ['cart', ['a']]]))
  }
})

t.test('tokens are hashed only if the option says so', async t => {
  for (const hashTokenInStore of [undefined, false, true]) {
    const { store, row } = memory()
    const token = await newSession(makeApplication(t, { store, codec: 'gob', ...hashTokenInStore !== undefined && { hashTokenInStore } }))
    t.equal((await row())?.token, hashTokenInStore === true ? hashToken(token, 'session') : token)
  }
  const { store, row } = memory()
  const token = await newSession(makeApplication(t, { store, codec: { ...gobCodec } }))
  t.equal((await row())?.token, token, 'a codec that is made of this one does the same')
})

t.test('what is put with a type is used as a value, and is written with the type', async t => {
  const { store, row } = memory()
  const application = makeApplication(t, { store, codec: 'gob' })
  const { token, body } = await application.visit(undefined, async ({ session }) => {
    session.put('id', goInt64(7))
    session.put('roles', goValue('[]string', []))
    session.put('gone', goInt8(1))
    const popped = session.pop('gone')
    const updated = session.update('price', () => goFloat64(17))
    const first = [session.get('id'), popped, updated, session.data()]
    await session.commit()
    ;(session.get('roles') as string[]).push('admin')
    return [...first, session.get('id'), session.update('id', id => goInt64(Number(id) + 1))]
  })
  t.strictSame(JSON.parse(body), [7, 1, 17, { id: 7, roles: [], price: 17 }, 7, 8])
  t.strictSame(typesIn(await row()), { id: 'int64', roles: '[]string', price: 'float64' })
  await application.visit(token, ({ session }) => {
    session.put('id', 9)
    session.put('roles', [])
    session.put('price', 18)
    return 'ok'
  })
  t.strictSame(typesIn(await row()), { id: 'int64', roles: '[]string', price: 'float64' })
})

t.test('with another codec a type is left out', async t => {
  const application = makeApplication(t, {})
  t.strictSame(await dataOf(application, await newSession(application, { id: goInt64(7) })), { id: 7 })
})

t.test('a value that Go has no type for is refused when it is put', async t => {
  const application = makeApplication(t, { codec: 'gob' })
  const { body } = await application.visit(undefined, ({ session }) => {
    for (const value of [new Set(), [new Map()], 2n ** 64n]) t.throws(() => { session.put('key', value) }, { code: 'FST_SESSION_INVALID_VALUE', message: /Go's gob/ })
    t.throws(() => session.update('key', () => new Set()), { code: 'FST_SESSION_INVALID_VALUE' })
    session.put('map', goValue('map[int]string', new Map([[1, 'a']])))
    return session.keys()
  })
  t.strictSame(JSON.parse(body), ['map'])
})

onEachDatabase('what Go has written keeps its types while other keys change, in a commit, a renewal and a merge', async (t, place) => {
  const table = { ...place, options: withCodec(place) }
  const application = makeApplication(t, table.options)
  await application.app.ready()
  const [one, other] = ['a'.repeat(43), 'b'.repeat(43)] as const
  const insert = async (token: string, data: Uint8Array) => {
    const hex = Buffer.from(data).toString('hex')
    if (place.sqlServer !== undefined) await place.sqlServer.query(`INSERT INTO sessions (token, data, expiry) VALUES ('${token}', 0x${hex}, DATEADD(HOUR, 1, SYSUTCDATETIME()))`)
    else await place.database?.connection.query(`INSERT INTO sessions (token, data, expiry) VALUES ('${token}', x'${hex}', UTC_TIMESTAMP(6) + INTERVAL 1 HOUR)`)
  }
  const later = { deadline: Date.now() + HOUR }
  await insert(one, gobCodec.encode({ ...gobCodec.decode(vector('struct')), ...later }))
  await insert(other, gobCodec.encode({ ...gobCodec.decode(vector('names')), ...later }))
  let token: string | undefined = one
  const types = async () => JSON.parse((await application.visit(token, ({ session }) => ['user', 'id', 'roles'].map(key => goTypeOf(session.get(key)) ?? null))).body) as unknown
  await application.visit(token, ({ session }) => { session.put('a', 1); return 'ok' })
  t.strictSame(await types(), ['main.Profile', null, null])
  token = (await application.visit(token, ({ session }) => { session.renewToken(); return 'ok' })).token
  t.strictSame(await types(), ['main.Profile', null, null])
  await application.visit(token, async ({ session }) => { await session.mergeSession(other); return 'ok' })
  t.strictSame(await types(), ['main.Profile', null, 'main.Roles'])
  await application.visit(token, ({ session }) => { session.put('id', 8); return 'ok' })
  t.equal(await countRows(place, '1 = 1'), 1, 'neither the renewal nor the merge has left a row')
})

t.test('two requests at once keep both their changes and the types', async t => {
  const { store, row } = memory()
  const application = makeApplication(t, { store, codec: 'gob' })
  const token = await newSession(application, { n: goInt64(0) })
  await Promise.all(Array.from({ length: 8 }, async (_, i) => await application.visit(token, ({ session }) => {
    session.update('n', n => Number(n) + 1)
    session.put(`key${i}`, goInt8(i))
    return 'ok'
  })))
  t.strictSame(typesIn(await row()), { n: 'int64', ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`key${i}`, 'int8'])) })
  t.match(await dataOf(application, token), { n: 8, key7: 7 })
})

t.test('an update whose function throws leaves the types as they were', async t => {
  const { store, row } = memory()
  const application = makeApplication(t, { store, codec: 'gob' })
  const token = await newSession(application, { n: goInt64(1) })
  const merged = await newSession(application, { n: goInt8(2) })
  await application.visit(token, async ({ session }) => {
    await session.mergeSession(merged)
    session.put('m', 1)
    return 'ok'
  })
  t.strictSame(typesIn(await row()), { n: 'int8', m: 'int' })
})

t.test('remember-me is where SCS has it', async t => {
  const { store, row } = memory()
  const application = makeApplication(t, { store, codec: 'gob', cookie: { persist: false } })
  const { token, headers } = await application.visit(undefined, ({ session }) => {
    session.put('a', 1)
    session.rememberMe(true)
    return 'ok'
  })
  t.match(headers['set-cookie'], /Max-Age/)
  t.ok(Buffer.from((await row())?.data as Uint8Array).includes('__rememberMe'))
  t.strictSame(await dataOf(application, token), { a: 1 })
})

t.test('the cookie is sent again when a request moves the expiry, because SCS lets its cookies expire with the row', async t => {
  for (const [codec, isSent] of [['gob', true], ['text', false]] as const) {
    const { store, row } = memory()
    const application = makeApplication(t, { store, codec, idleTimeout: HOUR })
    const token = await newSession(application)
    for (const [what, deed] of Object.entries<Deed>({
      'a request that does not look': () => 'ok',
      'a request that looks': ({ session }) => session.data(),
      'a change': ({ session }) => { session.put('a', 1); return 'ok' }
    })) {
      // Half an hour passes.
      const before = await row() as StoredSession
      await store.delete(before.token)
      await store.insert({ ...before, ttl: HOUR / 2 })
      const visit = await application.visit(token, deed)
      t.equal(visit.token, isSent ? token : undefined, `${codec}: ${what}`)
      t.equal(visit.headers['cache-control'], isSent ? 'no-store' : undefined)
      t.ok((await row() as StoredSession).ttl > HOUR * 0.9)
      t.equal((await application.visit(token, ({ session }) => session.data())).token, undefined, 'the next request moves nothing')
    }
    t.equal((await application.visit(undefined, () => 'ok')).token, undefined, 'a visitor without a session gets none')
  }
  const lasting = makeApplication(t, { codec: 'gob' })
  t.equal((await lasting.visit(await newSession(lasting), ({ session }) => { session.put('a', 1); return 'ok' })).token, undefined, 'without an idle timeout the expiry does not move')
})

t.test('a row of SCS is left alone by another codec, with a warning that names the codec gob', async t => {
  const token = 'c'.repeat(43)
  const json: Codec = {
    encode: ({ deadline, values }) => Buffer.from(JSON.stringify({ deadline, values: [...values] })),
    decode: data => {
      const { deadline, values } = JSON.parse(Buffer.from(data).toString()) as { deadline: number, values: Array<[string, unknown]> }
      return { deadline, rememberMe: undefined, values: new Map(values) }
    }
  }
  const written = { gob: gobCodec.encode(sessionOf({ a: 1 })), text: undefined as Uint8Array | undefined }
  const text = memory()
  await newSession(makeApplication(t, { store: text.store }))
  written.text = (await text.row())?.data
  for (const [codec, data, message] of [
    [undefined, written.gob, /SCS has written the row: share its sessions with \{ codec: 'gob' \}/],
    [json, written.gob, /SCS has written the row: share its sessions with \{ codec: 'gob' \}/],
    ['gob', written.text, /The default codec has written the row, which SCS cannot read either/],
    ['gob', Buffer.from('nonsense'), /its row was left alone$/]
  ] as const) {
    const { store, row } = memory()
    const application = makeApplication(t, { store, hashTokenInStore: false, ...codec !== undefined && { codec } })
    await store.insert({ token, data: data as Uint8Array, ttl: HOUR })
    t.strictSame(await dataOf(application, token), {})
    t.match(application.log, [{ level: 40, msg: message }])
    t.equal(application.log.length, 1)
    t.strictSame((await row())?.data, data)
  }
})

t.test('what another program writes meanwhile is not overwritten', async t => {
  const database = await makeDatabase(t)
  await database.connection.query(SCS_TABLE)
  const application = makeApplication(t, { ...mysqlOptions(database), createTable: false, codec: 'gob' })
  const token = await newSession(application, { n: 1 })
  await application.visit(token, async ({ session }) => {
    session.put('ours', true)
    // SCS writes whole sessions: what it has loaded, and its change.
    const data = gobCodec.encode(sessionOf({ n: goInt64(2), theirs: true }))
    await database.connection.query('UPDATE sessions SET data = ? WHERE token = ?', [data, token])
    return 'ok'
  })
  t.strictSame(await dataOf(application, token), { n: 2, theirs: true, ours: true })
})
