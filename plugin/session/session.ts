import type { SessionCallback } from './outcome.js'
import type { SessionCookie } from './session-cookie.js'
import type { MaybeTyped } from '../codecs/typed.js'

export type { SessionCallback } from './outcome.js'

/**
 * The keys of your sessions and the types of their values. Add yours by declaration merging:
 *
 *     declare module 'fastify-sql-sessions' {
 *       interface SessionData { userId: number }
 *     }
 *
 * The compiler checks the keys that are declared here. Any other key takes and gives values of any kind.
 */
export interface SessionData {}

/** A declared key, or any other string. */
export type SessionKey = keyof SessionData | (string & {})

/** The type of the value of a key. */
export type SessionValue<K> = K extends keyof SessionData ? SessionData[K] : unknown

/**
 * What the option `properties` adds to a session. These lines tell the compiler:
 *
 *     import type { SessionProperties } from 'fastify-sql-sessions'
 *     declare module 'fastify-sql-sessions' { interface Session extends SessionProperties {} }
 *
 * The keys of {@link SessionData} are properties then: to get and to set, with `in`, `delete` and `Object.keys`, and for JSON. A
 * member of the session wins over a key of its name, which `get` and `put` still reach; assigning it throws
 * `FST_SESSION_INVALID_ARGUMENT`.
 */
export interface SessionProperties extends Partial<SessionData> {
  /** The cookie, as express-session tells of it. A change throws `FST_SESSION_INVALID_ARGUMENT`. */
  readonly cookie: SessionCookie
  /** {@link Session.id}: not the token, which is a secret. */
  readonly sessionID: string
}

/** The options of {@link Session.renewToken}. */
export interface RenewalOptions {
  /**
   * How long the old token still leads to the session, by the database's clock: whole milliseconds, 60,000 at most. Default 0: not at
   * all. A sign-out ends it at once. Requests that have loaded the session before the renewal may still save changes for so long,
   * and a renewal in one of them that keeps the old token, too, is not done twice. If the session has ended meanwhile, the commit
   * rejects with `FST_SESSION_GONE`; no new session begins. Stores of your own must keep the `note` of a move.
   */
  readonly keepOldFor?: number
}

/** The options of {@link Session.exclusive}. */
export interface ExclusiveOptions {
  /** How long to wait for the other requests, in milliseconds. Default: as long as the request still waits for the store. */
  readonly timeout?: number
}

/** Whether the request has changed its session since the session was loaded or last committed. */
export type SessionStatus = 'unmodified' | 'modified' | 'destroyed'

/**
 * The session of a request, `request.session`. It is never null. A visitor without a session has an empty one, which is
 * stored once something is put into it.
 *
 * What you put is what you get, in this request and in the next: string, number (also NaN, the infinities and -0), boolean,
 * null, array, plain object, Date, bigint, Uint8Array, Buffer, Map and Set. If you change an object in place that `get` has
 * returned, the change is saved too.
 *
 * The reply commits the session before its headers are sent. What sends no ordinary reply (a hijacked reply, a websocket, a
 * long stream) calls {@link Session.commit}.
 *
 * Every method throws `FST_SESSION_INVALID_ARGUMENT` (500) for a key that is not a string or is empty. Every method that
 * returns a promise may reject with `FST_SESSION_STORE_UNAVAILABLE` (503). A promise that nobody awaits never ends the
 * process: if it rejects, the reply fails in its place. The methods that take a callback, for code written in that style,
 * call it once, with null or the error, and return their promise all the same.
 */
export interface Session {
  /** Returns the value of a key, or undefined. */
  get<K extends SessionKey> (key: K): SessionValue<K> | undefined

  /**
   * Sets the value of a key. A value equal to the one that was loaded is no change: it counts as if it had been put at the load.
   * Throws `FST_SESSION_INVALID_VALUE` for a value that a session cannot keep.
   */
  put<K extends SessionKey> (key: K, value: MaybeTyped<SessionValue<K>>): void

  /** Removes a key, and returns the value that it had, or undefined. */
  pop<K extends SessionKey> (key: K): SessionValue<K> | undefined

