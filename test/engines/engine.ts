import { createConnection, type Connection } from 'mysql2/promise'
import type { Test } from 'tap'

/*
 * What the tests of an engine share. They run on the database that ENGINE_URL names (`npm run test:engines`), in its table
 * `sessions`, which they create and empty. ENGINE_URL_2 may lead to another node of a cluster: the second process uses it.
 * In a sharded keyspace of Vitess the table needs a vindex first.
 */

/** The database's URL, and the one that a second process uses. */
export function engineUrls (): readonly [first: string, second: string] {
  const url = process.env['ENGINE_URL']
  if (url === undefined || url === '') throw new Error('Set ENGINE_URL to a database that the tests may use, like mysql://root@127.0.0.1:4000/test')
  return [url, process.env['ENGINE_URL_2'] || url]
}

/** A connection of the test's own. */
export async function connected (t: Test): Promise<Connection> {
  const connection = await createConnection(engineUrls()[0])
  t.teardown(async () => { await connection.end() })
  return connection
}
