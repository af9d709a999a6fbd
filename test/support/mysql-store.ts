import { randomBytes } from 'node:crypto'
import { createPool, type Pool, type PoolOptions } from 'mysql2'
import type { Test } from 'tap'
import { makeDatabase, SCS_TABLE, type Database } from './database.js'
import { mysqlStore, type MysqlSource, type MysqlStoreOptions } from '../../stores/mysql/mysql.js'
import type { NewSession, SessionStore } from '../../stores/store.js'

export const HOUR = 3_600_000

export const newSession = (data: string | Uint8Array = 'data', token = randomBytes(32).toString('base64url')): NewSession => ({ token, data: Buffer.from(data), ttl: HOUR })
export const whole = (data: Uint8Array) => ({ bytes: data, whole: true })

/** Opens a MySQL store without a cleanup, and closes it when the test is over. */
export async function opened (t: Test, source: MysqlSource, options: MysqlStoreOptions = {}): Promise<SessionStore> {
  const store = mysqlStore(source, { cleanupInterval: 0, storeTimeout: 60_000, ...options })
  t.teardown(async () => { await store.close() })
  await store.open({ warn () {}, error () {} })
  return store
}

/** A database with the table of SCS's README. */
export async function scsDatabase (t: Test): Promise<Database> {
  const database = await makeDatabase(t)
  await database.connection.query(SCS_TABLE)
  return database
}

export function poolFor (t: Test, options: PoolOptions): Pool {
  const pool = createPool(options)
  t.teardown(async () => { await pool.promise().end() })
  return pool
}

/** The data of a session as text; undefined if it is not found. */
export async function dataOf (store: SessionStore, token: string): Promise<string | undefined> {
  const { sessions: [session] } = await store.find([token])
  return session === undefined ? undefined : Buffer.from(session.data).toString()
}
