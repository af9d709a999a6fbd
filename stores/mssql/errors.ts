import { errorCode, StoreMisconfiguredError } from '../errors.js'
import { LostError, UnreachedError, type ErrorKind } from '../sql/database.js'

/* What the errors of SQL Server, Azure SQL, Babelfish and the driver mean. */

/** The number of an error that the server sent; 0 for any other error. */
export function errorNumber (error: unknown): number {
  return typeof error === 'object' && error !== null && 'number' in error && typeof error.number === 'number' ? error.number : 0
}

/** What an error of a statement, or of a login, means. */
export function kindOf (error: unknown): ErrorKind {
  const number = errorNumber(error)
  if (number === BABELFISH && error instanceof Error) return WORDS.find(([words]) => words.test(error.message))?.[1] ?? 'failed'
  if (isLoginRefused(error)) return 'refused'
  return KINDS.get(number) ?? (number > 0 ? 'failed' : 'unknown')
}

/** A connection of the pool came with a transaction that somebody had left open. The statement did nothing. */
export class OpenTransactionError extends UnreachedError {}

/** A number of the range for applications, by which this error is known. */
export const OPEN_TRANSACTION = 50266

/** What an error of the driver means: {@link LostError}, {@link UnreachedError}, a table that cannot work, or the server's own error. */
export function failureOf (error: unknown): unknown {
  if (error instanceof LostError || error instanceof UnreachedError) return error
  if (numbersIn(error).includes(OPEN_TRANSACTION)) return new OpenTransactionError('a connection of the pool came with a transaction that somebody left open', { cause: error })
  const number = errorNumber(error)
  if (number > 0) return UNUSABLE.has(number) ? new StoreMisconfiguredError(UNUSABLE.get(number) as string) : error
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  if (UNSENT.includes(String(code)) && !(error instanceof Error && error.name === 'RequestError' && code !== 'ENOTOPEN')) {
    return new UnreachedError('it cannot be reached', { cause: error })
  }
  return new LostError(code === 'ETIMEOUT' ? 'no answer in time' : 'the connection was lost', { cause: error })
}

/**
 * What the driver says about a wrong option, or undefined for any other error. A missing database is no wrong option: it may
 * come back. The driver reports a wrong option only when it connects.
 */
export function wrongOptionIn (error: unknown): Error | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; depth++) {
    const code = String(errorCode(cause))
    if (cause instanceof TypeError || cause instanceof RangeError || WRONG_OPTION.test(code)) return new StoreMisconfiguredError(`The driver mssql cannot connect with these options: ${cause.message}`)
    cause = ('originalError' in cause ? cause.originalError : undefined) ?? cause.cause
  }
  return undefined
}

/** Encryption that the server needs, a certificate that cannot be verified, a file that an option names. */
const WRONG_OPTION = /^(EENCRYPT|EARGS|ENOENT|ERR_(TLS|SSL|OSSL|INVALID)_.*|(DEPTH_ZERO_)?SELF_SIGNED_CERT.*|UNABLE_TO_(VERIFY|GET)_.*|CERT_.*)$/

/** Codes of errors that occur before anything is sent. */
const UNSENT = ['ECONNCLOSED', 'ENOTOPEN', 'ELOGIN', 'EINSTLOOKUP', 'EALREADYCONNECTING']

/** Errors that no repetition helps against. */
const UNUSABLE: ReadonlyMap<number, string> = new Map([
  [334, 'A trigger is enabled on the table of the sessions, so SQL Server refuses OUTPUT (334). Disable the trigger, or give the sessions a table without one'],
  [515, 'The table of the sessions has a further column that is NOT NULL and has no default (515). Give it a default']
])

const of = (kind: ErrorKind, ...numbers: readonly number[]) => numbers.map((number): [number, ErrorKind] => [number, kind])

/** What the errors of SQL Server and Azure SQL mean. */
const KINDS: ReadonlyMap<number, ErrorKind> = new Map([
  ...of('undone', 1205, 3960), // a deadlock; snapshot isolation: somebody else has changed the row
  ...of('locked', 1222),
  ...of('duplicate', 2627, 2601),
  ...of('missing', 208),
  ...of('refused', 229, 230, 262),
  // Azure SQL is busy or moves the database. https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues
  ...of('unavailable', 40197, 40501, 40613, 49918, 49919, 49920, 10928, 10929, 40544, 40549, 40550, 40551, 40552, 40553),
  // Out of memory, of room in a file, of room in the log.
  ...of('unavailable', 701, 802, 8645, 8651, 1101, 1105, 9002),
  // The database is read-only, a secondary replica, starting or offline; the server shuts down.
  ...of('unavailable', 3906, 3908, 976, 978, 979, 983, 921, 922, 924, 927, 942, 6005)
])

/** Babelfish has one number for all errors of PostgreSQL that SQL Server does not have. Their words tell them apart. */
const BABELFISH = 33557097
const WORDS: ReadonlyArray<readonly [RegExp, ErrorKind]> = [
  [/lock timeout/i, 'locked'],
  [/deadlock|could not serialize/i, 'undone'],
  [/duplicate key/i, 'duplicate'],
  [/^relation .* does not exist/i, 'missing'],
  [/permission denied|database .* does not exist/i, 'refused'],
  [/read-only transaction|starting up|shutting down|too many clients|connection slots|out of memory|disk full|administrator command/i, 'unavailable']
]

/** The driver does not hand on the number of a login error. Passing ones are known by their words. */
function isLoginRefused (error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ELOGIN' &&
    !/not currently available|currently busy|not enough resources|try again|retry|(upgrade|recovery|startup) mode/i.test(error.message)
}

/** The server may send several errors. The driver puts the last one first. */
function numbersIn (error: unknown): number[] {
  const preceding = error instanceof Error && 'precedingErrors' in error && Array.isArray(error.precedingErrors) ? error.precedingErrors : []
  return [error, ...preceding].map(errorNumber)
}
