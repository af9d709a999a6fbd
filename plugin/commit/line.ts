import type { Changes } from './changes.js'
import type { Exchange } from './exchange.js'
import type { Row, Rows } from './rows.js'
import type { SessionContent } from '../codecs/codec.js'
import type { SessionReport } from '../diagnostics.js'
import { SessionGoneError, StoreMisconfiguredError, StoreUnavailableError, TableMissingError } from '../errors.js'
import { timeLeft } from '../../stores/deadline.js'
import { Deadlines, type Waiting } from '../../stores/deadlines.js'
import { copyOf } from '../../stores/errors.js'
import { Pending } from '../../stores/pending.js'
import type { ChangedSession, SessionStore } from '../../stores/store.js'

/** After this many conflicts with other writers a line locks its row, so that every request gets its turn. */
const MOST_CONFLICTS = 2
/** How many requests wait at most, in all lines together. */
const MOST_WAITING = 10_000

/** What the lines must know. */
export interface LineSettings {
  /** Is told of conflicts with other writers. */
  readonly report: Pick<SessionReport, 'merge'>
  readonly store: SessionStore
}

/**
 * The queues of requests in this process, one per session. While a write is running, further requests gather. The next
 * write then holds the changes of all of them.
 */
export class Lines {
  readonly #settings: LineSettings
  readonly #rows: Rows
  readonly #exchange: Exchange
  /** The queued requests by the keys of their rows. A line is here for as long as it is served. */
  readonly #lines = new Map<string, Entry[]>()
  readonly #deadlines = new Deadlines()

  constructor (settings: LineSettings, rows: Rows, exchange: Exchange) {
    this.#settings = settings
    this.#rows = rows
    this.#exchange = exchange
  }

  /**
   * Replaces the session in a row. Rejects with `FST_SESSION_GONE` if the session has ended, and with
   * `FST_SESSION_STORE_UNAVAILABLE` after the deadline or if too many requests wait.
   *
   * @param row the row as the request has loaded it or written it last
   * @param deadline when the request stops waiting, in milliseconds of `performance.now()`
   * @param own the row's content with the changes applied. Left out, the changes are applied to what is in the row. It is
   * encoded before this method returns, or not used.
   */
  update (row: Row, changes: Changes, deadline: number, own?: SessionContent): Promise<Row> {
    if (this.#deadlines.size >= MOST_WAITING) return Promise.reject(new StoreUnavailableError(`${MOST_WAITING} requests are waiting for it`))
    const entry = new Entry(row, changes, deadline, this.#answered)
    this.#deadlines.add(entry)
    const line = this.#lines.get(row.key)
    if (line === undefined) void this.#serve(entry, own)
    else line.push(entry)
    return entry.answer
  }

  readonly #answered = (entry: Waiting): void => { this.#deadlines.delete(entry) }

  /** Serves a line until it is empty. */
  async #serve (first: Entry, own: SessionContent | undefined): Promise<void> {
    const line: Entry[] = []
    this.#lines.set(first.row.key, line)
    let newest = await this.#write([first], first.row, own)
    while (line.length > 0) {
      const entries = line.splice(0) as [Entry, ...Entry[]]
      newest = await this.#write(entries, newest ?? entries[0].row)
    }
    this.#lines.delete(first.row.key)
  }

  /** Writes the changes of several requests at once and answers them. Never rejects. Returns what is in the row, if known. */
  async #write (entries: readonly Entry[], newest: Row, own?: SessionContent): Promise<Row | undefined> {
    let waiting = entries
    try {
      let row = newest
      let content = own ?? this.#open(row.key, row.data)
      if (own === undefined) waiting = this.#apply(waiting, content, row)
      for (let conflicts = 0; waiting.length > 0; conflicts++) {
        if (conflicts === MOST_CONFLICTS) return await this.#writeLocked(row.key, waiting)
        const { update, written } = this.#writeOf(row, content, waiting)
        const outcome = await this.#settings.store.update(update, timeLeft(latest(waiting)))
        if (outcome.kind === 'gone') throw new SessionGoneError()
        if (outcome.kind === 'saved') return answer(waiting, written(content === own ? content.values : undefined))
        this.#settings.report.merge(row.key, conflicts + 1, waiting.length)
        content = this.#open(row.key, outcome.session.data)
        row = this.#rows.found(outcome.session, content, performance.now())
        waiting = this.#apply(waiting, content, row)
      }
      return row
    } catch (error) {
      return await this.#oneByOne(waiting, error)
    }
  }

