import Fastify, { type FastifyInstance } from 'fastify'
import mysql from 'mysql2'
import t, { type Test } from 'tap'
import sessions, { memoryStore, mysqlStore, type Session, type SessionOptions, type SessionStore, type SimpleStore } from '../../plugin/index.js'
import { settingsOf } from '../../plugin/options.js'
import { newToken } from '../../plugin/token.js'
import { startSite } from '../support/site.js'
import { watched } from '../support/watched-store.js'

const WORKING: SessionOptions = {}
const wrong = (options: unknown) => options as SessionOptions
const MILLISECONDS = (least: number) => `must be a whole number of milliseconds from ${least} to 3155760000000`

/** Options that are refused, and the whole message. */
const REFUSED: ReadonlyArray<readonly [options: unknown, message: string]> = [
  ['mysql', "The options must be an object like { store: 'mysql', mysql: url }, or a store, not another string"],
  ['postgres://user:hunter2@host/x', "The options must be an object like { store: 'mysql', mysql: url }, or a store, not another string"],
  [null, "The options must be an object like { store: 'mysql', mysql: url }, or a store, not null"],
  [7, "The options must be an object like { store: 'mysql', mysql: url }, or a store, not 7"],
  [['memory'], "The options must be an object like { store: 'mysql', mysql: url }, or a store, not an array"],

  [{ lifeTime: 1 }, 'There is no option lifeTime. Did you mean lifetime?'],
  [{ idletimeout: 1 }, 'There is no option idletimeout. Did you mean idleTimeout?'],
  [{ cookies: {} }, 'There is no option cookies. Did you mean cookie?'],
  [{ tableName: 'x' }, 'There is no option tableName. Did you mean table?'],
  [{ sessionName: 'x' }, 'There is no option sessionName. Did you mean name?'],
  ...['secret', 'secrets', 'key', 'salt', 'signed'].map(name =>
    [{ [name]: 'x'.repeat(32) }, `There is no option ${name}. A token is random and holds no data, so it is not signed or encrypted. Leave the option out`] as const),
  ...['maxAge', 'ttl', 'expiry', 'expires', 'expiration'].map(name => [{ [name]: 60 }, `There is no option ${name}. Use lifetime and idleTimeout, in milliseconds`] as const),
  ...['saveUninitialized', 'resave', 'unset'].map(name =>
    [{ [name]: false }, `There is no option ${name}. A session is stored once something is put into it, and written when something has changed. Leave the option out`] as const),
  [{ rolling: true }, 'There is no option rolling. Use idleTimeout: requests then prolong the session'],
  ...['cookieName', 'cookiePrefix'].map(name => [{ [name]: 'id' }, `There is no option ${name}. Use cookie: { name: ... }`] as const),
  ...['idGenerator', 'genid', 'generateId'].map(name => [{ [name]: () => 'x' }, `There is no option ${name}. The plugin makes tokens of 256 random bits. Leave the option out`] as const),
  ...['cookieOptions', 'cookieSettings'].map(name => [{ [name]: {} }, `There is no option ${name}. Use cookie: { path, domain, sameSite, secure, ... }`] as const),
  [{ proxy: true }, 'There is no option proxy. Create Fastify with { trustProxy: ... }'],
  ...['url', 'uri', 'connectionString', 'pool', 'client'].map(name =>
    [{ store: 'mysql', [name]: 'mysql://user:secret@host/x' }, `There is no option ${name}. Use mysql or mssql: each takes a URL or connection string, options of its driver, or a pool`] as const),
  [{ unheardOf: 1 }, 'There is no option unheardOf. There are: name, store, mysql, mssql, table, createTable, maxSessions, lifetime, idleTimeout, touchInterval, cleanupInterval, storeTimeout, hashTokenInStore, codec, properties, owner, maxPerOwner, track, cookie, token, previous, prefix, logLevel, logSerializers'],

  [{ name: '' }, "name must be the name of a property, like 'session' or 'adminSession', not ''"],
  [{ name: 'my session' }, "name must be the name of a property, like 'session' or 'adminSession', not 'my session'"],
  [{ name: 7 }, "name must be the name of a property, like 'session' or 'adminSession', not 7"],

  ...['redis', 'postgres', 'PostgreSQL', 'pg', 'mongodb', 'sqlite'].map(store =>
    [{ store }, 'store must be \'memory\', \'mysql\', \'mssql\' or an object with the methods of SessionStore. There is no store for that database in this package: pass a store of your own, an object with the methods of SessionStore'] as const),
  [{ store: 'mariadb', mysql: 'mysql://user:hunter2@host/x' }, "store must be 'memory', 'mysql', 'mssql' or an object with the methods of SessionStore, not another string. Use 'mysql' for MariaDB"],
  ...['sqlserver', 'SQL-Server', 'tedious', 'azure'].map(store => [{ store }, 'store must be \'memory\', \'mysql\', \'mssql\' or an object with the methods of SessionStore, not another string. Use \'mssql\''] as const),
  [{ store: 'hunter2' }, "store must be 'memory', 'mysql', 'mssql' or an object with the methods of SessionStore, not another string"],
  [{ store: 'mysql://user:hunter2@host/x' }, "store must be 'memory', 'mysql', 'mssql' or an object with the methods of SessionStore. What was passed is for the option mysql: write { store: 'mysql', mysql: ... }"],
  [{ store: 'Server=host;User Id=sa;Password=hunter2' }, "store must be 'memory', 'mysql', 'mssql' or an object with the methods of SessionStore. What was passed is for the option mssql: write { store: 'mssql', mssql: ... }"],
  [{ store: { getConnection () {} } }, "store must be 'memory', 'mysql', 'mssql' or an object with the methods of SessionStore. What was passed is for the option mysql: write { store: 'mysql', mysql: ... }"],
  [{ store: 'mssql', mssql: 'Database=app;User Id=sa;Password=hunter2' }, 'mssql must be a connection string like Server=localhost,1433;Database=app;User Id=name;Password=secret, a config of mssql with a server, or a ConnectionPool of mssql, not another string'],
  [{ store: Promise.resolve() }, "store must be 'memory', 'mysql', 'mssql' or an object with the methods of SessionStore, not a promise. Await it first"],
  [{ store: 'mysq' }, "store must be 'memory', 'mysql', 'mssql' or an object with the methods of SessionStore, not another string. Use 'mysql'"],
  [{ store: {} }, "store must be 'memory', 'mysql', 'mssql' or an object with the methods of SessionStore, not another object"],
  [{ store: { find () {}, commit () {} } }, "store must be 'memory', 'mysql', 'mssql' or an object with the methods of SessionStore, not another object"],
  [{ store: null }, "store must be 'memory', 'mysql', 'mssql' or an object with the methods of SessionStore, not null"],
  [{ store: memoryStore }, "store must be 'memory', 'mysql', 'mssql' or an object with the methods of SessionStore, not a function"],

  [{ store: 'mysql' }, "store 'mysql' needs the option mysql: a URL like mysql://user:password@host/database, options of mysql2, or a pool of mysql2"],
  [{ mysql: 'mysql://localhost/x' }, "mysql has no effect on the store 'memory'. Choose { store: 'mysql' } or { store: 'mssql' }, or leave it out"],
  [{ table: 'sessions' }, "table has no effect on the store 'memory'. Choose { store: 'mysql' } or { store: 'mssql' }, or leave it out"],
  [{ store: 'memory', createTable: true }, "createTable has no effect on the store 'memory'. Choose { store: 'mysql' } or { store: 'mssql' }, or leave it out"],
  [{ store: 'mysql', mysql: 'mysql://localhost/x', maxSessions: 5 }, "maxSessions has no effect on the store 'mysql'. Leave it out"],
  ...['mysql', 'table', 'createTable', 'cleanupInterval', 'maxSessions'].map(name =>
    [{ store: memoryStore({ cleanupInterval: 0 }), [name]: 1 }, `${name} has no effect on a store that is passed in. Give it to the store itself`] as const),

  ...[0, -1, 1.5, NaN, Infinity, '60', 4e12].map(lifetime => [{ lifetime }, `lifetime ${MILLISECONDS(1)}, not ${typeof lifetime === 'string' ? "'60'" : lifetime}`] as const),
  [{ lifetime: null }, `lifetime ${MILLISECONDS(1)}, not null`],
  [{ lifetime: 5n }, `lifetime ${MILLISECONDS(1)}, not 5n`],
  [{ idleTimeout: -1 }, `idleTimeout ${MILLISECONDS(0)}, not -1`],
  [{ idleTimeout: true }, `idleTimeout ${MILLISECONDS(0)}, not true`],
  [{ idleTimeout: 100, touchInterval: 0.5 }, `touchInterval ${MILLISECONDS(0)}, not 0.5`],
  [{ idleTimeout: 100, touchInterval: 100 }, 'touchInterval (100 ms) must be shorter than idleTimeout (100 ms), or sessions in use would expire'],
  [{ touchInterval: 100 }, 'touchInterval (100 ms) must be shorter than idleTimeout (0 ms), or sessions in use would expire'],
  [{ storeTimeout: 0 }, 'storeTimeout must be a whole number of milliseconds from 1 to 2147483647, not 0'],
  [{ store: memoryStore({ cleanupInterval: 0 }), storeTimeout: '5s' }, "storeTimeout must be a whole number of milliseconds from 1 to 2147483647, not '5s'"],
  [{ hashTokenInStore: 'yes' }, "hashTokenInStore must be true or false, not 'yes'"],
  [{ codec: {} }, "codec must be 'text', 'gob', or an object with the methods encode and decode, not another object"],
  [{ codec: null }, "codec must be 'text', 'gob', or an object with the methods encode and decode, not null"],
  [{ codec: 'json' }, "codec must be 'text', 'gob', or an object with the methods encode and decode, not 'json'"],
  [{ codec: { encode () {}, decode () {}, headerLength: 16 } }, 'codec.headerLength must be a method that gives a number, not 16'],
  [{ codec: { encode () {}, decode () {}, holds: true } }, 'codec.holds must be a method that gives true or false, not true'],
  [{ codec: { encode () {} } }, "codec must be 'text', 'gob', or an object with the methods encode and decode, not another object"],

  [{ cookie: 'session' }, "cookie must be an object of attributes, not 'session'"],
  [{ cookie: null }, 'cookie must be an object of attributes, not null'],
  [{ cookie: [] }, 'cookie must be an object of attributes, not an array'],
  [{ cookie: { samesite: 'lax' } }, 'There is no option cookie.samesite. Did you mean cookie.sameSite?'],
  ...['maxAge', 'expires'].map(name =>
    [{ cookie: { [name]: 5 } }, `There is no option cookie.${name}. A cookie lives as long as its session: use the option lifetime; or cookie.persist: false for one that ends with the browser`] as const),
  [{ cookie: { signed: true } }, 'There is no option cookie.signed. A token is random, so it is not signed. Leave the option out'],
  [{ cookie: { encode: 5 } }, 'There is no option cookie.encode. There are: name, path, domain, httpOnly, sameSite, secure, partitioned, priority, persist'],
  ...['', 'my session', 'a;b', 'a=b', 'a"b', 'naïve', 7].map(name =>
    [{ cookie: { name } }, `cookie.name must be letters, digits and !#$%&'*+-.^_\`|~, not ${name === 'a=b' ? 'another string' : typeof name === 'string' ? `'${name}'` : name}`] as const),
  ...['', 'admin', '/a;b', '/a\n', '/a b', '/a?b', '/a#b', '/ä', '/%zz', 7].map(path =>
    [{ cookie: { path } }, `cookie.path must be the path of a URL, which begins with / and has no ; ? # or space (use encodeURI for other characters), not ${typeof path === 'string' ? `'${path.replace('\n', '\\n')}'` : path}`] as const),
  ...['', 'http://example.com', 'example.com:80', 'a b', '-a.com', 'a..b', 'com', '*.example.com', 'example.com.', 7].map(domain =>
    [{ cookie: { domain } }, `cookie.domain must be a name like example.com (leave it out for a cookie of one host), not ${typeof domain === 'number' ? domain : domain.includes('://') ? 'another string' : `'${domain}'`}`] as const),
  [{ cookie: { httpOnly: 1 } }, 'cookie.httpOnly must be true or false, not 1'],
  [{ cookie: { sameSite: 'Lax' } }, "cookie.sameSite must be 'strict' or 'lax' or 'none', not 'Lax'"],
  [{ cookie: { sameSite: true } }, "cookie.sameSite must be 'strict' or 'lax' or 'none', not true"],
  [{ cookie: { secure: 'yes' } }, "cookie.secure must be true or false or 'auto', not 'yes'"],
  [{ cookie: { partitioned: 'yes' } }, "cookie.partitioned must be true or false, not 'yes'"],
  [{ cookie: { priority: 'urgent' } }, "cookie.priority must be 'low' or 'medium' or 'high', not 'urgent'"],
  [{ cookie: { persist: 0 } }, 'cookie.persist must be true or false, not 0'],
  [{ cookie: { sameSite: 'none' } }, "cookie.sameSite 'none' demands cookie.secure: true; browsers refuse the cookie otherwise"],
  [{ cookie: { sameSite: 'none', secure: false } }, "cookie.sameSite 'none' demands cookie.secure: true; browsers refuse the cookie otherwise"],
  [{ cookie: { partitioned: true } }, 'cookie.partitioned demands cookie.secure: true; browsers refuse the cookie otherwise'],
  [{ cookie: { name: '__Secure-id' } }, "cookie.name '__Secure-id' demands cookie.secure: true; browsers refuse the cookie otherwise"],
  [{ cookie: { name: '__host-id' } }, "cookie.name '__host-id' demands cookie.secure: true; browsers refuse the cookie otherwise"],
  [{ cookie: { name: '__Host-id', secure: true, domain: 'example.com' } }, "cookie.name '__Host-id' demands that cookie.domain is left out; browsers refuse the cookie otherwise"],
  [{ cookie: { name: '__Host-id', secure: true, path: '/app' } }, "cookie.name '__Host-id' demands cookie.path: '/'; browsers refuse the cookie otherwise"],

  [{ token: 'x-session' }, "token must be a function that returns the token of a request, like request => request.headers['x-session'], not another string"],
  [{ token: () => undefined, cookie: { name: 'a' } }, 'cookie has no effect beside token: no cookie is read or set then. Leave one of the two out, or register the plugin twice, under two names'],
  [{ tokenHeader: 'x-session' }, 'There is no option tokenHeader. Use token: request => request.headers[...], a function that returns the token of a request'],

  [{ maxSessions: 0 }, 'maxSessions must be a whole number of 1 or more, not 0'],
  [{ cleanupInterval: -1 }, 'cleanupInterval must be a whole number of milliseconds from 0 to 1952257860, not -1'],
  [{ store: 'mysql', mysql: 'localhost' }, "mysql must be a URL like mysql://user:password@host:3306/database, options of mysql2's createPool, or a pool of mysql2, not another string"],
  [{ store: 'mysql', mysql: 'mysql://localhost/x', table: '' }, "table must be the name of a table, like 'sessions' or 'auth.sessions', not ''"]
]

