import type { Access } from './access.js'
import type { Lanes } from './batch.js'
import { LostError, type Contact } from './database.js'
import type { ReadRows } from './reader.js'
import { holdsData, renewedAmong } from './rows.js'
import { MOST_SUCCESSORS } from '../successor.js'
import type { ChangedSession, Found, NewSession, Outcome, StoredSession, TouchedSession } from '../store.js'

/** The most bytes of data in one statement: larger ones gain nothing, and take long. */
const MOST_BYTES = 512 * 1024
/** The most rows in an INSERT. */
const MOST_INSERTED = 32

/** Sends an item in a batch. `deadline` is when the caller stops waiting, in milliseconds of `performance.now()`. */
type Send<Item, Answer> = (item: Item, deadline: number) => Promise<Answer>

/** The statements that serve many sessions at once. */
export class Batches<Connection> {
  readonly find: Send<readonly string[], Found>
  readonly insert: Send<NewSession, boolean>
  /** Undefined: the answer was lost, and whether the session was saved is not known. */
  readonly update: Send<ChangedSession, Outcome | undefined>
  readonly touch: Send<TouchedSession, void>
  readonly remove: Send<string, void>
  readonly #access: Access<Connection>

  /** @param failure what a caller gets for an error, made anew for each caller */
  constructor (access: Access<Connection>, lanes: Lanes, { maxStatementBytes, rowsPerWrite }: Contact, failure: (error: unknown) => unknown) {
    this.#access = access
    const { database } = access
    const shared = {
      maxItems: rowsPerWrite ?? database.maxRows,
      maxBytes: Math.min(MOST_BYTES, maxStatementBytes),
      canRetryIndividually: (error: unknown) => this.#canRetryIndividually(error),
      isLocked: (error: unknown) => database.kindOf(error) === 'locked',
      failure
    }
    this.find = lanes.batch({
      ...shared,
      operation: 'find',
      dataBytes: (_tokens, { sessions }) => sessions.reduce((sum, { data }) => sum + data.length, 0),
      isReading: true,
      maxItems: database.maxRows,
      // A request may ask for several tokens, and each is a parameter of the statement.
      maxBytes: database.maxRows,
      bytes: tokens => tokens.length,
      // Where readers wait for writers, as on SQL Server, a locked row must not hold up the other readers.
      keys: tokens => tokens,
      send: async (asked, deadline, timesLocked) => await this.#find(asked, deadline, access.lockTimeoutMs(timesLocked, deadline))
    })
    this.insert = lanes.batch({
      ...shared,
      operation: 'insert',
      dataBytes: ({ data }) => data.length,
      bytes: ({ data }) => data.length,
      keys: ({ token }) => [token],
      send: async (sessions, deadline, timesLocked) => await this.#insert(sessions, deadline, access.lockTimeoutMs(timesLocked, deadline))
    })
    this.update = lanes.batch({
      ...shared,
      operation: 'update',
      dataBytes: ({ data }) => data.length,
      bytes: ({ data, seen }) => data.length + seen.bytes.length,
      keys: ({ token }) => [token],
      send: async (sessions, deadline, timesLocked) => await this.#update(sessions, deadline, access.lockTimeoutMs(timesLocked, deadline))
    })
    this.touch = lanes.batch({
      ...shared,
      operation: 'touch',
      bytes: ({ seen }) => seen.bytes.length,
      keys: ({ token }) => [token],
      send: async (sessions, deadline, timesLocked) => await this.#touch(sessions, deadline, access.lockTimeoutMs(timesLocked, deadline))
    })
    this.remove = lanes.batch({
      ...shared,
      operation: 'delete',
      bytes: () => 1,
      keys: token => [token],
      send: async (tokens, deadline, timesLocked) => await this.#remove(tokens, deadline, access.lockTimeoutMs(timesLocked, deadline))
    })
  }

