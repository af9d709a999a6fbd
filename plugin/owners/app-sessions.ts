import { Damage } from './damage.js'
import { Ending, type EndingSettings } from './ending.js'
import { OwnerLimit } from './limit.js'
import { inPages } from './pages.js'
import { Reader } from './reader.js'
import type { SessionRecord } from './record.js'
import { Settling } from './settling.js'
import type { SessionContent } from '../codecs/codec.js'
import type { Rows } from '../commit/rows.js'
import { InvalidArgumentError, OwnersOffError } from '../errors.js'
import { ownerAskedFor, type Owner } from '../owner.js'
import { ID_LENGTH } from '../../stores/session-id.js'
import type { StoredSession, StoreLog } from '../../stores/store.js'
import { inspected } from '../../stores/validate.js'

/** Whose sessions. */
export interface OfOwner {
  /** A value of the key that the option `owner` names. 7, 7n and '7' are one owner. */
  readonly owner: Owner
}

/**
 * The sessions outside their requests: those of one user, and all of them.
 *
 * Every method throws or rejects with `FST_SESSION_INVALID_ARGUMENT` for a wrong argument, above all for an owner that is
 * undefined, null or '', with `FST_SESSION_NO_OWNERS` where it is asked for an owner without the option `owner`, and with
 * `FST_SESSION_STORE_UNAVAILABLE`. The sessions of an owner are found by an index. Before that, the method
 * reads each row whose owner nobody knows, and writes its owner. SCS writes such rows. At the first call after the column was
 * added, all rows are such rows.
 */
export interface UserSessions {
  /**
   * Returns the live session of this id, or undefined. The index of the table's key finds it; with `hashTokenInStore: false` it
   * reads all sessions, or those of the owner.
   */
  find (id: string, of?: OfOwner): Promise<SessionRecord | undefined>

  /**
   * The live sessions of an owner, in no particular order, read in pages. A session that is renewed meanwhile may be missing.
   * One that cannot be decoded is left out, and the log says so.
   */
  list (of: OfOwner): AsyncIterableIterator<SessionRecord>

  /** All live sessions of the table, likewise, in constant memory. */
  all (): AsyncIterableIterator<SessionRecord>

  /** Counts the live sessions of the table, or those of an owner. */
  count (of?: OfOwner): Promise<number>

  /**
   * Ends the session of this id at once and for all requests. With an owner, it ends the session only if it is that
   * owner's. Always pass the owner where the id comes from a user. Returns whether there was such a session. A renewed session has another id.
   */
  destroy (id: string, of?: OfOwner): Promise<boolean>

  /**
   * Ends all sessions of an owner: sign-out everywhere. When it resolves, there was a moment since the call at which the owner
   * had no session but those of `except`. A request that was under way with one of them and wants to save gets 409. A
   * sign-in after that moment begins a new session, so change the password before.
   *
   * Rejects with `FST_SESSION_OWNER_BUSY` if sessions go on being made. If it rejects, some sessions may have been ended:
   * call it again.
   *
   * @param of.except ids of sessions to spare, such as `request.session.id`
   * @returns how many it has ended
   */
  destroyAll (of: OfOwner & { readonly except?: string | readonly string[] }): Promise<number>
}

/** What {@link AppSessions} must know. */
export interface AppSessionsSettings extends EndingSettings {
  /** Whether ids are how the keys of rows begin. */
  readonly hashTokenInStore: boolean
  /** Whether the store is known to read from a key on. */
  readonly canSeek: boolean
  readonly maxPerOwner: number | undefined
  readonly track: boolean
  readonly storeTimeout: number
}

/** Rows counted at once. */
const PAGE = 1000
/** Rows read at once by {@link AppSessions.find}, which looks for one. */
const FEW = 4

export class AppSessions implements UserSessions {
  readonly #settings: AppSessionsSettings
  readonly #reader: Reader
  readonly #settling: Settling
  readonly #ending: Ending
  /** Undefined if an owner may have any number of sessions. */
  readonly limit: OwnerLimit | undefined