for (const [options, message] of REFUSED) {
  t.test(`refused: ${message}`, async t => {
    t.throws(() => settingsOf(wrong(options)), { code: 'FST_SESSION_INVALID_OPTION', message })
  })
}

const REFUSED_BY_MEMORY: ReadonlyArray<readonly [options: object, message: string]> = [
  [{ maxSessions: 0 }, 'maxSessions must be a whole number of 1 or more, not 0'],
  [{ maxSessions: 2 ** 53 }, 'maxSessions must be a whole number of 1 or more, not 9007199254740992'],
  [{ maxSessions: '10' }, "maxSessions must be a whole number of 1 or more, not '10'"],
  [{ cleanupInterval: 1.5 }, 'cleanupInterval must be a whole number of milliseconds from 0 to 1952257860, not 1.5'],
  [{ cleanupInterval: 2 ** 31 }, 'cleanupInterval must be a whole number of milliseconds from 0 to 1952257860, not 2147483648'],
  [null as unknown as object, 'The options must be an object, not null'],
  ['x' as unknown as object, "The options must be an object, not 'x'"],
  [[], 'The options must be an object, not an array'],
  [{ maxSession: 5 }, 'There is no option maxSession. Did you mean maxSessions?'],
  [{ table: 'x' }, 'There is no option table. There are: maxSessions, cleanupInterval']
]