  /**
   * Removes a key and saves, and returns the value that it had. Of all requests that do so at once, in any process, one gets the value,
   * and the others get undefined: for a code that may be used once.
   *
   * Saves all changes, and rejects as {@link Session.commit} does. If it rejects with `FST_SESSION_STORE_UNAVAILABLE`, the value may
   * have been removed: call `take` again, in the same request, to learn whether it was and to get it. At most one call gets it,
   * whatever fails. A store with only find, commit and delete cannot promise this, nor can a codec without a header after a failure.
   */
  take<K extends SessionKey> (key: K): Promise<SessionValue<K> | undefined>

  /** Removes a key. */
  remove (key: SessionKey): void

  /** Removes all keys, also those that another request adds before this one's commit. Token, deadline and `rememberMe` stay. */
  clear (): void

  /** Returns whether the session has the key. */
  exists (key: SessionKey): boolean

  /** Returns all keys, sorted. */
  keys (): string[]

  /**
   * Sets a key to what `fn` computes from its value, and returns the new value. If another request changes the session
   * before this one's commit, `fn` is called again with the newer value. So a counter counts every request. The result is
   * final after `await commit()`.
   *
   * Throws `FST_SESSION_INVALID_VALUE` for a result that a session cannot keep, and what `fn` throws.
   *
   * @param fn must be synchronous, and should do nothing but compute
   */
  update<K extends SessionKey> (key: K, fn: (value: SessionValue<K> | undefined) => MaybeTyped<SessionValue<K>>): SessionValue<K>

  /**
   * Ends the session at once and for all requests: deletes it now, and its cookie with the reply. What is put afterwards
   * begins a new session. A visitor without a session costs no query.
   *
   * If the deletion fails, the session may still be alive: call `destroy` again. The reply of a request that does not await
   * `destroy` fails in its place.
   */
  destroy (callback?: SessionCallback): Promise<void>

  /**
   * Gives the session a new token and a new lifetime, in one step at its commit. Call it whenever the user's rights change,
   * at signing in above all. It prevents session fixation:
   * https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html#renew-the-session-id-after-any-privilege-level-change
   *
   * With `keepOldFor`, requests with the old token still find the session for so long, and get the new cookie. Only for renewals by
   * time, and never at a sign-in: an attacker who has planted the old token would be given the new one.
   *
   * Throws `FST_SESSION_INVALID_ARGUMENT` for a wrong option, and for `keepOldFor` with a codec that is shared, such as 'gob'.
   */
  renewToken (options?: RenewalOptions): void

  /**
   * Takes the values of another session into this one, where they replace values of the same keys. The later of the two
   * deadlines applies. The other session ends with the commit. A token that leads to no live session changes nothing.
   *
   * Meant for a session whose SameSite=Strict cookie the browser did not send.
   *
   * @param token the other session's token, as its cookie has it
   */
  mergeSession (token: string): Promise<void>

  /**
   * Runs a function while no other request of this session runs one in this way, in any process. For the rare handler that must not
   * run twice at once, such as a payment; `update` and `take` are cheaper where they do.
   *
   * Saves what was changed before, waits for its turn, loads the newest values, calls `fn`, saves what `fn` has changed, and lets the
   * next one begin. Resolves to what `fn` returns. If `fn` throws, its changes are dropped, and the promise rejects with that error.
   *
   * A renewal by another request meanwhile ends the session as this request knows it. `renewToken` in `fn` takes effect with the
   * commit at its end; do not call `commit` after it in `fn`. Other sessions, and requests that do not call `exclusive`, are not
   * kept out. A session that is not stored has no other requests, so `fn` runs at once.
   *
   * - `FST_SESSION_GONE` (409): the session has ended while the request waited. `fn` was not called. Or as of `commit`.
   * - `FST_SESSION_STORE_UNAVAILABLE` (503): the others took too long, and `fn` was not called. Or the lock was lost while `fn` was at
   *   work: what it changed was dropped.
   * - `FST_SESSION_INVALID_ARGUMENT` (500): a wrong argument, or a call in `fn`, which would wait for itself.
   * - `FST_SESSION_STORE_MISCONFIGURED` (500): a store of your own without `exclusively`, or a database that cannot lock.
   *
   * @param fn is passed a signal that aborts when others can no longer be kept out, because the connection to the database was lost
   */
  exclusive<T> (fn: (lost: AbortSignal) => T | Promise<T>, options?: ExclusiveOptions): Promise<T>

