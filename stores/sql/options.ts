import { boolean, duration, LONGEST_TIMER } from '../validate.js'

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
  /**
   * Keep the owner of each session in a column `owner`, with an index. An existing table needs both: an error at the start
   * has the statement that adds them. Default false: the column is neither read nor written, and may be missing.
   */
  owners?: boolean
}

const DEFAULT_TIMEOUT = 5000

/** The option `storeTimeout`, checked. Throws `FST_SESSION_INVALID_OPTION`. */
export function storeTimeoutOf (options: { readonly storeTimeout?: unknown }): number {
  return duration('storeTimeout', options.storeTimeout, DEFAULT_TIMEOUT, { least: 1, most: LONGEST_TIMER })
}

/** The option `owners`, checked. Throws `FST_SESSION_INVALID_OPTION`. */
export function ownersOf (options: { readonly owners?: unknown }): boolean {
  return boolean('owners', options.owners, false)
}

/** The most characters of an owner. */
export const OWNER_LENGTH = 191