for (const [options, message] of REFUSED_BY_MEMORY) {
  t.test(`refused by the memory store: ${message}`, async t => {
    t.throws(() => memoryStore(options), { code: 'FST_SESSION_INVALID_OPTION', message })
  })
}

const SOURCE = 'mysql must be a URL like mysql://user:password@host:3306/database, options of mysql2\'s createPool, or a pool of mysql2'
const URL_OF_A_DATABASE = 'mysql://127.0.0.1/x'
const TABLE = "table must be the name of a table, like 'sessions' or 'auth.sessions'"
const REFUSED_BY_MYSQL: ReadonlyArray<readonly [source: unknown, options: object, message: string]> = [
  [undefined, {}, `${SOURCE}, not undefined`],
  [7, {}, `${SOURCE}, not 7`],
  [[], {}, `${SOURCE}, not an array`],
  ['', {}, `${SOURCE}, not an empty string`],
  ['postgres://user:secret@host/x', {}, `${SOURCE}, not another string`],
  ['mysql:///x', {}, `${SOURCE}, not another string`],
  ...['mysql://host:port/x', 'mysql://user:pass/word@host/x', 'mysql://user:pass#word@host/x'].map(url =>
    [url, {}, `${SOURCE}, not another string. Special characters in the user's name or password must be encoded: encodeURIComponent(password)`] as const),
  [URL_OF_A_DATABASE, null as unknown as object, 'The options must be an object, not null'],
  [{}, {}, `${SOURCE}, not another object`],
  [{ hots: 'localhost' }, {}, `${SOURCE}, not another object`],
  [{ query () {}, execute () {} }, {}, `${SOURCE}, not what looks like a single connection. A pool survives a lost connection, and runs requests side by side`],
  ...['', 'a.b.c', '.a', 'a.', 'a\0', 'a ', 'a .b', 'x'.repeat(65)].map(table => [URL_OF_A_DATABASE, { table }, `${TABLE}, not ${table.length > 60 ? 'another string' : `'${table.replace('\0', '\\x00')}'`}`] as const),
  [URL_OF_A_DATABASE, { table: 7 }, `${TABLE}, not 7`],
  [URL_OF_A_DATABASE, { createTable: 'yes' }, "createTable must be true or false, not 'yes'"],
  [URL_OF_A_DATABASE, { cleanupInterval: -1 }, 'cleanupInterval must be a whole number of milliseconds from 0 to 1952257860, not -1'],
  [URL_OF_A_DATABASE, { storeTimeout: 0 }, 'storeTimeout must be a whole number of milliseconds from 1 to 2147483647, not 0'],
  [URL_OF_A_DATABASE, { tabel: 'x' }, 'There is no option tabel. Did you mean table?'],
  [URL_OF_A_DATABASE, { maxSessions: 5 }, 'There is no option maxSessions. There are: table, createTable, cleanupInterval, storeTimeout']
]