  /** One write of the content. Nothing is saved if another writer has changed the row. */
  #writeOf (row: Row, content: SessionContent, entries: readonly Entry[]): { readonly update: ChangedSession, written (values: Row['values']): Row } {
    const now = this.#rows.now()
    const session = this.#rows.encode(row.key, content, now, row, entries.map(({ changes }) => changes))
    const keepsExpiry = this.#rows.keepsExpiry(row, content.deadline, now)
    const ttl = keepsExpiry ? row.expiry - performance.now() : session.ttl
    for (const { changes } of entries) changes.noteAttempt(this.#rows.version(session.data))
    const { token, data, owner } = session
    const seen = this.#rows.seen(row, content.deadline)
    return {
      // What the row says of its owner stays, if that is right: an ordinary write sends no owner.
      update: owner === undefined || owner === row.owner ? { token, data, ttl, seen } : { token, data, ttl, seen, owner },
      // It is called with the store's answer: about then the time to live began.
      written: values => this.#rows.written(session, content, values, keepsExpiry ? row.expiry : undefined)
    }
  }

  async #writeLocked (key: string, entries: readonly Entry[]): Promise<Row> {
    let waiting = entries
    const row = await this.#exchange.lock(key, latest(entries), (content, locked) => {
      waiting = this.#apply(entries, content, locked)
      return waiting.map(({ changes }) => changes)
    })
    return answer(waiting, row)
  }

  /** The content of a row whose session must not have ended. */
  #open (key: string, data: Uint8Array): SessionContent {
    const content = this.#rows.liveContent(key, data, this.#rows.now())
    if (content === undefined) throw new SessionGoneError()
    return content
  }

  /**
   * Applies the changes of each request to the content of a row. Returns the requests whose changes must be written; the
   * others are answered: their changes have failed, or a write of theirs whose answer was lost has made this row, or there was
   * only a use to note, and another request has noted its own.
   */
  #apply (entries: readonly Entry[], content: SessionContent, row: Row): Entry[] {
    const version = this.#rows.version(row.data)
    return entries.filter(entry => {
      if (entry.isAnswered) return false
      const missing = entry.changes.missingIn(version)
      if (missing.isEmpty || (missing.isOnlyUse && !this.#rows.isUseDue(content.tracked))) {
        entry.resolve(row.withoutValues())
        return false
      }
      try {
        missing.apply(content)
        return true
      } catch (error) {
        entry.reject(error)
        return false
      }
    })
  }

  /**
   * Answers the requests of a write that failed. If the fault may be one request's (it has put what cannot be encoded, or
   * made the session too large), each is written by itself.
   */
  async #oneByOne (entries: readonly Entry[], error: unknown): Promise<Row | undefined> {
    if (entries.length === 1 || concernsAll(error)) {
      entries.forEach((entry, i) => entry.reject(i > 0 && error instanceof Error ? copyOf(error) : error))
      return undefined
    }
    let newest: Row | undefined
    for (const entry of entries) newest = await this.#write([entry], newest ?? entry.row) ?? newest
    return newest
  }
}

/** A request in a line. It is answered by its write, or when its time is up. */
class Entry extends Pending<Row> {
  readonly row: Row
  readonly changes: Changes

  constructor (row: Row, changes: Changes, deadline: number, onAnswered: (entry: Waiting) => void) {
    super(deadline, onAnswered)
    this.row = row
    this.changes = changes
  }
}

/** When the last of the requests stops waiting. */
function latest (entries: readonly Entry[]): number {
  return entries.reduce((latest, { deadline }) => Math.max(latest, deadline), 0)
}

function answer (entries: readonly Entry[], row: Row): Row {
  for (const entry of entries) entry.resolve(row)
  return row
}

/** Whether an error says nothing about single requests: a write for each of them would fail too. */
function concernsAll (error: unknown): boolean {
  return [SessionGoneError, StoreUnavailableError, StoreMisconfiguredError, TableMissingError].some(kind => error instanceof kind)
}
