import { Cleanup, cleanupIntervalOf } from '../cleanup.js'
import { ExpiryQueue } from './expiry-queue.js'
import { Owners } from './owners.js'
import { Turn } from './turn.js'
import type { TimedStore } from '../clock.js'
import { StoreReport, type StoreStats } from '../diagnostics.js'
import { StoreUnavailableError } from '../errors.js'
import { exclusiveDeadline } from '../exclusive.js'
import { expiryStays } from '../expiry.js'
import { isSeen, MOST_SUCCESSORS, successorIn, successorNote, successorOf } from '../successor.js'
import {
  SUCCESSOR_TTL, type ChangedSession, type Found, type NewSession, type Outcome, type ScanOptions, type SessionStore,
  type StoredSession, type StoreLog, type Successor, type TouchedSession, type Write
} from '../store.js'
import { Turns } from '../turns.js'
import { knownOnly, positiveInteger } from '../validate.js'

/** The options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** How many sessions are kept at most; beyond that the one that would expire first is evicted. Default 100,000. */
  maxSessions?: number
  /** How often expired sessions are deleted, in milliseconds. Default 1 minute; 0 never (they still are not found). */
  cleanupInterval?: number
}

/**
 * Keeps sessions in the memory of this process: for development, for tests, and for a service of one process that may lose its
 * sessions in a restart.
 * Throws `FST_SESSION_INVALID_OPTION`.
 */
export function memoryStore (options: MemoryStoreOptions = {}): SessionStore {
  return new MemoryStore(options)
}

/** A row: `expiry` in milliseconds of {@link time}. */
interface Row {
  data: Uint8Array
  expiry: number
  /** '' is nobody; undefined: nobody knows. */
  owner: string | undefined
}

const CLEANUP_BATCH = 1000
/** The least time between two warnings of evictions, in milliseconds. Each counts the evictions since the last warning. */
const EVICTION_WARNING_INTERVAL = 10_000

class MemoryStore implements TimedStore {
  readonly isBounded = true
  readonly keepsOwners = true
  readonly #rows = new Map<string, Row>()
  readonly #owners = new Owners()
  /** How many rows have an owner that nobody knows. */
  #unknown = 0
  readonly #expiries = new ExpiryQueue()
  readonly #turns = new Turns()
  readonly #turn = new Turn()
  readonly #maxSessions: number
  readonly #report = new StoreReport('memory')
  readonly #cleanup: Cleanup
  #log: StoreLog | undefined
  #evicted = 0
  #warnedAt = -Infinity

