import type { StoreStats } from './diagnostics.js'

/** A live session, as a store returns it. */
export interface StoredSession {
  /** The key of the row: the hash of the cookie's token, or the token itself with `hashTokenInStore: false`. */
  readonly token: string
  /** What the codec wrote. The caller must not change these bytes: several callers may share them. */
  readonly data: Uint8Array
  /** How long the row will live, in milliseconds, by the database's clock. */
  readonly ttl: number
}

/** The answer to {@link SessionStore.find}. */
export interface Found {
  /** The database's time when it answered, in milliseconds since 1970 UTC. */
  readonly now: number
  /** The live sessions of the tokens that were asked for, in any order. Unknown and expired tokens are left out. */
  readonly sessions: readonly StoredSession[]
  /**
   * The tokens among those asked for whose session was renewed under another token within the last {@link SUCCESSOR_TTL}.
   * They are not live. Optional: without it, a request with such a token is like any other request without a session.
   */
  readonly renewed?: readonly string[]
  /**
   * Of each token in `renewed`: what its row says of the renewal. Optional: without it, `renewToken({ keepOldFor })` keeps no old
   * token, and a session counts as ended once another request has renewed it.
   */
  readonly successors?: readonly Successor[]
}

/** What the old row of a renewed session says, for {@link SUCCESSOR_TTL}. */
export interface Successor {
  /** The key of the old row. */
  readonly token: string
  /** The key of the row that the session has now. */
  readonly to: string
  /** The note of the {@link Write} that has moved the session; undefined if it had none. */
  readonly note: string | undefined
  /** How long ago the session was renewed, in milliseconds, by the database's clock. */
  readonly age: number
}

/** A session to write. */
export interface NewSession {
  /** The key of the row. */
  readonly token: string
  /** What the codec wrote. The store must not change or keep these bytes after the call: copy them if they are kept. */
  readonly data: Uint8Array
  /** How long the row shall live, in milliseconds. The database adds it to its own clock. */
  readonly ttl: number
  /**
   * Whose session it is, as text of printable ASCII without spaces, at most 191 characters; '' for nobody's. Undefined: the
   * row keeps the owner that it has, and a new row has none, which means that nobody knows. Only stores that
   * {@link SessionStore.keepsOwners} are given it.
   */
  readonly owner?: string
}

/** Which sessions {@link SessionStore.scan} returns. */
export interface ScanOptions {
  /** Only sessions whose key comes after this text. */
  readonly after?: string
  /** Only sessions of this owner; null: only those whose owner nobody knows. Default: all. For stores that keep owners. */
  readonly owner?: string | null
}

/**
 * What the caller saw in the row that it wants to replace. The codec begins its data with a header that is new with every
 * write, and a store compares this header. Data of another codec may have no header; then a store compares all of the data.
 */
export interface Seen {
  /** The header, or all of the data. */
  readonly bytes: Uint8Array
  /** True: the row's data must equal `bytes`. False: the row's data must begin with `bytes`. */
  readonly whole: boolean
  /**
   * How long the row still lives, in milliseconds, as far as the caller knows. Default: unknown. If an update asks for
   * about the same `ttl`, a store need not write the expiry, nor the index that contains it.
   */
  readonly ttl?: number
}

/** A session to replace. */
export interface ChangedSession extends NewSession {
  readonly seen: Seen
  /**
   * The row's expiry is right already, and `ttl` says when that is: a store need not write the expiry, nor the index that
   * contains it. Default: true if `seen.ttl` and `ttl` are about the same. The plugin leaves it to that default, and a
   * store that is passed to the plugin gets it filled in.
   */
  readonly expiryStays?: boolean
}

/** A session whose expiry is to be moved. */
export interface TouchedSession {
  /** The key of the row. */
  readonly token: string
  readonly seen: Seen
  /** How long the row shall live from now on, in milliseconds. The expiry never moves to an earlier time. */
  readonly ttl: number
  /** The row is written only if its expiry moves by at least this many milliseconds. */
  readonly atLeast: number
}

/** The result of {@link SessionStore.update}. */
export type Outcome =
  | { readonly kind: 'saved' }
  /** The row is live, but another write was first. `session` is what the row holds now, `now` the database's time. Nothing was written. */
  | { readonly kind: 'changed', readonly now: number, readonly session: StoredSession }
  /** There is no live row. Nothing was written. */
  | { readonly kind: 'gone' }

/** One write of a {@link SessionStore.rewrite}. */
export type Write =
  /** Writes a new row. The transaction fails if a row of that token exists. */
  | { readonly kind: 'insert', readonly session: NewSession }
  /** Replaces data and expiry. */
  | { readonly kind: 'update', readonly session: NewSession }
  | { readonly kind: 'delete', readonly token: string }
  /**
   * The session continues under the token `to`. The row of `token` is no longer live. For {@link SUCCESSOR_TTL} it names its
   * successor, so that a `delete` of the old token ends the new session. An `insert` of its own writes the successor.
   *
   * `note` is text of printable ASCII, at most 500 characters, that the store keeps in the old row and returns in
   * {@link Found.successors}. It means nothing to the store.
   */
  | { readonly kind: 'move', readonly token: string, readonly to: string, readonly note?: string }

