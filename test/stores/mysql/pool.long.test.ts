import { readFile } from 'node:fs/promises'
import { createPool, createPoolCluster, type PoolOptions } from 'mysql2'
import { createPool as createPromisePool, createPoolCluster as createPromiseCluster } from 'mysql2/promise'
import t, { type Test } from 'tap'
import { SCHEMA as MSSQL_SCHEMA } from '../../../stores/mssql/schema.js'
import { mysqlStore, type MysqlSource, type MysqlStoreOptions } from '../../../stores/mysql/mysql.js'
import { SCHEMA } from '../../../stores/mysql/schema.js'
import type { SessionStore } from '../../../stores/store.js'
import { makeCertificate } from '../../support/certificate.js'
import { runBriefly } from '../../support/contract.js'
import { makeDatabase, SCS_TABLE } from '../../support/database.js'
import { startServer } from '../../support/mysql-server.js'

const quiet = { warn () {}, error () {} }

async function opened (t: Test, source: MysqlSource, options: MysqlStoreOptions = {}): Promise<SessionStore> {
  const store = mysqlStore(source, { cleanupInterval: 0, ...options })
  t.teardown(async () => { await store.close() })
  await store.open(quiet)
  return store
}

/** Options that lead nowhere: nothing here connects. */
const NOWHERE = { host: '127.0.0.1', port: 1, user: 'root', database: 'shop' }

t.test('what is no pool of mysql2 is refused at once, by the name of what it is', async t => {
  const cluster = createPoolCluster()
  const promised = createPromiseCluster()
  cluster.add('a', NOWHERE)
  promised.add('a', NOWHERE)
  t.teardown(async () => { cluster.end(); await promised.end() })
  const call = () => {}
  const sources: ReadonlyArray<readonly [unknown, RegExp]> = [
    [cluster, /not a PoolCluster\. mysql2 removes a node/],
    [cluster.of('*'), /PoolCluster/],
    [promised, /PoolCluster/],
    [promised.of('*'), /PoolCluster/],
    // The pools of two other packages, as far as the store looks at them.
    [{ getConnection: call, query: call, end: call, config: {} }, /a pool of the package mysql$/],
    [{ getConnection: call, query: call, execute: call, batch: call, end: call }, /a pool of the package mariadb$/],
    [Promise.resolve(createPool(NOWHERE)), /a promise\. Await it first/],
    [{ client: { pool: {} }, raw: call }, /not another object/]
  ]
  for (const [source, message] of sources) t.throws(() => mysqlStore(source as MysqlSource), { code: 'FST_SESSION_INVALID_OPTION', message })
})

t.test('options that the driver cannot use are told at ready(), and not as a database that is away', async t => {
  const options: ReadonlyArray<readonly [PoolOptions, RegExp]> = [
    [{ ssl: true as unknown as string }, /does not accept the options: .*SSL/],
    [{ port: 99_999 }, /cannot open a connection with these options: .*port/i]
  ]
  for (const [more, message] of options) {
    await t.rejects(opened(t, { ...NOWHERE, ...more } as MysqlSource), { code: 'FST_SESSION_STORE_MISCONFIGURED', message })
  }
  const warnings: unknown[] = []
  const away = mysqlStore(NOWHERE, { cleanupInterval: 0 })
  t.equal(await away.open({ warn: details => { warnings.push(details) }, error () {} }), undefined)
  t.equal(warnings.length, 1, 'a database that is away is warned of')
  await away.close()
})

t.test('a server that takes only encrypted connections is told at ready(), with what to add', async t => {
  // MySQL's words, and those of Vitess.
  const refusals = [{ errno: 3159, message: 'Connections using insecure transport are prohibited while --require_secure_transport=ON.' }, { errno: 1105, message: 'server does not allow insecure connections, client must use SSL/TLS' }]
  for (const { errno, message } of refusals) {
    const pool = { config: { connectionLimit: 2 }, getConnection (callback: (error: Error) => void) { callback(Object.assign(new Error(message), { errno })) } }
    await t.rejects(opened(t, pool as unknown as MysqlSource), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /insecure .*[^.]\. Add ssl: \{\} to the options, or \?ssl=\{\} to the URL$/ })
  }
})