  constructor (options: MemoryStoreOptions) {
    knownOnly(options, ['maxSessions', 'cleanupInterval'])
    const { maxSessions, cleanupInterval } = options
    this.#maxSessions = positiveInteger('maxSessions', maxSessions, 100_000)
    this.#cleanup = new Cleanup(cleanupIntervalOf(cleanupInterval, 60_000), async stop => {
      while (!stop.aborted && await this.deleteExpired(CLEANUP_BATCH) === CLEANUP_BATCH) await new Promise(resolve => setImmediate(resolve))
    }, this.#report)
  }

  async open (log: StoreLog): Promise<number> {
    this.#log = log
    this.#cleanup.start(log)
    return time()
  }

  find (tokens: readonly string[]): Promise<Found> {
    return this.#turn.end().then(() => this.#find(tokens))
  }

  async insert (session: NewSession): Promise<boolean> {
    if (this.#rows.has(session.token)) return false
    this.#write(session)
    return true
  }

  async update (session: ChangedSession): Promise<Outcome> {
    const row = this.#live(session.token)
    if (row === undefined) return { kind: 'gone' }
    if (!isSeen(row.data, session.seen)) {
      const now = time()
      return { kind: 'changed', now, session: { token: session.token, data: row.data, ttl: row.expiry - now } }
    }
    this.#replace(row, session, expiryStays(session) ? row.expiry : time() + session.ttl)
    return { kind: 'saved' }
  }

  async touch ({ token, seen, ttl, atLeast }: TouchedSession): Promise<void> {
    const row = this.#live(token)
    const expiry = time() + ttl
    if (row === undefined || !isSeen(row.data, seen) || expiry < row.expiry + atLeast || expiry <= row.expiry) return
    // The queue still has the earlier expiry, and looks at the row when that one comes up.
    row.expiry = expiry
  }

  async delete (token: string): Promise<void> {
    let next: string | undefined = token
    for (let i = 0; next !== undefined && i < MOST_SUCCESSORS; i++) {
      const row = this.#rows.get(next)
      const successor: string | undefined = row === undefined ? undefined : successorIn(row.data)
      if (successor === undefined) this.#remove(next)
      next = successor
    }
  }

  async rewrite (tokens: readonly string[], decide: (found: Found) => readonly Write[]): Promise<void> {
    const writes = decide(this.#find(tokens))
    const taken = writes.find(write => write.kind === 'insert' && this.#rows.has(write.session.token))
    if (taken !== undefined) throw new Error('There is a row of that token already')
    for (const write of writes) {
      switch (write.kind) {
        case 'insert': this.#write(write.session); break
        case 'update': this.#write(write.session); break
        case 'delete': this.#remove(write.token); break
        case 'move': this.#write({ token: write.token, data: successorNote(write), ttl: 0 }); break
      }
    }
  }

  async * scan (pageSize = 1000, { after = '', owner }: ScanOptions = {}): AsyncIterable<StoredSession> {
    positiveInteger('pageSize', pageSize, 1000)
    const tokens = Array.from(this.#tokensOf(owner)).filter(token => token > after && this.#isOf(token, owner)).sort()
    for (let i = 0; i < tokens.length; i += pageSize) {
      if (i > 0) await new Promise(resolve => setImmediate(resolve))
      yield * this.#find(tokens.slice(i, i + pageSize)).sessions.filter(({ token }) => this.#isOf(token, owner))
    }
  }

  async count (owner?: string): Promise<number> {
    let count = 0
    for (const token of this.#tokensOf(owner)) if (this.#live(token) !== undefined && this.#isOf(token, owner)) count++
    return count
  }

  /** The signal never aborts: what is kept in this process is not lost before it. */
  async exclusively<T> (name: string, work: (lost: AbortSignal) => Promise<T>, timeout?: number): Promise<T> {
    return await this.#turns.run(name, exclusiveDeadline(name, timeout), async () => await work(new AbortController().signal))
  }

  async deleteExpired (limit: number): Promise<number> {
    positiveInteger('limit', limit)
    const deleted = this.#deleteExpired(limit)
    this.#report.expire(deleted)
    return deleted
  }

  #deleteExpired (limit: number): number {
    let deleted = 0
    while (deleted < limit) {
      const first = this.#expiries.first()
      if (first === undefined || first.expiry > time()) return deleted
      const row = this.#rows.get(first.token)
      const due = row === undefined ? first.expiry : this.#dueAt(row)
      if (due > time()) {
        this.#expiries.postpone(due)
        continue
      }
      this.#expiries.removeFirst()
      if (row !== undefined) deleted++
      this.#remove(first.token)
    }
    return deleted
  }

  now (): number {
    return time()
  }

  keysAreHashes (areHashes: boolean): void {
    this.#report.keysAreHashes(areHashes)
  }

  stats (): StoreStats {
    return this.#report.stats({ underWay: 0, waiting: 0 })
  }

  stopCleanup (): void {
    this.#cleanup.stop()
  }

  async close (): Promise<void> {
    this.#cleanup.stop()
    this.#turns.close(() => new StoreUnavailableError('it was closed with the application'))
    await this.#cleanup.settled()
  }

  #find (tokens: readonly string[]): Found {
    const now = time()
    const sessions: StoredSession[] = []
    const successors: Successor[] = []
    for (const token of tokens) {
      const row = this.#rows.get(token)
      if (row === undefined) continue
      if (row.expiry > now) sessions.push({ token, data: row.data, ttl: row.expiry - now })
      else if (this.#dueAt(row) > now) successors.push(successorOf({ token, data: row.data, ttl: row.expiry - now }))
    }
    return { now, sessions, renewed: successors.map(({ token }) => token), successors }
  }

  #live (token: string): Row | undefined {
    const row = this.#rows.get(token)
    return row !== undefined && row.expiry > time() ? row : undefined
  }

  #write (session: NewSession): void {
    const { token, data, ttl, owner } = session
    const expiry = time() + ttl
    const row = this.#rows.get(token)
    if (row !== undefined) return this.#replace(row, session, expiry)
    this.#makeRoom()
    this.#rows.set(token, { data: ownCopy(data), expiry, owner })
    if (owner === undefined) this.#unknown++
    this.#owners.move(token, undefined, owner)
    this.#expect(token, expiry)
  }

  #replace (row: Row, { token, data, owner = row.owner }: NewSession, expiry: number): void {
    const isEarlier = expiry < row.expiry
    if (row.owner === undefined && owner !== undefined) this.#unknown--
    this.#owners.move(token, row.owner, owner)
    Object.assign(row, { data: ownCopy(data), expiry, owner })
    if (isEarlier) this.#expect(token, expiry)
  }

  #remove (token: string): void {
    const row = this.#rows.get(token)
    if (row === undefined) return
    if (row.owner === undefined) this.#unknown--
    this.#owners.move(token, row.owner, undefined)
    this.#rows.delete(token)
  }

  #expect (token: string, expiry: number): void {
    this.#expiries.add(token, expiry)
    // The queue still has entries of rows that were deleted early.
    if (this.#expiries.size > 2 * this.#rows.size + 1000) this.#expiries.rebuild(this.#rows)
  }

  /** The tokens of an owner's rows. Without an owner, and for owners that are not kept by their names, those of all rows. */
  #tokensOf (owner: string | null | undefined): Iterable<string> {
    if (owner === null && this.#unknown === 0) return []
    return owner ? this.#owners.of(owner) : this.#rows.keys()
  }

  #isOf (token: string, owner: string | null | undefined): boolean {
    return owner === undefined || (this.#rows.get(token)?.owner ?? null) === owner
  }

  /** When the row may be deleted. The note of a renewed session stays for SUCCESSOR_TTL after its expiry. */
  #dueAt (row: Row): number {
    return successorIn(row.data) === undefined ? row.expiry : row.expiry + SUCCESSOR_TTL
  }

  #makeRoom (): void {
    while (this.#rows.size >= this.#maxSessions) {
      const first = this.#expiries.first()
      if (first === undefined) return
      const row = this.#rows.get(first.token)
      if (row !== undefined && row.expiry > first.expiry) {
        this.#expiries.postpone(row.expiry)
        continue
      }
      this.#expiries.removeFirst()
      if (row === undefined) continue
      this.#remove(first.token)
      if (row.expiry > time()) this.#warnOfEviction()
    }
  }

  #warnOfEviction (): void {
    this.#evicted++
    if (time() < this.#warnedAt + EVICTION_WARNING_INTERVAL) return
    this.#warnedAt = time()
    this.#log?.warn({ maxSessions: this.#maxSessions, evicted: this.#evicted }, 'The memory store is full and evicts live sessions: raise maxSessions, or keep sessions in a database')
    this.#evicted = 0
  }
}

/** Copies the data. A small Buffer is part of Node's pool, and would keep all 8 KB of it in memory. */
function ownCopy (data: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(data.length)
  copy.set(data)
  return copy
}

/** Milliseconds since 1970 that never jump, unlike the system's clock. */
function time (): number {
  return TIME_ORIGIN + performance.now()
}

const TIME_ORIGIN = performance.timeOrigin
