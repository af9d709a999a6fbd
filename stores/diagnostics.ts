import { AsyncLocalStorage } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'
import { idOfHash, sessionId, type SessionId } from './session-id.js'

/*
 * What the stores tell on channels of node:diagnostics_channel, and count. An event is made only if somebody listens. None
 * holds a token, a key of a row, or a value: a session is named by its id.
 */

/** The events of stores, by the ends of their channels' names: `fastify-sql-sessions:batch` and so on. Times are in milliseconds. */
export interface StoreEvents {
  /** One statement, or a transaction, has ended. Several requests may have waited for it. */
  readonly batch: {
    readonly store: string
    readonly operation: Operation
    /** How many calls it was for, and how many bytes of sessions' data it has sent or got. */
    readonly rows: number
    readonly bytes: number
    readonly ms: number
    /** How many calls of the same operation were left waiting when it began. */
    readonly waiting: number
    readonly callers: readonly BatchCaller[]
    /** The code of the error, if it has failed. Its calls may then be repeated one by one. */
    readonly error: string | undefined
  }
  /** A statement has failed, and is about to be sent again. */
  readonly retry: { readonly store: string, readonly tries: number, readonly pause: number, readonly error: string }
  /** Expired sessions were deleted. */
  readonly expire: { readonly store: string, readonly rows: number }
  /** A cleanup has ended. */
  readonly cleanup: { readonly store: string, readonly rows: number, readonly ms: number, readonly error: string | undefined }
}

/** `transaction` is a renewal, a merge, or a write after conflicts; a cleanup is one too; `other` reads a page or the time. */
export type Operation = 'find' | 'insert' | 'update' | 'touch' | 'delete' | 'transaction' | 'other'

/** Who has waited for a statement. */
export interface BatchCaller {
  /** The sessions that the call was about. */
  readonly ids: readonly string[]
  /** Runs a function in the asynchronous context of the call: there a tracer finds the span of the request. */
  run<T> (fn: () => T): T
}

/** What a store has done since it was made, and what it is doing. */
export interface StoreStats {
  /** Statements and transactions, also those of the cleanup, and how many calls they were for. */
  readonly batches: number
  readonly rows: number
  readonly retries: number
  /** Expired sessions that it has deleted, and the cleanups that have ended well or not. */
  readonly expired: number
  readonly cleanups: number
  /** How many statements are under way now, and how many calls are not answered yet. */
  readonly underWay: number
  readonly waiting: number
}

/** A call as a statement's event tells of it. */
interface Call {
  readonly keys: readonly string[]
  readonly run: Run | undefined
}

type Run = BatchCaller['run']

export const PREFIX = 'fastify-sql-sessions'
const batch = channel(`${PREFIX}:batch`)
const retry = channel(`${PREFIX}:retry`)
const expire = channel(`${PREFIX}:expire`)
const cleanup = channel(`${PREFIX}:cleanup`)

/** Keeps the asynchronous context of a call, if a statement's event is to tell of it. */
export function contextOfCall (): Run | undefined {
  return batch.hasSubscribers ? AsyncLocalStorage.snapshot() as Run : undefined
}

/** Tells and counts what a store does. */
export class StoreReport {
  readonly store: string
  #idOf: SessionId = sessionId
  #areHashes: boolean | undefined
  #batches = 0
  #rows = 0
  #retries = 0
  #expired = 0
  #cleanups = 0

  /** @param store its name in the events */
  constructor (store: string) {
    this.store = store
  }

  /** {@link TimedStore.keysAreHashes}. A store that serves several registrations names sessions by their keys only if all of them hash. */
  keysAreHashes (areHashes: boolean): void {
    this.#areHashes = areHashes && this.#areHashes !== false
    this.#idOf = this.#areHashes ? idOfHash : sessionId
  }

  /** A statement begins. Returns what to call when it has ended; undefined if nobody listens. */
  begin (operation: Operation, calls: readonly Call[], waiting: number): ((bytes: number, error?: unknown) => void) | undefined {
    this.#batches++
    this.#rows += calls.length
    if (!batch.hasSubscribers) return undefined
    const since = performance.now()
    const callers = calls.map(({ keys, run = direct }) => ({ ids: keys.map(this.#idOf), run }))
    return (bytes, error) => {
      tell(batch, 'batch', { store: this.store, operation, rows: calls.length, bytes, ms: performance.now() - since, waiting, callers, error: error === undefined ? undefined : codeOf(error) })
    }
  }

  retry (tries: number, pause: number, error: unknown): void {
    this.#retries++
    if (retry.hasSubscribers) tell(retry, 'retry', { store: this.store, tries, pause, error: codeOf(error) })
  }

  expire (rows: number): void {
    if (rows === 0) return
    this.#expired += rows
    if (expire.hasSubscribers) tell(expire, 'expire', { store: this.store, rows })
  }

  /** A cleanup begins. Returns what to call when it has ended. */
  clean (): (error?: unknown) => void {
    const since = performance.now()
    const before = this.#expired
    return error => {
      this.#cleanups++
      if (cleanup.hasSubscribers) tell(cleanup, 'cleanup', { store: this.store, rows: this.#expired - before, ms: performance.now() - since, error: error === undefined ? undefined : codeOf(error) })
    }
  }

  stats (now: Pick<StoreStats, 'underWay' | 'waiting'>): StoreStats {
    return { batches: this.#batches, rows: this.#rows, retries: this.#retries, expired: this.#expired, cleanups: this.#cleanups, ...now }
  }
}

/** The compiler checks the event against its channel. */
function tell<Name extends keyof StoreEvents> (on: typeof batch, _name: Name, event: StoreEvents[Name]): void {
  on.publish(event)
}

function direct<T> (fn: () => T): T {
  return fn()
}

/** A name of an error that holds nothing of the statement: the driver's code, else the class. */
function codeOf (error: unknown): string {
  const { code, cause, name } = error as { readonly code?: unknown, readonly cause?: unknown, readonly name?: unknown }
  if (typeof code === 'string') return code
  return cause !== undefined && cause !== null ? codeOf(cause) : String(name)
}
