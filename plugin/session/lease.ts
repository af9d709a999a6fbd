import type { FastifyBaseLogger } from 'fastify'
import type { Keeper, Kept } from './keeper.js'
import type { Patience } from './patience.js'
import type { Response } from './response.js'
import type { SessionValues } from './session-values.js'
import type { SessionStorage } from './storage.js'

/** What a {@link Lease} must know of its request. Times are those of `performance.now()`. */
export interface LeaseHolder {
  readonly log: FastifyBaseLogger
  readonly response: Response
  readonly loadedAt: number
  /** When the row that was loaded expires. Undefined if none was found. */
  readonly loadedExpiry: number | undefined
  /** The session, if it has been opened. */
  readonly opened: SessionValues | undefined
  /** The session. It is opened if it has not been. */
  readonly current: SessionValues
  /** Whether the request is writing, which moves the expiry, too. */
  readonly isWriting: boolean
  /** The expiry is about to move: the cookie may have to follow it. */
  expiryMoves (): void
}

/**
 * The time that a session with an idle timeout has left. A session that is live when its request comes stays live until the
 * request ends, however long that takes. Its expiry moves at most once per `touchInterval`.
 */
export class Lease implements Kept {
  before: Kept | undefined
  after: Kept | undefined
  readonly #storage: SessionStorage
  readonly #keeper: Keeper
  readonly #holder: LeaseHolder
  #prolonging: Promise<void> | undefined
  #lastsUntilClose = false

  constructor (storage: SessionStorage, keeper: Keeper, holder: LeaseHolder) {
    this.#storage = storage
    this.#keeper = keeper
    this.#holder = holder
  }

  /**
   * The request has arrived, or has saved a session of its own. A websocket's session is not kept, unless the application says
   * so by {@link lastUntilClose}.
   */
  begin (): void {
    if (this.#expiry === undefined || this.#holder.response.isUpgrade) return
    this.#keeper.add(this)
    this.keep()
  }

  get isOver (): boolean {
    return this.#holder.response.isOver
  }

  keep (): void {
    const expiry = this.#expiry
    if (expiry !== undefined && this.#storage.rows.isNear(expiry) && !this.#holder.isWriting) void this.prolong()
  }

  /** Moves the expiry now, if that is due. Reads the row first: other requests may have written or touched it since it was loaded. */
  prolong (patience = this.#storage.patience()): Promise<void> {
    this.#prolonging ??= this.#prolong(patience).finally(() => { this.#prolonging = undefined })
    return this.#prolonging
  }

  async #prolong (patience: Patience): Promise<void> {
    this.#holder.expiryMoves()
    const { current, log } = this.#holder
    if (!await patience.spend(deadline => this.#storage.prolong(current, deadline, log))) this.#keeper.delete(this)
  }

  /** A touch that is on its way. */
  get prolonging (): Promise<void> | undefined {
    return this.#prolonging
  }

  /** Whether there may be something to do before the headers. */
  get isPending (): boolean {
    return this.#prolonging !== undefined || this.#mayNeedTouch
  }

  /** Before the headers of a reply: moves the expiry, if that is due. */
  async touch (patience: Patience): Promise<void> {
    await this.#prolonging
    if (!this.#mayNeedTouch) return
    const { loadedAt, loadedExpiry } = this.#holder
    if (loadedExpiry !== undefined && this.#storage.rows.isLong(performance.now() - loadedAt)) return await this.prolong(patience)
    this.#holder.expiryMoves()
    const { current, log } = this.#holder
    await patience.spend(deadline => this.#storage.touch(current, deadline, log))
  }

  /** The headers are about to leave. */
  headersLeave ({ isStream }: { readonly isStream: boolean }): void {
    if (isStream) this.lastUntilClose()
    else if (!this.#lastsUntilClose) this.#keeper.delete(this)
  }

  /** Keeps the session alive until the response, or the connection of a websocket, is over. */
  lastUntilClose (): void {
    if (this.#lastsUntilClose || this.#expiry === undefined) return
    this.#lastsUntilClose = true
    this.#keeper.add(this)
    this.#holder.response.onClose(() => {
      this.#keeper.delete(this)
      void this.prolong()
    })
    this.keep()
  }

  get #mayNeedTouch (): boolean {
    const expiry = this.#expiry
    return expiry !== undefined && this.#storage.rows.mayNeedTouch(expiry)
  }

  /** When the row expires, by `performance.now()`, as far as can be told without decoding it. Undefined if there is none. */
  get #expiry (): number | undefined {
    const { opened } = this.#holder
    return opened === undefined ? this.#holder.loadedExpiry : opened.stored?.row.expiry
  }
}
