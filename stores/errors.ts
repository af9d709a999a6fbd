import createError from '@fastify/error'

const NOT_KNOWN_TO_BE_SAVED = '. What this request changed is not known to be saved'

/**
 * The store did not answer in time, cannot be reached, or has too many requests waiting. What was to be written is not
 * known to be saved; the error of a read does not speak of that, see {@link ofRead}. Status 503, with `Retry-After`.
 */
export class StoreUnavailableError extends createError<[string]>(
  'FST_SESSION_STORE_UNAVAILABLE', `The session store is not available: %s${NOT_KNOWN_TO_BE_SAVED}`, 503
) {
  readonly headers = { 'retry-after': '1' }
}

/** The error for a caller who has only read. */
export function ofRead (error: unknown): unknown {
  if (!(error instanceof StoreUnavailableError)) return error
  const withoutIt = (text = ''): string => text.replace(NOT_KNOWN_TO_BE_SAVED, '')
  return Object.assign(copyOf(error), { message: withoutIt(error.message), stack: withoutIt(error.stack) })
}

/** The database can be reached, but has no such table. */
export const TableMissingError = createError<[string, string]>(
  'FST_SESSION_TABLE_MISSING', 'There is no table %s. Create it with %s of this package, or register the plugin with createTable: true', 500
)

/** The database can be reached, but not used as it is. */
export const StoreMisconfiguredError = createError<[string]>('FST_SESSION_STORE_MISCONFIGURED', '%s', 500)

/** A session does not fit into its row. */
export const TooLargeError = createError<[number, number, string]>(
  'FST_SESSION_TOO_LARGE', 'A session of %s bytes does not fit: the limit is %s bytes (%s). It was not saved', 500
)

/** An option of a store is wrong. */
export const InvalidOptionError = createError<[string]>('FST_SESSION_INVALID_OPTION', '%s', 500, TypeError)

/** The driver of the chosen database is not installed. */
export const DriverMissingError = createError<[string, string]>(
  'FST_SESSION_DRIVER_MISSING', 'The store "%s" needs a driver that is not installed. Run: npm install %s', 500
)

/**
 * What a driver reported, without what must not be in a log: drivers put the statement, and some messages the key, into
 * their errors, and both hold tokens.
 */
export function withoutTokens (error: unknown): Error & { code?: string | number } {
  const text = error instanceof Error ? error.message : String(error)
  const clean: Error & { code?: string | number } = new Error(text.replace(/[\w-]{32,}/g, '[removed]'))
  const code = errorCode(error)
  if (code !== undefined) clean.code = code
  return clean
}

/** The code of an error of a driver or of the system, if it has one. */
export function errorCode (error: unknown): string | number | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  // mssql's code of all that a server answers is EREQUEST; what is wrong is in the number.
  if (error.code === 'EREQUEST' && 'number' in error && typeof error.number === 'number') return error.number
  return typeof error.code === 'string' || typeof error.code === 'number' ? error.code : undefined
}

/** Whether an error is one of this package's, which says all that a caller should know. */
export function isOwnError (error: unknown): error is Error {
  return error instanceof Error && String(errorCode(error)).startsWith('FST_SESSION_')
}

/** The same error for another caller: Fastify writes to the errors that it replies with. */
export function copyOf (error: Error): Error {
  const copy = Object.create(Object.getPrototypeOf(error) as object) as Error
  return Object.assign(copy, error, { message: error.message, stack: error.stack, cause: error.cause })
}
