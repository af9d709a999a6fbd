import type { MysqlCallbackPool, MysqlConnection, MysqlStatement } from './pool.js'

/** How many characters of a statement identify it in the list of what a server runs: SHOW PROCESSLIST shows 100. */
const SHOWN = 60

/**
 * Ends a statement that waits for a lock, where the server cannot be told to give up by itself.
 *
 * The connections of one pool may lead to different servers, so a thread id alone could hit somebody else's statement.
 * The statement is killed only if the server that answers shows it under this thread id. The caller must leave the
 * connection alone until the promise settles.
 *
 * @param isOver whether the statement has ended meanwhile
 * @param timeLeft how long this may take, in milliseconds
 * @returns the kill, once a connection for it was found; false if it may still be on its way. Undefined if it is not needed
 */
export function kill (pool: MysqlCallbackPool, threadId: number, sql: string, isOver: () => boolean, timeLeft: number, onStart: (kill: Promise<boolean>) => void): void {
  // It never waits for a connection that is not there: the statement may hold the one that it would wait for.
  pool.getConnection((error, connection) => {
    if (error) return
    if (isOver()) connection.release()
    else onStart(killOn(connection, threadId, sql, isOver, timeLeft))
  })
}

/** False if the kill may still be on its way. */
async function killOn (connection: MysqlConnection, threadId: number, sql: string, isOver: () => boolean, timeLeft: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => reject(new Error('no answer')), timeLeft) })
  let isSent = false
  try {
    const processes = await Promise.race([ask(connection, 'SHOW PROCESSLIST'), late])
    if (!isOver() && processes.some(process => isRunning(process, threadId, sql))) {
      isSent = true
      await Promise.race([ask(connection, `KILL QUERY ${threadId}`), late])
    }
    connection.release()
    return true
  } catch (error) {
    connection.destroy()
    // What the server refused is not on its way.
    return !isSent || (error instanceof Error && 'errno' in error)
  } finally {
    clearTimeout(timer)
  }
}

/** A row of SHOW PROCESSLIST: Id, User, Host, db, Command, Time, State, Info. */
function isRunning (process: unknown, threadId: number, sql: string): boolean {
  if (!Array.isArray(process)) return false
  const [id, , , , , , , info] = process as unknown[]
  return Number(id) === threadId && String(info).slice(0, SHOWN) === sql.slice(0, SHOWN)
}

async function ask (connection: MysqlConnection, sql: string): Promise<readonly unknown[]> {
  const statement: MysqlStatement = { sql, values: [], rowsAsArray: true, typeCast: true, nestTables: false }
  return await new Promise((resolve, reject) => {
    connection.query(statement, (error, result) => error ? reject(error) : resolve(Array.isArray(result) ? result : []))
  })
}