  async #find (asked: ReadonlyArray<readonly string[]>, deadline: number, lockTimeoutMs: number): Promise<Found[]> {
    const { live, renewed, now } = await this.#read(distinct(asked), deadline, lockTimeoutMs)
    return asked.map(tokens => {
      const sessions: StoredSession[] = []
      for (const token of tokens) {
        const session = live.get(token)
        if (session !== undefined) sessions.push(session)
      }
      return renewed.size === 0 ? { now, sessions, renewed: NONE } : { now, sessions, ...renewedAmong(tokens, renewed) }
    })
  }

  async #insert (sessions: readonly NewSession[], deadline: number, lockTimeoutMs: number): Promise<boolean[]> {
    const { attempts, database } = this.#access
    const inserted: boolean[] = []
    for (const some of powersOfTwo(sessions)) {
      try {
        await attempts.use(deadline, false, async connection => { await database.insert(connection, some) }, some.length)
        inserted.push(...some.map(() => true))
      } catch (error) {
        const isDuplicate = some.length === 1 && database.kindOf(error) === 'duplicate'
        if (!isDuplicate && !(error instanceof LostError)) throw error
        // The row may exist, from this attempt or an earlier one. If it is missing, a delayed INSERT may still create it.
        const { live } = await this.#read(tokensOf(some), deadline, lockTimeoutMs)
        inserted.push(...some.map(({ token, data }) => holdsData(live.get(token), data)))
      }
    }
    return inserted
  }

  async #update (sessions: readonly ChangedSession[], deadline: number, lockTimeoutMs: number): Promise<Array<Outcome | undefined>> {
    const { attempts, database, reader } = this.#access
    const saved = new Set<ChangedSession>()
    /** An answer was lost: any session that is not among the saved ones may have been saved too. */
    let wasLost = false
    let newest: ReadRows | undefined
    try {
      // Repeated, an UPDATE that was carried out does nothing: the data is no longer what the caller saw.
      newest = await attempts.use(deadline, true, async connection => {
        const updating = database.update(connection, without(sessions, saved), lockTimeoutMs)
        for (const session of await updating.catch((error: unknown) => { wasLost ||= error instanceof LostError; throw error })) saved.add(session)
        const missed = without(sessions, saved)
        return missed.length === 0 ? undefined : await reader.find(connection, tokensOf(missed), lockTimeoutMs)
      }, sessions.length)
    } catch (error) {
      // A session that was saved, or may have been, must not be sent again.
      if (saved.size === 0 && !(wasLost && this.#canRetryIndividually(error))) throw error
      wasLost = true
    }
    return sessions.map(session => saved.has(session) ? SAVED : missedOutcome(session, newest, wasLost))
  }

  async #touch (sessions: readonly TouchedSession[], deadline: number, lockTimeoutMs: number): Promise<void[]> {
    const { attempts, database } = this.#access
    await attempts.use(deadline, true, async connection => { await database.touch(connection, sessions, lockTimeoutMs) }, sessions.length)
    return sessions.map(() => undefined)
  }

  /** Deletes rows, and then their successors, the successors of these, and so on. */
  async #remove (tokens: readonly string[], deadline: number, lockTimeoutMs: number): Promise<void[]> {
    const { attempts, database } = this.#access
    let remaining = tokens
    for (let i = 0; remaining.length > 0 && i < MOST_SUCCESSORS; i++) {
      const these = remaining
      remaining = await attempts.use(deadline, true, async connection => await database.remove(connection, these, lockTimeoutMs), these.length)
    }
    return tokens.map(() => undefined)
  }

  async #read (tokens: readonly string[], deadline: number, lockTimeoutMs: number): Promise<ReadRows> {
    const { attempts, reader } = this.#access
    return await attempts.use(deadline, true, async connection => await reader.find(connection, tokens, lockTimeoutMs), tokens.length)
  }

  #canRetryIndividually (error: unknown): boolean {
    return ['undone', 'locked', 'duplicate', 'failed'].includes(this.#access.database.kindOf(error))
  }
}

const NONE: readonly string[] = []
const SAVED: Outcome = { kind: 'saved' }

/** Each token once. */
function distinct (asked: ReadonlyArray<readonly string[]>): string[] {
  const tokens = new Set<string>()
  for (const some of asked) for (const token of some) tokens.add(token)
  return [...tokens]
}

function tokensOf (sessions: readonly NewSession[]): string[] {
  return sessions.map(({ token }) => token)
}

function without<T> (items: readonly T[], excluded: ReadonlySet<T>): readonly T[] {
  return excluded.size === 0 ? items : items.filter(item => !excluded.has(item))
}

/** What became of a session that is not known to have been saved. */
function missedOutcome ({ token, data }: ChangedSession, newest: ReadRows | undefined, wasLost: boolean): Outcome | undefined {
  const session = newest?.live.get(token)
  // It may have been saved, and then changed or ended by somebody else.
  if (wasLost || newest === undefined) return holdsData(session, data) ? SAVED : undefined
  return session === undefined ? { kind: 'gone' } : { kind: 'changed', now: newest.now, session }
}

/** In parts of 32, 16, 8 ... items. An INSERT cannot be filled up with rows, and is to be prepared for few sizes only. */
function * powersOfTwo<T> (items: readonly T[]): Iterable<readonly T[]> {
  for (let i = 0; i < items.length;) {
    const size = Math.min(MOST_INSERTED, 1 << (31 - Math.clz32(items.length - i)))
    yield items.slice(i, i + size)
    i += size
  }
}