  constructor (settings: AppSessionsSettings, rows: Rows, log: StoreLog) {
    this.#settings = settings
    this.#reader = new Reader(settings, rows, log)
    this.#settling = new Settling(settings, this.#reader)
    this.#ending = new Ending(settings, this.#reader, this.#settling)
    const { maxPerOwner } = settings
    this.limit = maxPerOwner === undefined ? undefined : new OwnerLimit({ ...settings, maxPerOwner }, this.#reader, this.#settling, this.#ending, log)
  }

  async find (id: string, of?: OfOwner): Promise<SessionRecord | undefined> {
    const owner = this.#owner('find', of)
    return await this.#reader.reporting(async damage => {
      const row = await this.#row('find', id, owner, damage)
      const content = row && this.#reader.contentOf(row, damage)
      return row && content && this.#reader.recordOf(row, content)
    })
  }

  list (of: OfOwner): AsyncIterableIterator<SessionRecord> {
    const owner = this.#neededOwner('list', of)
    return this.#records(owner)
  }

  all (): AsyncIterableIterator<SessionRecord> {
    return this.#records(undefined)
  }

  async count (of?: OfOwner): Promise<number> {
    const owner = this.#owner('count', of)
    const { store } = this.#settings
    if (owner !== undefined) await this.#reader.reporting(async damage => { await this.#settling.settle(damage) })
    if (store.count !== undefined) return await store.count(owner)
    return await inPages(store.scan(undefined, owner === undefined ? {} : { owner }), PAGE, async () => {})
  }

  async destroy (id: string, of?: OfOwner): Promise<boolean> {
    const owner = this.#owner('destroy', of)
    return await this.#reader.reporting(async damage => {
      const row = await this.#row('destroy', id, owner, damage)
      if (row !== undefined) await this.#ending.end(row.token)
      return row !== undefined
    })
  }

  async destroyAll (of: OfOwner & { readonly except?: string | readonly string[] }): Promise<number> {
    const owner = this.#neededOwner('destroyAll', of, ['except'])
    const spared = idsOf(of.except)
    return await this.#reader.reporting(async damage => await this.#ending.endAll(owner, spared, damage))
  }

  async * #records (owner: string | undefined): AsyncGenerator<SessionRecord, undefined> {
    const damage = new Damage()
    try {
      if (owner !== undefined) await this.#settling.settle(damage)
      for await (const row of this.#settings.store.scan(undefined, owner === undefined ? {} : { owner })) {
        const content = this.#reader.contentOf(row, damage)
        if (content === undefined || (owner !== undefined && !await this.#isOf(owner, row, content, damage))) continue
        const record = this.#reader.recordOf(row, content)
        if (record !== undefined) yield record
      }
    } finally {
      this.#reader.report(damage)
    }
  }

  /** The row of the live session that has this id; with an owner only if it is that owner's. */
  async #row (method: string, id: unknown, owner: string | undefined, damage: Damage): Promise<StoredSession | undefined> {
    if (typeof id !== 'string') throw new InvalidArgumentError(`${method} needs the id of a session, not ${inspected(id)}`)
    if (!IS_ID.test(id)) return undefined
    for await (const row of this.#rowsNear(id, owner, damage)) {
      if (this.#settings.idOf(row.token) !== id) continue
      if (owner === undefined) return row
      const content = this.#reader.contentOf(row, damage)
      return content !== undefined && this.#reader.ownerOf(content) === owner ? row : undefined
    }
    return undefined
  }

  /** Candidate rows. If there is a row of this id, it is among them. */
  async * #rowsNear (id: string, owner: string | undefined, damage: Damage): AsyncGenerator<StoredSession, undefined> {
    const { store, hashTokenInStore, canSeek } = this.#settings
    if (!hashTokenInStore || !canSeek) {
      if (owner !== undefined) await this.#settling.settle(damage)
      yield * store.scan(undefined, owner === undefined ? {} : { owner })
      return
    }
    for await (const row of store.scan(FEW, { after: id })) {
      // In a table that ignores case, keys that differ in case alone stand side by side.
      if (row.token.slice(0, ID_LENGTH).toLowerCase() !== id.toLowerCase()) return
      yield row
    }
  }

  /** Whether a row really is of the owner in its column. Another program may have changed the session and not the column. */
  async #isOf (owner: string, row: StoredSession, content: SessionContent, damage: Damage): Promise<boolean> {
    if (this.#reader.ownerOf(content) === owner) return true
    await this.#settling.write(row, content, damage)
    return false
  }

  #owner (method: string, of: unknown): string | undefined {
    return of === undefined ? undefined : this.#neededOwner(method, of)
  }

  #neededOwner (method: string, of: unknown, others: readonly string[] = []): string {
    if (typeof of !== 'object' || of === null || Array.isArray(of)) throw new InvalidArgumentError(`${method} needs an object like { owner: 42 }, not ${inspected(of)}`)
    const unknown = Object.keys(of).find(name => name !== 'owner' && !others.includes(name))
    if (unknown !== undefined) throw new InvalidArgumentError(`${method} knows no ${unknown}. There are: ${['owner', ...others].join(', ')}`)
    if (this.#settings.owner === undefined) throw new OwnersOffError(method)
    return ownerAskedFor(method, 'owner' in of ? of.owner : undefined)
  }
}

const IS_ID = new RegExp(`^[\\w-]{${ID_LENGTH}}$`)

function idsOf (except: unknown): ReadonlySet<string> {
  const ids = new Set<string>()
  for (const id of except === undefined ? [] : Array.isArray(except) ? except as readonly unknown[] : [except]) {
    if (typeof id !== 'string') throw new InvalidArgumentError(`destroyAll needs ids of sessions in except, not ${inspected(id)}`)
    ids.add(id)
  }
  return ids
}