t.test('a certificate that the driver does not trust is told at ready(), and a connection that is lost in the handshake is not taken for one', async t => {
  const folder = t.testdir(makeCertificate())
  const server = await startServer([`--ssl-key=${folder}/key`, `--ssl-cert=${folder}/cert`], 'MariaDB')
  t.teardown(async () => { await server.stop() })
  const options = { uri: server.url('mysql') }
  await t.rejects(opened(t, { ...options, ssl: {} }), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /cannot open a connection with these options: self-signed certificate/ })
  await opened(t, { ...options, ssl: { ca: await readFile(`${folder}/cert`, 'utf8') } }, { createTable: true })
  const lost = Object.assign(new Error('read ECONNRESET'), { code: 'HANDSHAKE_SSL_ERROR', fatal: true })
  const pool = { config: { connectionLimit: 2 }, getConnection (callback: (error: Error) => void) { callback(lost) } }
  t.equal(await (await opened(t, pool as unknown as MysqlSource)).open(quiet), undefined)
})

const TYPE_CASTS: Record<string, NonNullable<PoolOptions['typeCast']>> = {
  'a blob as text': (field, next) => field.type === 'BLOB' ? field.string('utf8') : next(),
  'a blob as base64': (field, next) => field.type === 'BLOB' ? field.buffer()?.toString('base64') : next(),
  'everything as text': field => field.string(),
  'numbers as text': (field, next) => ['DOUBLE', 'LONGLONG', 'LONG', 'NEWDECIMAL'].includes(field.type) ? field.string() : next()
}
for (const [name, typeCast] of Object.entries(TYPE_CASTS)) {
  t.test(`a pool whose typeCast gives ${name} gives the store what it needs`, async t => {
    const { url, connection } = await makeDatabase(t)
    await connection.query(SCS_TABLE)
    for (const pool of [createPool({ uri: url, typeCast }), createPromisePool({ uri: url, typeCast })]) {
      t.teardown(async () => { await ('promise' in pool ? pool.promise() : pool).end() })
      await runBriefly(t, () => mysqlStore(pool as MysqlSource, { cleanupInterval: 0 }))
    }
    await runBriefly(t, () => mysqlStore({ uri: url, typeCast }, { cleanupInterval: 0 }))
  })
}

t.test('a table whose token is unique, but not the primary key, will do', async t => {
  for (const columns of [
    'token CHAR(43) NOT NULL UNIQUE, data MEDIUMBLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL',
    'id INT AUTO_INCREMENT PRIMARY KEY, token CHAR(43) NOT NULL, data MEDIUMBLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL, UNIQUE KEY `by ``token` (token), KEY both_of_them (token, expiry)',
    'token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry DATETIME(6) NOT NULL, user_id INT NULL, ip VARCHAR(45) NOT NULL DEFAULT \'\', made TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, size INT GENERATED ALWAYS AS (LENGTH(data)) STORED'
  ]) {
    const { url, connection } = await makeDatabase(t)
    await connection.query(`CREATE TABLE sessions (${columns})`)
    await runBriefly(t, () => mysqlStore(url, { cleanupInterval: 0 }))
  }
})

t.test('a table that no session can be added to, or whose token is not unique, is told at the start', async t => {
  const base = 'data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL'
  for (const [columns, message] of [
    [`token CHAR(43) PRIMARY KEY, ${base}, user_id INT NOT NULL`, /a column user_id that is NOT NULL and has no default/],
    [`token CHAR(43) NOT NULL, ${base}, UNIQUE KEY both_of_them (token, expiry)`, /token of sessions is not its primary key/],
    [`token CHAR(60) NOT NULL, ${base}, UNIQUE KEY a_part (token(10))`, /token of sessions is not its primary key/]
  ] as const) {
    const { url, connection } = await makeDatabase(t)
    await connection.query(`CREATE TABLE sessions (${columns})`)
    await t.rejects(opened(t, url), { code: 'FST_SESSION_STORE_MISCONFIGURED', message })
  }
})

t.test('SQL that the server will never take is told at the start, with what the server says', async t => {
  const { url, connection, name } = await makeDatabase(t)
  // A view has the columns, but no index.
  await connection.query(`CREATE TABLE ${name}.rows_of_it (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL); CREATE VIEW sessions AS SELECT * FROM rows_of_it`)
  await t.rejects(opened(t, url), { code: 'FST_SESSION_STORE_MISCONFIGURED' })
})

t.test('the schemas in the code are those of the folder schema/', async t => {
  const file = async (name: string) => await readFile(new URL(`../../../../schema/${name}`, import.meta.url), 'utf8')
  t.equal(SCHEMA, await file('mysql.sql'))
  t.equal(MSSQL_SCHEMA, await file('mssql.sql'))
})
