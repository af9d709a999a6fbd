import { duration, LONGEST_TIMER } from '../validate.js'

/** The options that the SQL stores share. */
export interface SqlStoreOptions {
  /** The table, with its schema if it is not the connection's: 'auth.sessions'. Default 'sessions'. */
  table?: string
  /** Create the table if it is missing. Default false. */
  createTable?: boolean
  /** How often expired rows are deleted, in milliseconds. Default 5 minutes; 0 never. */
  cleanupInterval?: number
  /** How long a call waits for the database at most, in milliseconds. Default 5 seconds. */
  storeTimeout?: number
}

const DEFAULT_TIMEOUT = 5000

/** The option `storeTimeout`, checked. Throws `FST_SESSION_INVALID_OPTION`. */
export function storeTimeoutOf (options: { readonly storeTimeout?: unknown }): number {
  return duration('storeTimeout', options.storeTimeout, DEFAULT_TIMEOUT, { least: 1, most: LONGEST_TIMER })
}
