import { lockTimeoutMs, type Access } from './access.js'
import { Attempts } from './attempts.js'
import { Batches } from './batches.js'
import { Lanes } from './batch.js'
import { clean, CLEANUP_BATCH } from './clean.js'
import { closed } from './closed.js'
import { Cleanup, cleanupIntervalOf } from '../cleanup.js'
import { FirstContact } from './contact.js'
import type { Contact, SqlDatabase } from './database.js'
import { ExclusiveWork } from './exclusive.js'
import { failureOf } from './failure.js'
import { ownersOf, storeTimeoutOf, type SqlStoreOptions } from './options.js'
import { Reader } from './reader.js'
import { partitionRows } from './rows.js'
import { Transactions } from './transaction.js'
import { Clock, type TimedStore } from '../clock.js'
import { StoreReport, type StoreStats } from '../diagnostics.js'
import { inTime } from '../deadline.js'
import { InvalidOptionError, ofRead, StoreUnavailableError, TableMissingError, TooLargeError, withoutTokens } from '../errors.js'
import { exclusiveDeadline } from '../exclusive.js'
import { expiryStays } from '../expiry.js'
import { decidedBy } from '../rewrite.js'
import type { ChangedSession, Found, NewSession, Outcome, ScanOptions, StoredSession, StoreLog, TouchedSession, Write } from '../store.js'
import { positiveInteger } from '../validate.js'

export { OWNER_LENGTH, ownersOf, storeTimeoutOf, type SqlStoreOptions } from './options.js'

/** How many statements are under way at a time, at most. */
const MOST_LANES = 4
/** The same where each statement writes one session. */
const MOST_LANES_FOR_SINGLE_WRITES = 16
/** At closing: how long to wait for statements whose callers have given up, and then for the pool, in milliseconds. */
const CLOSING = 2000
/** How long opening a connection may take at most, in milliseconds, as in mysql2. Until then it keeps the process alive. */
export const LONGEST_CONNECT = 10_000

/** What calls need, once the database has been reached. */
interface Ready<Connection> {
  readonly contact: Contact
  readonly lanes: Lanes
  readonly batches: Batches<Connection>
  readonly exclusive: ExclusiveWork<Connection>
}

/**
 * A store on a SQL database. It reaches the database at first contact, sends what many requests ask for in batches, runs
 * transactions, and cleans up. The statements are the database's own: {@link SqlDatabase}.
 */
export class SqlStore<Connection> implements TimedStore {
  readonly isBounded = true
  readonly storeTimeout: number
  readonly keepsOwners: boolean
  readonly #clock = new Clock()
  readonly #report: StoreReport
  readonly #access: Access<Connection>
  readonly #transactions: Transactions<Connection>
  readonly #contact: FirstContact<Ready<Connection>>
  readonly #cleanup: Cleanup
  #log: StoreLog | undefined
  #lastReady: Ready<Connection> | undefined
  #closing: Promise<void> | undefined