/** How long the row of a renewed session names its successor, in milliseconds: one minute. */
export const SUCCESSOR_TTL = 60_000

/** Where a store reports what it cannot return. A pino logger fits. */
export interface StoreLog {
  warn (details: object, message: string): void
  error (details: object, message: string): void
}

/**
 * Where the plugin keeps sessions. Every store of this package implements this interface. To write another one, implement
 * it, and run the suite of `fastify-sql-sessions/testing` on it.
 *
 * Four rules hold for every method:
 * - An expired row does not exist. The database's clock decides, and no other clock.
 * - The statement or the transaction that writes also learns the outcome. A later read would see somebody else's write.
 *   A write that rejects may or may not have happened.
 * - Tokens are compared byte by byte, whatever the collation of the column.
 * - `timeout` is how long the caller waits, in milliseconds; the plugin passes what is left of the request's `storeTimeout`.
 *   A store may ignore it: the plugin then stops waiting by itself, unless the store says that it `isBounded`.
 */
export interface SessionStore {
  /**
   * True: every method settles within `timeout`, or within a limit of the store's own without it, and its errors contain no
   * token. Default false: the plugin ensures both.
   */
  readonly isBounded?: boolean

  /** True: each row has an owner, by which the store finds it without reading the others. Default false. */
  readonly keepsOwners?: boolean

  /**
   * Checks what can be checked, and starts the cleanup of expired rows. The plugin calls it once, before the application
   * listens. If the database cannot be reached in time, warns, and checks at the first contact. Rejects if the database can
   * be reached but not used, for example without its table.
   *
   * @returns the database's time, in milliseconds since 1970 UTC; undefined if it could not be reached
   */
  open (log: StoreLog, timeout?: number): Promise<number | undefined>

  /** Returns the live sessions of these tokens. Without tokens, returns the database's time alone. */
  find (tokens: readonly string[], timeout?: number): Promise<Found>

  /** Writes a new session. Returns false, and writes nothing, if a row of that token exists, live or not. */
  insert (session: NewSession, timeout?: number): Promise<boolean>

  /** Replaces data and expiry of a live session that still is what the caller saw. Never inserts. */
  update (session: ChangedSession, timeout?: number): Promise<Outcome>

  /**
   * Moves the expiry of a live session that still is what the caller saw, and keeps its data. Otherwise does nothing: the
   * write that was first has moved the expiry too.
   */
  touch (session: TouchedSession, timeout?: number): Promise<void>

  /** Ends a session, and the one that it was renewed as. Does nothing for an unknown token. */
  delete (token: string, timeout?: number): Promise<void>

  /**
   * Runs one transaction: locks the rows of `tokens`, in the order of the tokens; calls `decide` with the live ones; writes
   * what `decide` returns. The plugin uses it for two rows at once (renew, merge), and for a session that has lost several
   * conflicts with other writers.
   *
   * `decide` may be called again if the transaction is repeated. What it throws ends the transaction without a change, and
   * the method rejects with it.
   */
  rewrite (tokens: readonly string[], decide: (found: Found) => readonly Write[], timeout?: number): Promise<void>

  /**
   * The live sessions, in the order of their keys, read in pages of `pageSize` rows (default 1000), in constant memory. For
   * administration.
   */
  scan (pageSize?: number, options?: ScanOptions): AsyncIterable<StoredSession>

  /** Counts the live sessions, or those of an owner. A store may leave it out: the plugin then counts what `scan` returns. */
  count? (owner?: string): Promise<number>

  /**
   * Runs `work` while no other process runs the work of the same name, and resolves to its result. Waits for its turn up to
   * `timeout`, and rejects with `FST_SESSION_STORE_UNAVAILABLE` after that. The name is free again when `work` has settled,
   * or when the process has died. A store may leave it out.
   *
   * @param name up to 60 characters of printable ASCII
   * @param work is passed a signal that aborts when the store can no longer keep others out, because a connection was lost
   */
  exclusively? <T>(name: string, work: (lost: AbortSignal) => Promise<T>, timeout?: number): Promise<T>

  /** Deletes up to `limit` expired rows, and returns how many it deleted. */
  deleteExpired (limit: number): Promise<number>

  /** Returns what the store has done and is doing, for `app.sessions.stats()`. A store may leave it out. */
  stats? (): StoreStats

  /** Stops the cleanup. May be called at any time, any number of times. */
  stopCleanup (): void

  /** Stops the cleanup, waits for calls that have begun, and closes what the store itself has opened. */
  close (): Promise<void>
}