for (const [source, options, message] of REFUSED_BY_MYSQL) {
  t.test(`refused by the MySQL store: ${message}`, async t => {
    t.throws(() => mysqlStore(source as string, options), { code: 'FST_SESSION_INVALID_OPTION', message })
  })
}

for (const [name, store] of [['memory', memoryStore({ cleanupInterval: 0 })], ['MySQL', mysqlStore(URL_OF_A_DATABASE)]] as const) {
  t.test(`a wrong number is refused by scan and deleteExpired, before the ${name} store does anything`, async t => {
    t.teardown(async () => { await store.close() })
    for (const [value, shown] of [[0, '0'], [-1, '-1'], [1.5, '1.5'], [NaN, 'NaN'], ['10', "'10'"], [null, 'null']] as const) {
      const refusal = (argument: string) => ({ code: 'FST_SESSION_INVALID_OPTION', message: `${argument} must be a whole number of 1 or more, not ${shown}` })
      await t.rejects(store.deleteExpired(value as number), refusal('limit'))
      await t.rejects(async () => { for await (const session of store.scan(value as number)) t.fail(session.token) }, refusal('pageSize'))
    }
    await t.rejects(store.deleteExpired(undefined as unknown as number), { code: 'FST_SESSION_INVALID_OPTION', message: 'limit must be a whole number of 1 or more, not undefined' })
  })
}