  constructor (database: SqlDatabase<Connection>, options: SqlStoreOptions) {
    this.storeTimeout = storeTimeoutOf(options)
    this.keepsOwners = ownersOf(options)
    this.#report = new StoreReport(database.name)
    this.#access = {
      database,
      attempts: new Attempts(database, this.storeTimeout, this.#report),
      reader: new Reader(database, this.#clock),
      lockTimeoutMs: (timesLocked, deadline) => lockTimeoutMs(this.storeTimeout, timesLocked, deadline)
    }
    this.#transactions = new Transactions(this.#access)
    this.#contact = new FirstContact(async () => await this.#makeContact(), error => this.#failure(error))
    this.#cleanup = new Cleanup(cleanupIntervalOf(options.cleanupInterval), async stop => { await this.#clean(stop) }, this.#report)
  }

  async open (log: StoreLog, timeout?: number): Promise<number | undefined> {
    this.#log = log
    this.#cleanup.start(log)
    try {
      await this.#made(this.#deadline(timeout))
      return this.#now()
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      log.warn({ err: withoutTokens(error.cause ?? ofRead(error)) }, 'The database of the sessions cannot be reached. The application starts all the same; the table will be checked at first contact')
      return undefined
    }
  }

  find (tokens: readonly string[], timeout?: number): Promise<Found> {
    const deadline = this.#deadline(timeout)
    const possible = tokens.every(this.#isPossible) ? tokens : tokens.filter(this.#isPossible)
    const { ready } = this.#contact
    return ready === undefined || possible.length === 0 ? this.#findOtherwise(possible, deadline) : ready.batches.find(possible, deadline)
  }

  async insert (session: NewSession, timeout?: number): Promise<boolean> {
    const deadline = this.#deadline(timeout)
    const { batches, contact } = this.#contact.ready ?? await this.#made(deadline)
    return await batches.insert(this.#fitted(session, contact), deadline)
  }

  async update (session: ChangedSession, timeout?: number): Promise<Outcome> {
    const deadline = this.#deadline(timeout)
    const { batches, contact } = this.#contact.ready ?? await this.#made(deadline)
    const fitted = this.#fitted(session, contact)
    const { token, data, ttl, seen, owner } = fitted
    if (!this.#isPossible(token)) return { kind: 'gone' }
    // Without a spread, which would cost as much as all else that happens to the session here.
    const change = { token, data, ttl, seen, expiryStays: expiryStays(fitted) }
    const outcome = await batches.update(owner === undefined || !this.keepsOwners ? change : { ...change, owner }, deadline)
    if (outcome === undefined) throw new StoreUnavailableError('the connection was lost while it was writing')
    return outcome
  }

  async touch (session: TouchedSession, timeout?: number): Promise<void> {
    const deadline = this.#deadline(timeout)
    const { batches, contact } = this.#contact.ready ?? await this.#made(deadline)
    if (this.#isPossible(session.token)) await batches.touch({ ...session, ttl: this.#possibleTtl(session.ttl, contact) }, deadline)
  }

  async delete (token: string, timeout?: number): Promise<void> {
    const deadline = this.#deadline(timeout)
    const { batches } = this.#contact.ready ?? await this.#made(deadline)
    if (this.#isPossible(token)) await batches.remove(token, deadline)
  }

  async rewrite (tokens: readonly string[], decide: (found: Found) => readonly Write[], timeout?: number): Promise<void> {
    const deadline = this.#deadline(timeout)
    const { lanes, contact } = this.#contact.ready ?? await this.#made(deadline)
    const fit = (session: NewSession) => this.#fitted(session, contact)
    await decidedBy(decide, async decide => {
      const rewrite = { tokens: tokens.filter(this.#isPossible), decide, fit }
      await lanes.alone(async (deadline, timesLocked) => {
        await this.#transactions.run(rewrite, deadline, this.#access.lockTimeoutMs(timesLocked, deadline))
      }, { keys: tokens, deadline })
    })
  }

  async * scan (pageSize = 1000, { after, owner }: ScanOptions = {}): AsyncIterable<StoredSession> {
    const size = positiveInteger('pageSize', pageSize, 1000)
    this.#checkOwner(owner)
    const { database } = this.#access
    for (let last = after; ;) {
      const page = await this.#alone(async connection => await database.page(connection, { size, after: last, owner }), true)
      yield * partitionRows(page).live.values()
      if (page.length < size) return
      last = page.at(-1)?.token
    }
  }

  async count (owner?: string): Promise<number> {
    this.#checkOwner(owner)
    return await this.#alone(async connection => await this.#access.database.count(connection, owner), true)
  }

  async exclusively<T> (name: string, work: (lost: AbortSignal) => Promise<T>, timeout?: number): Promise<T> {
    const deadline = exclusiveDeadline(name, timeout, this.storeTimeout)
    const { exclusive } = this.#contact.ready ?? await this.#made(deadline).catch((error: unknown) => { throw ofRead(error) })
    return await exclusive.run(name, work, deadline)
  }

  async deleteExpired (limit: number): Promise<number> {
    positiveInteger('limit', limit)
    const { database, lockTimeoutMs } = this.#access
    let deleted = 0
    while (deleted < limit) {
      const most = Math.min(limit - deleted, CLEANUP_BATCH)
      const deadline = this.#deadline()
      const count = await this.#alone(async connection => await database.removeExpired(connection, most, lockTimeoutMs(0, deadline)), false, deadline)
      deleted += count
      this.#report.expire(count)
      if (count < most) break
    }
    return deleted
  }

  now (): number | undefined {
    return this.#clock.now()
  }

  keysAreHashes (areHashes: boolean): void {
    this.#report.keysAreHashes(areHashes)
  }

  stats (): StoreStats {
    return this.#report.stats(this.#lastReady?.lanes.load ?? { underWay: 0, waiting: 0 })
  }

  stopCleanup (): void {
    this.#cleanup.stop()
  }

  async close (): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close (): Promise<void> {
    const deadline = this.#deadline() + CLOSING
    this.#cleanup.stop()
    // Calls that come from now on are refused.
    this.#contact.forget()
    this.#lastReady?.exclusive.close()
    await inTime(this.#settled(), deadline, () => undefined).catch(() => {})
    this.#contact.forget()
    this.#lastReady?.exclusive.end()
    await inTime(this.#access.database.close(), performance.now() + CLOSING, () => undefined).catch(() => {})
  }

  /** Resolves when nothing is under way. */
  async #settled (): Promise<void> {
    await this.#cleanup.settled()
    await this.#contact.settled()
    await this.#lastReady?.lanes.settled()
    await this.#lastReady?.exclusive.settled()
  }

  /** When a call that begins now stops waiting, in milliseconds of `performance.now()`. */
  #deadline (timeout = this.storeTimeout): number {
    return performance.now() + Math.min(timeout, this.storeTimeout)
  }

  async #made (deadline: number): Promise<Ready<Connection>> {
    if (this.#closing !== undefined) throw closed()
    return await this.#contact.made(deadline)
  }

  async #makeContact (): Promise<Ready<Connection>> {
    const { attempts, database } = this.#access
    const reach = async () => await attempts.repeat(this.#deadline(), true, async limit => await database.contact(limit))
    const contact = await reach().catch(async (error: unknown) => {
      // Another process may have created the table at the same moment.
      if (database.kindOf(error) === 'failed') return await reach()
      throw error
    })
    if (this.#closing !== undefined) throw closed()
    this.#clock.set(contact.now)
    for (const warning of contact.warnings ?? []) this.#log?.warn({}, warning)
    // What is under way since an earlier contact counts too, so the lanes stay.
    this.#lastReady = { ...this.#lastReady ?? this.#makeBatches(contact), contact }
    return this.#lastReady
  }

  #makeBatches (contact: Contact): Omit<Ready<Connection>, 'contact'> {
    const { database } = this.#access
    const failure = (error: unknown) => this.#failure(error)
    const most = contact.rowsPerWrite === 1 ? MOST_LANES_FOR_SINGLE_WRITES : MOST_LANES
    const limit = Math.max(1, Math.min(most, contact.poolSize >> 1))
    const lanes = new Lanes({ limit, isLocked: error => database.kindOf(error) === 'locked', failure, report: this.#report })
    return {
      lanes,
      batches: new Batches(this.#access, lanes, contact, failure),
      exclusive: new ExclusiveWork(database, this.#access.attempts, { poolSize: contact.poolSize, timeout: this.storeTimeout, failure })
    }
  }

  /** Before the first contact, or without tokens. */
  async #findOtherwise (tokens: readonly string[], deadline: number): Promise<Found> {
    try {
      const { batches } = this.#contact.ready ?? await this.#made(deadline)
      return tokens.length === 0 ? await this.#findNothing(deadline) : await batches.find(tokens, deadline)
    } catch (error) {
      throw ofRead(error)
    }
  }

  async #findNothing (deadline: number): Promise<Found> {
    const now = await this.#alone(async connection => await this.#access.database.now(connection), true, deadline)
    this.#clock.set(now)
    return { now, sessions: [] }
  }

  /** Runs a statement that may be repeated on a lane of its own. */
  async #alone<T> (work: (connection: Connection) => Promise<T>, isReading: boolean, deadline = this.#deadline()): Promise<T> {
    const { lanes } = this.#contact.ready ?? await this.#made(deadline)
    return await lanes.alone(async deadline => await this.#access.attempts.use(deadline, true, work), { isReading, deadline })
  }

  async #clean (stop: AbortSignal): Promise<void> {
    const next = async () => {
      const deadline = this.#deadline()
      return { deadline, lanes: (this.#contact.ready ?? await this.#made(deadline)).lanes }
    }
    await clean(this.#access, next, this.#report, stop)
  }

  #fitted<T extends NewSession> (session: T, contact: Contact): T {
    const { data, ttl } = session
    const { maxBytes, maxBytesBecause } = contact
    if (data.length > maxBytes) throw new TooLargeError(data.length, maxBytes, maxBytesBecause)
    const possible = this.#possibleTtl(ttl, contact)
    return possible === ttl ? session : { ...session, ttl: possible }
  }

  #possibleTtl (ttl: number, { lastExpiry }: Contact): number {
    return Math.min(ttl, lastExpiry - this.#now())
  }

  #checkOwner (owner: string | null | undefined): void {
    if (owner !== undefined && !this.keepsOwners) throw new InvalidOptionError('This store keeps no owners: make it with owners: true')
  }

  readonly #isPossible = (token: string): boolean => this.#access.database.isPossible(token)

  #now (): number {
    return this.#clock.now() ?? Date.now()
  }

  #failure (error: unknown): unknown {
    const failure = failureOf(error, this.#access.database, this.#lastReady !== undefined)
    // The table may come back, and is then inspected again.
    if (failure instanceof TableMissingError) this.#contact.forget()
    return failure
  }
}
