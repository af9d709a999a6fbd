import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { endsSession } from './errors.js'
import { PREFIX, type StoreEvents, type StoreStats } from '../stores/diagnostics.js'
import { StoreUnavailableError } from '../stores/errors.js'
import { sessionId, type SessionId } from '../stores/session-id.js'

/*
 * What becomes of sessions, told on channels of node:diagnostics_channel, and counted. An event is made only if somebody
 * listens, and is published in the asynchronous context of its request. No event holds a token, a key of a row, or a value.
 */

/** What the events of sessions have in common. */
interface OfSession {
  /** The `name` of the registration: 'session' by default. */
  readonly name: string
  /** The session: `request.session.id`. Empty if the request has none any more. */
  readonly id: string
}

/**
 * The events, by the ends of their channels' names: `fastify-sql-sessions:begin` and so on. Times are in milliseconds. See
 * {@link onSessionEvent}.
 */
export interface SessionEvents extends StoreEvents {
  /** A request has asked for the sessions of its cookies. `ids` are those that are live: usually one, or none. */
  readonly load: { readonly name: string, readonly ids: readonly string[], readonly asked: number, readonly ms: number }
  /** A new session was stored. */
  readonly begin: OfSession
  /** The changes of a request were saved, also those of a new or renewed session. `bytes` is the size of the session now. */
  readonly commit: OfSession & { readonly bytes: number, readonly ms: number }
  /** Another writer was first. The changes of `requests` requests are applied to what it has written. `lost` counts how often this has happened in a row. */
  readonly merge: OfSession & { readonly lost: number, readonly requests: number }
  /** A request had changes, and its session has ended: 409. */
  readonly gone: OfSession
  /** A session goes on under a new token. `id` is the new one's, `from` the old one's. */
  readonly renew: OfSession & { readonly from: string }
  /** A session was ended by `destroy`. */
  readonly destroy: OfSession & { readonly ms: number }
  /** The expiry of a session was moved. */
  readonly touch: OfSession
  /**
   * An operation has failed because the store is not available. Its request gets a 503, unless the application catches the error;
   * a failed touch is only logged. `mergeSession`, `reload` and `isEnded` are told as `load`.
   */
  readonly unavailable: { readonly name: string, readonly operation: 'load' | 'commit' | 'destroy' | 'touch', readonly reason: string }
}

/** The names of all events. */
export const SESSION_EVENTS: ReadonlyArray<keyof SessionEvents> = Object.freeze([
  'load', 'begin', 'commit', 'merge', 'gone', 'renew', 'destroy', 'touch', 'unavailable', 'batch', 'retry', 'expire', 'cleanup'
] as const)

/**
 * Listens to an event: `subscribe` of node:diagnostics_channel, with types. Node.js reports what the listener throws as an
 * uncaught exception, and the session goes on.
 *
 *     onSessionEvent('commit', ({ id, ms }) => { … })
 *
 * @returns a function that ends it
 */
export function onSessionEvent<N extends keyof SessionEvents> (name: N, listener: (event: SessionEvents[N]) => void): () => void {
  const hear = (event: unknown): void => { listener(event as SessionEvents[N]) }
  subscribe(`${PREFIX}:${name}`, hear)
  return () => { unsubscribe(`${PREFIX}:${name}`, hear) }
}

/** What has become of sessions since the application was made, in this process. */
export interface SessionStats {
  /** Requests that asked for a session, and those that found one. */
  readonly loads: number
  readonly found: number
  readonly begins: number
  readonly commits: number
  /** How often another writer was first, and changes were merged. */
  readonly merges: number
  readonly gone: number
  readonly renews: number
  readonly destroys: number
  readonly touches: number
  readonly unavailable: number
  /** What the store tells; undefined if it is one of your own without `stats`. */
  readonly store: StoreStats | undefined
}

const NAMES = ['load', 'begin', 'commit', 'merge', 'gone', 'renew', 'destroy', 'touch', 'unavailable'] as const
type Name = typeof NAMES[number]