t.test('an error about an option shows no password', async t => {
  for (const store of ['mysql://user:secret@host/x', { host: 'x', password: 'secret' }]) {
    let message = 'secret'
    try { settingsOf(wrong({ store })) } catch (error) { message = String(error) }
    t.notMatch(message, /secret/)
  }
})

t.test('the defaults', async t => {
  const { store, codec, report, idOf, ...settings } = settingsOf(undefined)
  t.equal(idOf('k'.repeat(43)), 'k'.repeat(16))
  t.equal(report.stats(undefined).loads, 0)
  t.strictSame(settings, {
    token: undefined,
    previous: undefined,
    name: 'session',
    lifetime: 24 * 60 * 60 * 1000,
    idleTimeout: 0,
    touchInterval: 0,
    storeTimeout: 5000,
    hashTokenInStore: true,
    canSeek: true,
    inMemory: true,
    place: undefined,
    table: 'sessions',
    properties: false,
    owner: undefined,
    maxPerOwner: undefined,
    track: false,
    cookie: {
      name: 'session', path: '/', domain: undefined, httpOnly: true, sameSite: 'lax', secure: 'auto', partitioned: false, priority: undefined, persist: true
    }
  })
  t.equal(settingsOf({ idleTimeout: 60_000 }).touchInterval, 6000)
  t.ok(Object.isFrozen(settingsOf({})) && Object.isFrozen(settingsOf({}).cookie))
})

t.test('options that are undefined are as if they were left out', async t => {
  const { store, codec, ...settings } = settingsOf({ name: undefined, store: undefined, mysql: undefined, lifetime: undefined, codec: undefined, cookie: { name: undefined, domain: undefined } } as unknown as SessionOptions)
  const { store: otherStore, codec: otherCodec, ...defaults } = settingsOf({})
  t.strictSame(settings, defaults)
})

