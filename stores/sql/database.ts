import type { ChangedSession, NewSession, StoredSession, TouchedSession } from '../store.js'

/*
 * What the SQL stores have in common is in sql-store.ts; this is what it asks of a database. A statement says what it did,
 * and an error what is known: that is all that MySQL and SQL Server have to do in their own ways.
 */

/** What is learned at the first contact. */
export interface Contact {
  /** How many connections the pool has at most. */
  readonly poolSize: number
  /** The largest data that fits, in bytes, and what sets that limit. */
  readonly maxBytes: number
  readonly maxBytesBecause: string
  /** How many bytes may go into one statement, its values all told. */
  readonly maxStatementBytes: number
  /** The last expiry that fits, in milliseconds since 1970 UTC. */
  readonly lastExpiry: number
  /** The database's time, in milliseconds since 1970 UTC. */
  readonly now: number
}

/**
 * Rows that were read, and the database's time if it came with them, in milliseconds since 1970 UTC. Those that are not
 * live have a time to live of 0 or less.
 */
export interface Rows {
  readonly now: number | undefined
  readonly sessions: readonly StoredSession[]
}

/** What an error of a statement means. */
export type ErrorKind =
  /** The server has undone the statement or the transaction (a deadlock, say), and it need not happen again. */
  | 'undone'
  /** A row stayed locked by somebody else for too long. */
  | 'locked'
  /** There is a row of that token. */
  | 'duplicate'
  /** There is no such table. */
  | 'missing'
  /** The database does not let this user in, or do this. */
  | 'refused'
  /** The server has found something else wrong with the statement or its values. */
  | 'failed'
  /** It is no error of the server's. */
  | 'unknown'

/** There is no connection to be had, or the server has undone what a lost one had begun: nothing was done. */
export class UnreachedError extends Error {}

/** The connection was lost, or given up, after a statement had been sent: whether it was carried out is not known. */
export class LostError extends Error {}

/** The connection was lost after COMMIT had been sent. */
export class CommitLostError extends Error {}

/**
 * A database with a table of sessions. Times to live are in milliseconds; `left` is how long a call may take, and
 * `locks` how long it may wait for a locked row, both in milliseconds too. Calls reject with {@link UnreachedError},
 * {@link LostError}, or an error that {@link SqlDatabase.kindOf} knows.
 */
export interface SqlDatabase<Connection> {
  /** The table's name as the user wrote it, and the file that makes it. */
  readonly tableName: string
  readonly schemaFile: string
  /** The most sessions in one statement. */
  readonly maxRows: number

  /** Whether a row can have this token and no other. Those that it cannot are neither looked for, changed nor deleted. */
  isPossible (token: string): boolean

  /** Reaches the database and looks at the table. May be called again when it has failed. */
  contact (left: number): Promise<Contact>
  /** Lends a connection to `work`. */
  use<T> (left: number, work: (connection: Connection) => Promise<T>): Promise<T>
  /** Lends a connection with a transaction, which is committed after `work`, and undone if it rejects. Rejects with {@link CommitLostError} too. */
  transact<T> (left: number, work: (connection: Connection) => Promise<T>): Promise<T>
  /** Does `work` if no other process is doing it on this table at this moment; otherwise gives undefined. */
  exclusively<T> (left: number, work: (connection: Connection) => Promise<T>): Promise<T | undefined>

  now (connection: Connection, left: number): Promise<number>
  /** The live ones, and those that have expired within SUCCESSOR_TTL. */
  find (connection: Connection, tokens: readonly string[], left: number, locks: number): Promise<Rows>
  /** The same in a transaction, locked. */
  findAndLock (connection: Connection, tokens: readonly string[], left: number, locks: number): Promise<Rows>
  /** In a transaction: those that hold exactly this data, live or not, once nobody else is writing them. */
  holds (connection: Connection, sessions: readonly NewSession[], left: number, locks: number): Promise<boolean>
  /** All of them or none. */
  insert (connection: Connection, sessions: readonly NewSession[], left: number): Promise<void>
  /** Those that were written. */
  update (connection: Connection, sessions: readonly ChangedSession[], left: number, locks: number): Promise<ReadonlySet<ChangedSession>>
  touch (connection: Connection, sessions: readonly TouchedSession[], left: number, locks: number): Promise<void>
  /** Whatever is in the row. */
  overwrite (connection: Connection, session: NewSession, left: number): Promise<void>
  /** Deletes what names no successor, and gives the successors that are named. */
  remove (connection: Connection, tokens: readonly string[], left: number, locks: number): Promise<readonly string[]>
  page (connection: Connection, after: string | undefined, size: number, left: number): Promise<readonly StoredSession[]>
  /** Deletes up to `most` expired rows, without locking any other, and says how many. */
  removeExpired (connection: Connection, most: number, left: number, locks: number): Promise<number>

  kindOf (error: unknown): ErrorKind
  /** Closes the pool if it was made here. */
  close (): Promise<void>
}
