/** One live session as a store hands it out. */
export interface StoredSession {
  /** The key of the row: the hash of the cookie's token, or the token itself with `hashTokenInStore: false`. */
  readonly token: string
  /** What the codec wrote. The reader must not change it: several readers may share it. */
  readonly data: Uint8Array
  /** How long the row will live from `now` on, in milliseconds, by the database's clock. */
  readonly ttl: number
}

/** The answer to {@link SessionStore.find}. */
export interface Found {
  /** The database's time when it answered, in milliseconds since 1970 UTC. */
  readonly now: number
  /** The live sessions among those asked for, in any order. A token that is unknown or expired is not among them. */
  readonly sessions: readonly StoredSession[]
  /**
   * Those among the tokens whose session went on under another token within the last {@link SUCCESSOR_TTL}. They are not
   * live. A store may leave it out; then a request that comes with such a token is like any other without a session.
   */
  readonly renewed?: readonly string[]
}

/** A session to be written. */
export interface NewSession {
  readonly token: string
  readonly data: Uint8Array
  /** How long the row shall live, in milliseconds: the database adds it to its own clock. */
  readonly ttl: number
}

/**
 * What the caller knows of the row that it wants to replace: the first bytes of its data (a header that is new with
 * every write), or, for data without such a header, all of them.
 */
export interface Seen {
  readonly bytes: Uint8Array
  /** The data must be these bytes and nothing more. */
  readonly whole: boolean
  /**
   * How long the row still lives, in milliseconds, as far as the caller knows. Default: unknown. If an update asks for
   * about the same `ttl`, a store need not write the expiry, nor the index that contains it.
   */
  readonly ttl?: number
}

/** A session to be replaced. */
export interface ChangedSession extends NewSession {
  readonly seen: Seen
  /**
   * The row's expiry is right already, and `ttl` says when that is: a store need not write the expiry, nor the index that
   * contains it. Default: true if `seen.ttl` and `ttl` are about the same. The plugin leaves it to that default, and a
   * store that is passed to the plugin gets it filled in.
   */
  readonly expiryStays?: boolean
}

/** The life of a session to be prolonged. */
export interface TouchedSession {
  readonly token: string
  readonly seen: Seen
  /** How long the row shall live from now on, in milliseconds. The expiry is never moved to an earlier time. */
  readonly ttl: number
  /** By how many milliseconds the expiry must move for the row to be written at all. */
  readonly atLeast: number
}

/** What became of an update. */
export type Outcome =
  | { readonly kind: 'saved' }
  /** The row is live, but no longer what the caller saw: this is what it is now. Nothing was written. */
  | { readonly kind: 'changed', readonly now: number, readonly session: StoredSession }
  /** There is no live row. Nothing was written. */
  | { readonly kind: 'gone' }

/** One write of a {@link SessionStore.rewrite}. */
export type Write =
  | { readonly kind: 'insert', readonly session: NewSession }
  | { readonly kind: 'update', readonly session: NewSession }
  | { readonly kind: 'delete', readonly token: string }
  /**
   * The session goes on under another token: the row is no longer live, and for {@link SUCCESSOR_TTL} it names its
   * successor, so that a `delete` of the old token ends the new session. Write the successor with an `insert` of its own.
   */
  | { readonly kind: 'move', readonly token: string, readonly to: string }

/** How long the row of a renewed session names its successor, in milliseconds. */
export const SUCCESSOR_TTL = 60_000

/** Where a store reports what it cannot return: a pino logger will do. */
export interface StoreLog {
  warn (details: object, message: string): void
  error (details: object, message: string): void
}

/**
 * What the plugin needs of a store. All the stores of this package implement it, and `fastify-sql-sessions/testing` has
 * the suite that shows whether another one does.
 *
 * Three rules hold for every method:
 * - What is expired is not there, by the clock of the database and no other.
 * - The outcome of a write is what that write did, learned in the statement or transaction that wrote, never by reading
 *   afterwards. What was answered with an error may or may not have been written.
 * - Tokens are compared to the letter, whatever the collation of the column.
 */
export interface SessionStore {
  /**
   * True if every method answers or rejects in bounded time by itself, with errors that hold no token. For another store
   * the plugin sees to it.
   */
  readonly isBounded?: boolean

  /**
   * Called once, before the application listens. Checks what can be checked and starts the cleanup of expired rows.
   * A database that cannot be reached is no error (the store warns, and checks at first contact); a database that can be
   * reached and has no table is.
   *
   * @returns the database's time, in milliseconds since 1970 UTC, or undefined if it could not be reached
   */
  open (log: StoreLog): Promise<number | undefined>

  /** The live sessions among `tokens`; with no token only the database's time. */
  find (tokens: readonly string[]): Promise<Found>

  /** Writes a new session. False if there is a row of that token, live or not; then nothing is written. */
  insert (session: NewSession): Promise<boolean>

  /** Replaces data and expiry of a live session if it still is what the caller saw. Never inserts. */
  update (session: ChangedSession): Promise<Outcome>

  /**
   * Moves the expiry of a live session that still is what the caller saw, and leaves its data alone. Otherwise does
   * nothing: who changed it has moved its expiry too.
   */
  touch (session: TouchedSession): Promise<void>

  /** Ends a session, and the one that it became if it was renewed under another token. An unknown token is no error. */
  delete (token: string): Promise<void>

  /**
   * Locks the rows of `tokens` in the order of the tokens, hands the live ones to `decide`, and carries out what it
   * returns, all in one transaction: for what concerns two rows (renew, merge) and for a session that has lost several
   * times against other writers. `decide` may be called again if the transaction had to be repeated; what it throws ends
   * the transaction without a change and is thrown on.
   */
  rewrite (tokens: readonly string[], decide: (found: Found) => readonly Write[]): Promise<void>

  /** All live sessions, in pages of `pageSize` rows (default 1000), in constant memory. For administration. */
  scan (pageSize?: number): AsyncIterable<StoredSession>

  /** Deletes up to `limit` expired rows, and says how many it deleted. */
  deleteExpired (limit: number): Promise<number>

  /** Stops the cleanup. May be called at any time and any number of times. */
  stopCleanup (): void

  /** Stops the cleanup, waits for what is under way, and closes what the store itself has opened. */
  close (): Promise<void>
}