  /** 'modified' once something was changed, 'destroyed' after {@link Session.destroy}. */
  readonly status: SessionStatus

  /** The token, as the cookie has it: a secret. Empty before the first commit. Until a renewal is committed, the old token. */
  readonly token: string

  /**
   * Names the session in logs, events and `app.sessions`, and may be shown to its user. It is not the token, and nobody can
   * compute the token from it. It changes with the token. Empty if there is no token.
   */
  readonly id: string

  /** When the session ends, however much it is used. For a session that is not stored: when it would end. */
  readonly deadline: Date

  /** Sets the deadline. Throws `FST_SESSION_INVALID_ARGUMENT` if it is not a valid Date in the future. */
  setDeadline (deadline: Date): void

  /** With `cookie.persist: false`: whether the cookie outlives the browser (true) or ends with it (false, the default). */
  rememberMe (remember: boolean): void

  /**
   * Saves the changes now. A request that sends an ordinary reply need not call it.
   *
   * - `FST_SESSION_GONE` (409): another request has ended the session, or it has expired. The changes were not saved. The
   *   session is empty now but for them. What is changed afterwards, or all of it after `renewToken`, begins a new session.
   * - `FST_SESSION_STORE_UNAVAILABLE` (503): the changes may or may not have been saved. Call `commit` again. The changes are
   *   applied once, unless another request has written in between or the codec writes no header: then they may be applied
   *   twice, which matters for `update`.
   * - `FST_SESSION_TOO_LARGE` (500): the session does not fit into its row.
   * - `FST_SESSION_HEADERS_SENT` (500): the session needs a cookie, and the headers have been sent.
   * - `FST_SESSION_INVALID_VALUE` (500): an object was changed in place into something that a session cannot keep.
   *
   * After a failed commit the reply must not look like success: with a status below 300 (below 400 if nobody awaits the
   * commit) the reply fails in its place. The reply saves what was changed after the failure, not what has failed.
   */
  commit (callback?: SessionCallback): Promise<void>

  /** {@link Session.commit}, under the name that other session plugins have for it. */
  save (callback?: SessionCallback): Promise<void>

  /**
   * Loads the session anew, and drops what was changed and not committed. Rejects with `FST_SESSION_GONE` (409) if the
   * session has ended; it is empty then.
   */
  reload (callback?: SessionCallback): Promise<void>

  /**
   * Asks the store whether the session has ended: by a sign-out anywhere, or because it has expired. For a websocket or a stream of
   * events that lives long. A session that another request has renewed has not ended; this is known if `isEnded` is called at least
   * once a minute, and not with the codec 'gob', nor with a store that tells no successors. False for a session that was never
   * stored. What the request has changed stays as it is.
   */
  isEnded (): Promise<boolean>

  /**
   * Prolongs the session now, if the plugin has an `idleTimeout` and its `touchInterval` is over. Each reply does so by
   * itself. A failure is logged, and the next touch tries again.
   */
  touch (callback?: SessionCallback): Promise<void>

  /**
   * With `idleTimeout`: keeps the session alive until the connection of a websocket is closed, or until its deadline. Any other
   * request keeps its session alive by itself, from its arrival until the end of its response.
   */
  keepAlive (): void

  /** {@link Session.put}; undefined removes the key. For @fastify/passport, @fastify/flash and similar plugins. */
  set<K extends SessionKey> (key: K, value: MaybeTyped<SessionValue<K>> | undefined): void

  /** {@link Session.renewToken}, then removes all keys but these. For @fastify/passport, Express's passport and others. */
  regenerate (keep?: readonly SessionKey[], callback?: SessionCallback): Promise<void>
  regenerate (callback: SessionCallback): Promise<void>

  /** Returns a copy of all values as a plain object. */
  data (): Record<string, unknown>

  /**
   * Does nothing. For @fastify/csrf-protection, which passes on what `generateCsrf` was given. Throws
   * `FST_SESSION_INVALID_ARGUMENT` for anything but `userInfo`: attributes of the cookie are an option of the plugin.
   */
  options (options: object): void
}
