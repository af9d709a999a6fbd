import type { Pool, PoolConnection } from 'mysql2'
import type { MysqlPool } from '../../plugin/index.js'

export type Callback = (error: Error | null, result: unknown) => void

/** Is called before a statement is sent. True: the statement is not sent, and is answered by the test. */
export type Meddle = (connection: PoolConnection, statement: { readonly sql: string }, callback: Callback) => boolean

/** A pool whose statements a test can answer itself. */
export function meddledPool (pool: Pool, meddle: Meddle): MysqlPool & { readonly config: { connectionLimit: number } } {
  const around = (connection: PoolConnection) => new Proxy(connection, {
    get (target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (name !== 'execute' && name !== 'query') return typeof member === 'function' ? member.bind(target) : member
      return (statement: { readonly sql: string }, callback: Callback) => {
        if (!meddle(target, statement, callback)) (member as (...args: unknown[]) => void).call(target, statement, callback)
      }
    }
  })
  return {
    config: { connectionLimit: 10 },
    getConnection (callback: (error: Error | null, connection?: PoolConnection) => void) {
      pool.getConnection((error, connection) => error ? callback(error) : callback(null, around(connection)))
    }
  }
}