const TAKEN: readonly SessionOptions[] = [
  { cookie: { name: '__Host-id', secure: true, path: '/' } },
  { cookie: { name: '__Secure-id', secure: true, domain: 'example.com', path: '/app' } },
  { cookie: { sameSite: 'none', secure: true, partitioned: true, priority: 'high' } },
  { cookie: { domain: '.example.co.uk' } },
  { cookie: { domain: 'localhost' } },
  { cookie: { name: 'a!#$%&\'*+-.^_`|~9' } },
  { idleTimeout: 5 },
  { idleTimeout: 100, touchInterval: 0 },
  { lifetime: 1, storeTimeout: 1, cleanupInterval: 0, maxSessions: 1 },
  { store: 'mysql', mysql: 'mysql://user:password@127.0.0.1:3306/x', table: 'auth.my `sessions`', createTable: true, cleanupInterval: 0 },
  { store: 'mysql', mysql: 'mariadb://127.0.0.1' },
  { store: 'mysql', mysql: { host: '127.0.0.1', user: 'x' } },
  { store: 'mysql', mysql: { socketPath: '/run/x' } }
]

for (const options of TAKEN) {
  t.test(`taken: ${JSON.stringify(options)}`, async t => {
    const { store } = settingsOf(options)
    await store.close()
    t.pass()
  })
}

t.test('a pool of mysql2 is taken, of both of its kinds, and is not closed', async t => {
  const pool = mysql.createPool({ host: '127.0.0.1' })
  t.teardown(() => { pool.end() })
  for (const source of [pool, pool.promise()]) await settingsOf({ store: 'mysql', mysql: source }).store.close()
  t.notOk((pool as unknown as { _closed: boolean })._closed)
})

/** An application that is closed when the test is over. */
function newApp (t: Test): FastifyInstance {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  return app
}

t.test('a wrong option rejects the registration that is waited for', async t => {
  const app = newApp(t)
  await t.rejects(async () => { await app.register(sessions, { lifetime: 0 }) }, { code: 'FST_SESSION_INVALID_OPTION' })
})

t.test('a wrong option rejects ready() where the registration is not waited for', async t => {
  const app = newApp(t)
  void app.register(sessions, { lifetime: 0 })
  await t.rejects(async () => { await app.ready() }, { code: 'FST_SESSION_INVALID_OPTION' })
})

t.test('a second registration under one name is refused, in the same scope and within it', async t => {
  const error = {
    code: 'FST_SESSION_DUPLICATE',
    message: "request.session exists already. Register fastify-sql-sessions once, or give the second one a name of its own: { name: 'adminSession', cookie: { name: 'admin' } }"
  }
  const app = newApp(t)
  await app.register(sessions)
  await t.rejects(async () => { await app.register(sessions) }, error)

  const outer = newApp(t)
  await outer.register(sessions)
  void outer.register(async inner => { await inner.register(sessions) })
  await t.rejects(async () => { await outer.ready() }, error)
})

t.test('a second registration that is not waited for rejects ready()', async t => {
  const app = newApp(t)
  void app.register(sessions)
  void app.register(sessions)
  await t.rejects(async () => { await app.ready() }, { code: 'FST_SESSION_DUPLICATE' })
})

t.test('a name that a request of Fastify has already is refused', async t => {
  for (const name of ['body', 'headers', 'id', 'log', 'raw', 'query', 'constructor']) {
    const app = newApp(t)
    await t.rejects(async () => { await app.register(sessions, { name }) }, { code: 'FST_SESSION_DUPLICATE', message: `request.${name} exists already.` }, name)
  }
})

declare module 'fastify' {
  interface FastifyRequest {
    adminSession: Session
  }
}

t.test('two sessions with names and cookies of their own stand side by side', async t => {
  const site = await startSite(t, WORKING)
  await site.app.register(sessions, { name: 'adminSession', cookie: { name: 'admin', path: '/admin' } })
  const browser = site.browser()
  const { cookies } = await browser.visit((session, request) => {
    session.put('who', 'visitor')
    request.adminSession.put('who', 'administrator')
  })
  t.match(cookies, [/^session=[\w-]{43}; .*Path=\/;/, /^admin=[\w-]{43}; .*Path=\/admin;/])
  const { value } = await browser.visit(async (session, request) => {
    await session.destroy()
    return request.adminSession.get('who')
  })
  t.equal(value, 'administrator')
  t.strictSame([...browser.jar.keys()], ['admin'])
})

