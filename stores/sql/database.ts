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
  /** The most sessions in one statement that writes. Default maxRows. 1: then more statements run at once. */
  readonly rowsPerWrite?: number
  /** Settings of the server that put the promises at risk, each with its name and value. Default none. */
  readonly warnings?: readonly string[]
}

/**
 * Rows that were read, and the database's time if it came with them, in milliseconds since 1970 UTC. Those that are not
 * live have a time to live of 0 or less.
 */
export interface Rows {
  readonly now: number | undefined
  readonly sessions: readonly StoredSession[]
}

/** A part of the live rows in the order of their tokens. */
export interface Page {
  readonly size: number
  /** Those after this token. */
  readonly after: string | undefined
  /** Those of this owner; null: of whom nobody knows the owner. */
  readonly owner: string | null | undefined
}

/** How a lock is waited for. */
export interface LockRequest {
  /** When its caller stops waiting. */
  readonly deadline: number
  /** When a statement that waits for it is given up, which may be a little later. */
  readonly limit: number
  /** Aborts when the store closes: then it is waited for no longer. */
  readonly closing: AbortSignal
}

/** A lock that a connection holds. */
export interface HeldLock {
  /** Asks the database. Rejects if the connection is lost. */
  isHeld (limit: number): Promise<boolean>
  /** Gives the lock back, and the connection to the pool. If that fails the connection is closed, which frees the lock too. */
  free (limit: number): Promise<void>
  /** Closes the connection at once, and frees the lock thereby. */
  close (): void
  /** Calls back when the connection seems to be lost: then {@link isHeld} is asked. Returns a function that ends this. */
  onLost (listener: () => void): () => void
}

/** What an error means. failure.ts says what becomes of each. */
export type ErrorKind =
  /** The server undid the statement or the transaction, as in a deadlock. The same may succeed when repeated. */
  | 'undone'
  /** Somebody else held the lock of a row for longer than the lock timeout. The server undid the statement. */
  | 'locked'
  /** A row of that token exists. */
  | 'duplicate'
  /** The table does not exist. */
  | 'missing'
  /** The server refuses the user, the password or the database, or a right on the table. */
  | 'refused'
  /** The server cannot serve anybody now: it is overloaded, starting, moving, or out of connections. A part of the batch would fare no better. */
  | 'unavailable'
  /** The server found another fault in the statement or its values. */
  | 'failed'
  /** The error is none of the server's. */
  | 'unknown'

/** No connection could be had, or the server undid what a lost one had begun. Nothing was done. */
export class UnreachedError extends Error {}

/** The connection was lost or given up after a statement had been sent. The statement may have been carried out. */
export class LostError extends Error {}

/** The connection was lost after COMMIT had been sent. */
export class CommitLostError extends Error {}

/**
 * A database with a table of sessions.
 *
 * A deadline is a point in time, in milliseconds of `performance.now()`. A connection is lent until a deadline, and each of
 * its statements is given up then: no method takes a time of its own. `lockTimeoutMs` is how long a statement may wait for a
 * row that somebody else has locked, in milliseconds; a server that counts in larger units rounds it up.
 *
 * Methods reject with {@link UnreachedError}, {@link LostError}, or an error that {@link SqlDatabase.kindOf} knows.
 */
export interface SqlDatabase<Connection> {
  /** The store's name in events. */
  readonly name: string
  /** The table's name as the user wrote it. */
  readonly tableName: string
  /** The file that creates the table. */
  readonly schemaFile: string
  /** The most sessions in one statement. */
  readonly maxRows: number

  /** Whether a row can have exactly this token. A token that no row can have is neither looked for, changed nor deleted. */
  isPossible (token: string): boolean

  /** Reaches the database and inspects the table. May be called again. */
  contact (deadline: number): Promise<Contact>
  /** Lends a connection to `work`. */
  use<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T>
  /** Lends a connection with a transaction. Commits it after `work`; rolls it back if `work` rejects. Rejects with {@link CommitLostError} too. */
  transact<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T>
  /** Runs `work` unless another process is running it on this table; then it gives undefined. */
  exclusively<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T | undefined>

  /**
   * Waits for a lock of this name, which only one connection of all processes holds at a time, and lends it to `work`, which
   * frees it. Rejects with a {@link StoreUnavailableError} if somebody else holds it until the deadline; with
   * `FST_SESSION_STORE_MISCONFIGURED` if the database cannot keep others out.
   */
  lock (name: string, request: LockRequest, work: (lock: HeldLock) => Promise<void>): Promise<void>

  /** The database's time, in milliseconds since 1970 UTC. */
  now (connection: Connection): Promise<number>
  /** The live rows among `tokens`, and those that expired within SUCCESSOR_TTL. */
  find (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<Rows>
  /** The same in a transaction. Locks the rows. */
  findAndLock (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<Rows>
  /** In a transaction: whether all of these rows hold exactly this data, live or not. Waits until nobody else is writing them. */
  holds (connection: Connection, sessions: readonly NewSession[], lockTimeoutMs: number): Promise<boolean>
  /** Inserts all of them or none. */
  insert (connection: Connection, sessions: readonly NewSession[]): Promise<void>
  /** Updates those that are live and as the caller saw them, and returns those that it updated. */
  update (connection: Connection, sessions: readonly ChangedSession[], lockTimeoutMs: number): Promise<ReadonlySet<ChangedSession>>
  touch (connection: Connection, sessions: readonly TouchedSession[], lockTimeoutMs: number): Promise<void>
  /** Replaces data and expiry, whatever the row holds. */
  overwrite (connection: Connection, session: NewSession): Promise<void>
  /** Deletes the rows that name no successor, and returns the successors that the other rows name. */
  remove (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<readonly string[]>
  /** The live rows of one page. */
  page (connection: Connection, page: Page): Promise<readonly StoredSession[]>
  /** How many rows are live, or how many of an owner's. */
  count (connection: Connection, owner: string | undefined): Promise<number>
  /** Deletes up to `most` expired rows, locks no other row, and returns how many it deleted. */
  removeExpired (connection: Connection, most: number, lockTimeoutMs: number): Promise<number>

  kindOf (error: unknown): ErrorKind
  /** Closes the pool if the store opened it. */
  close (): Promise<void>
}
