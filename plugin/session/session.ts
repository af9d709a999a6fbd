/**
 * The keys of your sessions and their types. Add yours by declaration merging:
 *
 *     declare module 'fastify-sql-sessions' {
 *       interface SessionData { userId: number }
 *     }
 *
 * A key that is declared here is checked wherever it is used; any other key takes and gives values of any kind.
 */
export interface SessionData {}

/** A declared key, or any other string. */
export type SessionKey = keyof SessionData | (string & {})

/** The type of the value of a key. */
export type SessionValue<K> = K extends keyof SessionData ? SessionData[K] : unknown

/** Whether the request has changed its session since it was loaded or last committed. */
export type SessionStatus = 'unmodified' | 'modified' | 'destroyed'

/**
 * The session of a request, `request.session`: never null, empty for a visitor without one, and stored only once
 * something is put into it.
 *
 * What you put is what you get, in this request and in the next: string, number (NaN, the infinities and -0 too), boolean,
 * null, array, plain object, Date, bigint, Uint8Array, Buffer, Map and Set. A value that `get` handed out and that you
 * changed in place is saved too.
 *
 * The reply commits the session before its headers leave. What never gets there (a hijacked reply, a websocket, a long
 * stream) calls {@link Session.commit}.
 *
 * Errors of every method: `FST_SESSION_INVALID_ARGUMENT` for a key that is no string or is empty; of those that return a
 * promise also `FST_SESSION_STORE_UNAVAILABLE` (503).
 */
export interface Session {
  /** The value of a key, or undefined. */
  get<K extends SessionKey> (key: K): SessionValue<K> | undefined

  /** Sets a key. Throws `FST_SESSION_INVALID_VALUE` for a value that a session cannot keep. */
  put<K extends SessionKey> (key: K, value: SessionValue<K>): void

  /** The value of a key, which is then removed; or undefined. */
  pop<K extends SessionKey> (key: K): SessionValue<K> | undefined

  /** Removes a key. */
  remove (key: SessionKey): void

  /** Removes all keys, also those that another request adds before this one's commit. Keeps token, deadline and `rememberMe`. */
  clear (): void

  /** Whether there is such a key. */
  exists (key: SessionKey): boolean

  /** All keys, sorted. */
  keys (): string[]

  /**
   * Sets a key to what `fn` makes of its value, and returns that. Should another request have changed the session before
   * this one's commit, `fn` is called again with the newer value, so that counters count; the result is final after
   * `await commit()`. `fn` must be synchronous and should do nothing but compute. Throws `FST_SESSION_INVALID_VALUE` for a
   * result that a session cannot keep.
   */
  update<K extends SessionKey> (key: K, fn: (value: SessionValue<K> | undefined) => SessionValue<K>): SessionValue<K>

  /**
   * Ends the session, at once and for all requests: deletes it and, with the reply, its cookie. A put after it begins a
   * new session. A visitor without a session costs no query.
   */
  destroy (): Promise<void>

  /**
   * Gives the session a new token and a new lifetime at its commit, in one step. Call it whenever the user's rights
   * change (signing in above all), against session fixation:
   * https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html#renew-the-session-id-after-any-privilege-level-change
   */
  renewToken (): void

  /**
   * Takes the values of another session into this one (they win over this one's), and the later of the two deadlines; the
   * other session ends with the commit. A token of no live session changes nothing. For a session that a SameSite=Strict
   * cookie kept from a request.
   *
   * @param token the other session's token, as its cookie has it
   */
  mergeSession (token: string): Promise<void>

  /** 'modified' once something was changed, 'destroyed' after {@link Session.destroy}. */
  readonly status: SessionStatus

  /** The token, as the cookie has it: a secret. Empty before the first commit; the old one until a renewal is committed. */
  readonly token: string

  /** A short hash of the token, for logs; empty if there is no token. */
  readonly id: string

  /** When the session ends however much it is used. For a session that is not stored yet, what it would be now. */
  readonly deadline: Date

  /** Sets the deadline. Throws `FST_SESSION_INVALID_ARGUMENT` for what is no valid Date in the future. */
  setDeadline (deadline: Date): void

  /** With `cookie.persist: false`: whether the cookie outlives the browser (true) or ends with it (false, the default). */
  rememberMe (remember: boolean): void

  /**
   * Saves the changes now. Not needed where a reply is sent: the plugin does it then, and does nothing if this was last.
   * Throws `FST_SESSION_GONE` (409) if the session has ended meanwhile, `FST_SESSION_TOO_LARGE` (500) if it does not fit,
   * `FST_SESSION_HEADERS_SENT` (500) if it needs a cookie and the headers have left.
   */
  commit (): Promise<void>

  /** {@link Session.put}, where undefined removes the key: for @fastify/passport, @fastify/flash and their like. */
  set<K extends SessionKey> (key: K, value: SessionValue<K> | undefined): void

  /** {@link Session.renewToken}, then removes all keys but these: for @fastify/passport. */
  regenerate (keep?: readonly SessionKey[]): Promise<void>

  /** A copy of all values as a plain object. */
  data (): Record<string, unknown>
}
