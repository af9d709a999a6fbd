import type { Arguments, Options } from '../arguments.js'
import type { Database, Environment } from '../databases/choose.js'
import type { Terminal } from '../terminal.js'
import { UsageError, type ExitCode } from '../usage.js'
import type { SessionStore } from '../../stores/store.js'
import { StoreUnavailableError, TableMissingError } from '../../stores/errors.js'

/** One command of the command line. */
export interface Command {
  readonly name: string
  /** How the arguments stand in the help: `ID | --all`. */
  readonly usage: string
  readonly help: string
  readonly options: Options
  /** How many arguments without a name it takes, at most. */
  readonly takes: number
  run (args: Arguments, terminal: Terminal, env: Environment): Promise<ExitCode>
}

/**
 * Opens the store of a database for `work`, and closes all afterwards. Rejects with a {@link UsageError} if the database cannot
 * be reached or has no table.
 */
export async function withStore<T> (database: Database, work: (store: SessionStore) => Promise<T>, options: { readonly createTable?: boolean } = {}): Promise<T> {
  const store = database.store(options)
  try {
    await reach(store, database)
    return await work(store)
  } catch (error) {
    throw error instanceof TableMissingError ? noTable(database) : error
  } finally {
    await store.close()
    await database.close()
  }
}

/** Reaches the database. Rejects with what the store says is wrong with it, and with a {@link UsageError} if it cannot be reached. */
export async function reach (store: SessionStore, { place }: Database): Promise<readonly string[]> {
  const warnings: string[] = []
  let cause: unknown
  const log = { warn: (details: object, message: string) => { warnings.push(message); cause = 'err' in details ? details.err : cause }, error () {} }
  try {
    if (await store.open(log) !== undefined) return warnings
  } catch (error) {
    if (!isRefused(error)) throw error
    cause = error.cause
  }
  const why = cause instanceof Error ? cause.message.replace(/^The session store is not available: /, '') : ''
  throw new UsageError(`${place} cannot be reached${why === '' ? '' : `: ${why}`}`)
}

export function noTable ({ table, place }: Database): UsageError {
  return new UsageError(`There is no table ${table} in ${place}. Create it with: npx fastify-sql-sessions init${table === 'sessions' ? '' : ` --table ${table}`}`)
}

/** Whether the server refuses the user, the password or the database. Errors about the table do not count. */
function isRefused (error: unknown): error is Error {
  if (error instanceof StoreUnavailableError) return true
  const code = error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? String(error.cause.code) : ''
  return REFUSED.has(code)
}

/** Of MySQL and MariaDB; of the driver of SQL Server. */
const REFUSED: ReadonlySet<string> = new Set(['ER_ACCESS_DENIED_ERROR', 'ER_DBACCESS_DENIED_ERROR', 'ER_BAD_DB_ERROR', 'ER_HOST_NOT_PRIVILEGED', 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR', 'ELOGIN'])
