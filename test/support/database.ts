import { randomBytes } from 'node:crypto'
import { createConnection, type Connection } from 'mysql2/promise'
import type { Test } from 'tap'
import { isMariadbAt, startServer, type ServerKind } from './mysql-server.js'
import { until } from './until.js'

/** A database of a test's own, on the server of `npm test`. */
export interface Database {
  readonly name: string
  readonly url: string
  /** A connection of the test's own, to look at what the store did, or to get in its way. */
  readonly connection: Connection
}

/** The table as the README of SCS's mysqlstore defines it. */
export const SCS_TABLE = 'CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL); CREATE INDEX sessions_expiry_idx ON sessions (expiry)'

/** How the names of a run's databases begin. A run drops what its tests have left behind; others may run beside it. */
export const DATABASE_PREFIX = process.env['FSS_DATABASE_PREFIX'] ??= `fss_${randomBytes(3).toString('hex')}_`

/** Makes a database, and drops it when the test is over. */
export async function makeDatabase (t: Test, kind: ServerKind = 'any'): Promise<Database> {
  const server = await serverUrl(t, kind)
  const name = `${DATABASE_PREFIX}${randomBytes(6).toString('hex')}`
  const admin = await createConnection(server)
  await admin.query(`CREATE DATABASE ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  const connection = await createConnection({ uri: url.href, multipleStatements: true })
  t.teardown(async () => {
    await connection.end()
    await admin.query(`DROP DATABASE ${name}`)
    await admin.end()
  })
  return { name, url: url.href, connection }
}

/** Waits until so many connections to this database wait for a lock on a row. */
export async function waitUntilBlocked ({ connection, name }: Database, count = 1): Promise<void> {
  const blocked = async () => {
    const [rows] = await connection.query('SELECT trx_id FROM information_schema.INNODB_TRX JOIN information_schema.PROCESSLIST ON ID = trx_mysql_thread_id WHERE trx_state = \'LOCK WAIT\' AND DB = ?', [name])
    return (rows as unknown[]).length
  }
  // The server shows the same list again to who asks for it more often.
  await until(async () => await blocked() >= count, 110)
}

const shared = new Map<ServerKind, Promise<string>>()

/** The server that `npm test` has found; for a test file that is run by itself, one of its own. */
async function serverUrl (t: Test, kind: ServerKind): Promise<string> {
  const url = shared.get(kind) ?? (kind === 'any' ? anyServer(t) : mariadb(t))
  shared.set(kind, url)
  return await url
}

async function anyServer (t: Test): Promise<string> {
  return process.env['MYSQL_URL'] || await privateServer(t, 'any')
}

async function mariadb (t: Test): Promise<string> {
  const given = process.env['MARIADB_URL'] || await serverUrl(t, 'any')
  return await isMariadbAt(given) ? given : await privateServer(t, 'MariaDB')
}

async function privateServer (t: Test, kind: ServerKind): Promise<string> {
  const server = await startServer([], kind)
  let root = t
  while (root.parent !== undefined) root = root.parent as Test
  root.teardown(async () => { await server.stop() })
  return server.url()
}
