import { isOwnError, StoreMisconfiguredError, StoreUnavailableError, withoutTokens } from '../errors.js'
import { LostError, UnreachedError, type ErrorKind } from '../sql/database.js'

/** What is wrong with the database of the earlier sessions. What may pass is `FST_SESSION_STORE_UNAVAILABLE`. */
export function failureOf (error: unknown, table: string, kindOf: (error: unknown) => ErrorKind): unknown {
  if (isOwnError(error) || error instanceof SyntaxError) return error
  const cause = withoutTokens(error instanceof Error ? error.cause ?? error : error)
  const misconfigured = (why: string) => Object.assign(new StoreMisconfiguredError(why), { cause })
  if (!(error instanceof LostError || error instanceof UnreachedError)) {
    switch (kindOf(error)) {
      case 'missing': return misconfigured(`There is no table ${table} with earlier sessions. Name it: fromExpress({ table: ... })`)
      case 'refused': return misconfigured(`The database refuses the user of the earlier sessions, or the rights SELECT and DELETE on the table ${table}`)
      case 'failed': return misconfigured(`The table ${table} is not one of earlier sessions: ${cause.message}`)
    }
  }
  return Object.assign(new StoreUnavailableError(`the earlier sessions cannot be read (${cause.message})`), { cause })
}