t.test('two sessions in one table: the token of one is worth nothing as that of the other', async t => {
  const store = memoryStore()
  const site = await startSite(t, store)
  await site.app.register(sessions, { store, name: 'adminSession', cookie: { name: 'admin' } })
  const browser = site.browser()
  await browser.visit((session, request) => { session.put('who', 'visitor'); request.adminSession.put('who', 'administrator') })
  const [session = '', admin = ''] = [browser.jar.get('session'), browser.jar.get('admin')]
  browser.jar.set('session', admin).set('admin', session)
  t.strictSame((await browser.visit((session, request) => [session.keys(), request.adminSession.keys()])).value, [[], []])
  browser.jar.set('session', session).set('admin', admin)
  t.strictSame((await browser.visit((session, request) => [session.get('who'), request.adminSession.get('who')])).value, ['visitor', 'administrator'])
})

t.test('a second registration with the same cookie is refused', async t => {
  const app = newApp(t)
  await app.register(sessions)
  await t.rejects(async () => { await app.register(sessions, { name: 'adminSession', cookie: { name: 'session', path: '/admin' } }) }, {
    code: 'FST_SESSION_INVALID_OPTION',
    message: "The cookie 'session' is that of request.session already. Give request.adminSession one of its own: { cookie: { name: 'adminSession' } }"
  })
})

t.test('sibling scopes have sessions of their own', async t => {
  const app = newApp(t)
  for (const scope of ['a', 'b']) {
    void app.register(async child => {
      await child.register(sessions, { cookie: { name: scope } })
      child.get(`/${scope}`, request => { request.session.put('scope', scope); return scope })
    })
  }
  app.get('/none', request => typeof request.session)
  for (const scope of ['a', 'b']) t.match((await app.inject(`/${scope}`)).headers['set-cookie'], new RegExp(`^${scope}=`))
  t.equal((await app.inject('/none')).body, 'undefined')
})

t.test('a store by itself will do', async t => {
  const { store, calls } = watched(memoryStore())
  const browser = (await startSite(t, store)).browser()
  await browser.visit(session => session.put('n', 1))
  t.equal((await browser.visit(session => session.get('n'))).value, 1)
  t.strictSame(calls, ['insert', 'find'])
})

/** A store with no more than SCS asks for. */
function scsLikeStore (): SimpleStore & { readonly rows: Map<string, { data: Uint8Array, expiry: Date }> } {
  const rows = new Map<string, { data: Uint8Array, expiry: Date }>()
  return {
    rows,
    async find (token) {
      const row = rows.get(token)
      return row !== undefined && row.expiry > new Date() ? row.data : null
    },
    async commit (token, data, expiry) { rows.set(token, { data, expiry }) },
    async delete (token) { rows.delete(token) }
  }
}

t.test('a store that has only find, commit and delete will do', async t => {
  const store = scsLikeStore()
  const browser = (await startSite(t, { store, idleTimeout: 60_000 })).browser()
  await browser.visit(session => session.put('n', 1))
  await browser.visit(session => session.update('n', n => Number(n) + 1))
  const old = browser.copy()
  await browser.visit(session => session.renewToken())
  t.equal((await browser.visit(session => session.get('n'))).value, 2)
  t.equal((await old.visit(session => session.get('n'))).value, undefined)
  t.equal(store.rows.size, 1)

  const other = (await startSite(t, { store })).browser()
  await other.visit(session => session.put('m', 1))
  await browser.visit(async session => { await session.mergeSession(other.token) })
  t.strictSame((await browser.visit(session => session.data())).value, { m: 1, n: 2 })
  await browser.visit(async session => { await session.destroy() })
  t.equal(store.rows.size, 0)
})

t.test('a store that has only find, commit and delete tells a change and an end of another request', async t => {
  const browser = (await startSite(t, { store: scsLikeStore() })).browser()
  await browser.visit(session => session.put('n', 1))
  const other = browser.copy()
  await browser.visit(async session => {
    await other.visit(otherSession => otherSession.put('m', 2))
    session.put('n', 2)
  })
  t.strictSame((await browser.visit(session => session.data())).value, { m: 2, n: 2 })
  const { response } = await browser.visit(async session => {
    await other.visit(async otherSession => { await otherSession.destroy() })
    session.put('n', 3)
  })
  t.equal(response.statusCode, 409)
})

