import { CommitLostError, LostError, UnreachedError, type SqlDatabase } from './database.js'
import { copyOf, isOwnError, StoreMisconfiguredError, StoreUnavailableError, TableMissingError, withoutTokens } from '../errors.js'

/**
 * The error that a caller gets for an error of the database. Each caller needs one of its own, since Fastify writes to the
 * errors that it replies with.
 *
 * | error              | retried                                                         | the caller gets                         |
 * |--------------------|-----------------------------------------------------------------|-----------------------------------------|
 * | `undone`           | three times (`Attempts`), then each item alone until its deadline | 503                                   |
 * | `UnreachedError`   | three times with growing pauses, unless the user is refused     | 503                                     |
 * | `LostError`        | the same, if the statement is repeatable                        | 503                                     |
 * | `CommitLostError`  | looked up: done, or undone and repeated, or not known           | success, or 503                         |
 * | `locked`           | each item of the batch alone (`Queue`), until its deadline      | 503                                     |
 * | `duplicate`        | each item of the batch alone                                    | `false` for the one that is a duplicate |
 * | `failed`           | each item of the batch alone, once                              | 503; at first contact misconfigured     |
 * | `unavailable`      | no                                                              | 503                                     |
 * | `refused`          | no                                                              | 503; at first contact misconfigured     |
 * | `missing`          | no; the next call inspects the table again                      | table missing                           |
 * | `unknown`          | no                                                              | misconfigured                           |
 *
 * @param wasReached whether the database could be used before; what fails then may pass, as when a password is changed
 */
export function failureOf (error: unknown, database: Pick<SqlDatabase<never>, 'tableName' | 'schemaFile' | 'kindOf'>, wasReached: boolean): unknown {
  const isOfConnection = error instanceof LostError || error instanceof UnreachedError || error instanceof CommitLostError
  const origin = isOfConnection ? error.cause ?? error : error
  if (isOwnError(origin)) return copyOf(origin)
  const { tableName, schemaFile } = database
  const cause = withoutTokens(origin)
  const code = cause.code === undefined ? '' : ` (${cause.code})`
  const unavailable = (why: string) => Object.assign(new StoreUnavailableError(`${why}${code}`), { cause })
  const misconfigured = (why: string) => Object.assign(new StoreMisconfiguredError(`${why}${code}`), { cause })

  switch (database.kindOf(origin)) {
    case 'missing': return Object.assign(new TableMissingError(tableName, schemaFile), { cause })
    case 'locked': return unavailable('the session is locked by somebody else')
    case 'unavailable': return unavailable('the database cannot serve requests now')
    case 'refused': return wasReached
      ? unavailable('the database refuses the sessions\' user, or a right on their table')
      : misconfigured(`The database refuses the sessions' user, password or database, or the rights on the table ${tableName}`)
    case 'unknown': return isOfConnection
      ? unavailable(error.message)
      : misconfigured(`The sessions cannot be kept in the table ${tableName}: ${cause.message}`)
    default: return wasReached || isOfConnection
      ? unavailable(isOfConnection ? error.message : 'the database answered with an error')
      : misconfigured(`The database cannot run what the sessions need in the table ${tableName}: ${cause.message}`)
  }
}
