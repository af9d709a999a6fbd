import { randomBytes } from 'node:crypto'
import { createConnection, type Connection } from 'mysql2/promise'
import type { Test } from 'tap'
import { startServer } from './mysql-server.js'

/** A database of a test's own, on the server of `npm test`. */
export interface Database {
  readonly name: string
  readonly url: string
  /** A connection of the test's own, to look at what the store did, or to get in its way. */
  readonly connection: Connection
}

/** The table as the README of SCS's mysqlstore defines it. */
export const SCS_TABLE = 'CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL); CREATE INDEX sessions_expiry_idx ON sessions (expiry)'

/** Makes a database, and drops it when the test is over. */
export async function makeDatabase (t: Test): Promise<Database> {
  const server = await serverUrl(t)
  const name = `fss_${randomBytes(6).toString('hex')}`
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

let shared: Promise<string> | undefined

/** The server that `npm test` has found; for a test file that is run by itself, one of its own. */
async function serverUrl (t: Test): Promise<string> {
  shared ??= given() ?? startServer().then(server => {
    let root: Test | undefined = t
    while (root?.parent !== undefined) root = root.parent as Test
    root?.teardown(async () => { await server.stop() })
    return server.url()
  })
  return await shared
}

function given (): Promise<string> | undefined {
  const url = process.env['MYSQL_URL']
  return url === undefined || url === '' ? undefined : Promise.resolve(url)
}