t.test('a store that has only find, commit and delete keeps the session of a renewal that fails', async t => {
  let isFull = false
  const store = scsLikeStore()
  const browser = (await startSite(t, {
    store: {
      find: async (token: string) => await store.find(token),
      commit: async (token: string, data: Uint8Array, expiry: Date) => {
        if (isFull) throw new Error('disk full')
        await store.commit(token, data, expiry)
      },
      delete: async (token: string) => { await store.delete(token) }
    }
  })).browser()
  await browser.visit(session => session.put('n', 1))
  isFull = true
  const { response } = await browser.visit(session => session.renewToken())
  t.equal(response.statusCode, 503)
  t.strictSame((await browser.visit(session => session.data())).value, { n: 1 })
})

t.test('such a store cannot be asked for all sessions, and has no cleanup', async t => {
  const { store } = settingsOf({ store: scsLikeStore() })
  await store.open({ warn () {}, error () {} })
  await t.rejects(async () => { for await (const session of store.scan()) t.fail(session.token) }, { message: 'This store has no more than find, commit and delete, and cannot list its sessions' })
  t.equal(await store.deleteExpired(10), 0)
  store.stopCleanup()
  await store.close()
})

const METHODS = ['find', 'insert', 'update', 'delete', 'rewrite'] as const

/** Does in a request what needs a method of the store, in a session that exists. */
const use: { readonly [M in typeof METHODS[number]]: (session: Session) => unknown } = {
  find: () => {},
  insert: session => session.put('n', 1),
  update: session => session.put('n', 2),
  delete: session => session.destroy(),
  rewrite: session => session.renewToken()
}

/** Has one method of a store do something else from now on. */
function failing (method: typeof METHODS[number], fail: (...args: unknown[]) => unknown): { readonly store: SessionStore, fails: boolean } {
  const { store } = watched(memoryStore())
  const own = store[method].bind(store) as (...args: unknown[]) => unknown
  const state = { store, fails: false }
  Object.assign(store, { [method]: (...args: unknown[]) => state.fails ? fail(...args) : own(...args) })
  return state
}

const FAILURES: ReadonlyArray<readonly [what: string, fail: (...args: unknown[]) => unknown, why: string]> = [
  ['rejects', async (...args) => { throw new Error(`no row ${JSON.stringify(args)}`) }, 'it failed'],
  ['throws at once', (...args) => { throw new Error(`no row ${JSON.stringify(args)}`) }, 'it failed'],
  ['rejects with what is no error', async (...args) => { throw JSON.stringify(args) }, 'it failed'],
  ['hangs', () => new Promise(() => {}), 'no answer in time']
]

for (const method of METHODS) {
  for (const [what, fail, why] of FAILURES) {
    t.test(`a store whose ${method} ${what} gives a 503, and no token gets out`, async t => {
      const state = failing(method, fail)
      const site = await startSite(t, { store: state.store, storeTimeout: 50 })
      const browser = site.browser()
      if (method !== 'insert') await browser.visit(session => session.put('n', 1))
      const { token } = browser

      state.fails = true
      const { response, cookies } = await browser.visit(session => { void use[method](session) })
      t.equal(response.statusCode, 503)
      t.equal(response.headers['retry-after'], '1')
      t.strictSame(response.json(), {
        statusCode: 503,
        code: 'FST_SESSION_STORE_UNAVAILABLE',
        error: 'Service Unavailable',
        message: `The session store is not available: ${why}${method === 'find' ? '' : '. What this request changed is not known to be saved'}`
      })
      t.strictSame(cookies, [])
      t.notMatch(site.log.text, /[\w-]{43}/)

      state.fails = false
      t.equal((await browser.visit(session => { void use[method](session) })).response.statusCode, 200)
      if (method === 'find') t.equal(browser.token, token)
    })
  }
}

t.test('a store that cannot be opened rejects ready()', async t => {
  const app = newApp(t)
  await app.register(sessions, { store: { ...watched(memoryStore()).store, open: async () => { throw new Error('no disk') } } })
  await t.rejects(async () => { await app.ready() }, { message: 'no disk' })
})

t.test('the administration of a store that is passed in goes through to it', async t => {
  const inner = memoryStore()
  const { store } = settingsOf({ store: watched(inner).store })
  const token = newToken()
  await store.open({ warn () {}, error () {} })
  await store.insert({ token, data: Buffer.from('x'), ttl: 60_000 })
  const tokens: string[] = []
  for await (const session of store.scan()) tokens.push(session.token)
  t.strictSame(tokens, [token])
  t.equal(await store.deleteExpired(10), 0)
  store.stopCleanup()
  await store.close()
})