const channels = Object.fromEntries(NAMES.map(name => [name, channel(`${PREFIX}:${name}`)])) as { readonly [name in Name]: ReturnType<typeof channel> }
const { load, begin, commit, merge, gone, renew, destroy, touch, unavailable } = channels

/** Tells and counts what becomes of the sessions of one registration. */
export class SessionReport {
  readonly #name: string
  readonly #idOf: SessionId
  #loads = 0
  #found = 0
  #begins = 0
  #commits = 0
  #merges = 0
  #gone = 0
  #renews = 0
  #destroys = 0
  #touches = 0
  #unavailable = 0

  /** @param idOf names a session by the key of its row */
  constructor (name: string, idOf: SessionId = sessionId) {
    this.#name = name
    this.#idOf = idOf
  }

  /** The time at which something begins, if somebody listens for its end. */
  since (what: 'commit' | 'destroy'): number {
    return channels[what].hasSubscribers ? performance.now() : 0
  }

  /** @param found the live sessions among those that were asked for */
  load (asked: number, found: ReadonlyArray<{ readonly row: { readonly token: string } }>, since: number): void {
    this.#loads++
    if (found.length > 0) this.#found++
    if (load.hasSubscribers) this.#tell('load', { name: this.#name, ids: found.map(({ row }) => this.#idOf(row.token)), asked, ms: elapsed(since) })
  }

  /**
   * Changes were saved.
   *
   * @param before the key of the session's row before; undefined for a new session
   */
  saved (before: string | undefined, { key, data }: { readonly key: string, readonly data: Uint8Array }, since: number): void {
    if (before === undefined) {
      this.#begins++
      if (begin.hasSubscribers) this.#tell('begin', this.#of(key))
    } else if (before !== key) {
      this.#renews++
      if (renew.hasSubscribers) this.#tell('renew', { ...this.#of(key), from: this.#idOf(before) })
    }
    this.#commits++
    if (commit.hasSubscribers) this.#tell('commit', { ...this.#of(key), bytes: data.length, ms: elapsed(since) })
  }

  merge (key: string, lost: number, requests: number): void {
    this.#merges++
    if (merge.hasSubscribers) this.#tell('merge', { ...this.#of(key), lost, requests })
  }

  destroy (key: string, since: number): void {
    this.#destroys++
    if (destroy.hasSubscribers) this.#tell('destroy', { ...this.#of(key), ms: elapsed(since) })
  }

  touch (key: string): void {
    this.#touches++
    if (touch.hasSubscribers) this.#tell('touch', this.#of(key))
  }

  /** An operation has failed. Tells what a request is told of it. */
  failed (operation: SessionEvents['unavailable']['operation'], key: string | undefined, error: unknown): void {
    if (endsSession(error)) {
      this.#gone++
      if (gone.hasSubscribers) this.#tell('gone', this.#of(key))
    } else if (error instanceof StoreUnavailableError) {
      this.#unavailable++
      if (unavailable.hasSubscribers) this.#tell('unavailable', { name: this.#name, operation, reason: error.message })
    }
  }

  /** @param store what the store tells of itself */
  stats (store: StoreStats | undefined): SessionStats {
    return {
      loads: this.#loads,
      found: this.#found,
      begins: this.#begins,
      commits: this.#commits,
      merges: this.#merges,
      gone: this.#gone,
      renews: this.#renews,
      destroys: this.#destroys,
      touches: this.#touches,
      unavailable: this.#unavailable,
      store
    }
  }

  #of (key: string | undefined): OfSession {
    return { name: this.#name, id: key === undefined ? '' : this.#idOf(key) }
  }

  /** The compiler checks the event against its channel. */
  #tell<N extends Name> (name: N, event: SessionEvents[N]): void {
    channels[name].publish(event)
  }
}

/** Somebody may have begun to listen meanwhile. */
function elapsed (since: number): number {
  return since === 0 ? 0 : performance.now() - since
}
