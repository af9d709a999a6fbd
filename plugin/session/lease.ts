import type { FastifyBaseLogger } from 'fastify'
import type { Keeper, Kept } from './keeper.js'
import type { Patience } from './patience.js'
import type { Response } from './response.js'
import type { SessionValues } from './session-values.js'
import type { SessionStorage } from './storage.js'

/** What a {@link Lease} must know of its request. */
export interface LeaseSettings {
  readonly storage: SessionStorage
  readonly keeper: Keeper
  readonly response: Response
  readonly log: FastifyBaseLogger
  /** When the session was loaded, and when its row then expired, by `performance.now()`. Undefined if no row was found. */
  readonly loaded: { readonly at: number, readonly expiry: number } | undefined
  /** The session, if it has been opened. */
  readonly values: () => SessionValues | undefined
  /** The session. It is opened if it has not been. */
  readonly open: () => SessionValues
  /** Whether the request is writing, which moves the expiry, too. */
  readonly isWriting: () => boolean
  /** Is called before the expiry moves: the cookie may have to follow it. */
  readonly onMove: () => void
}

/**
 * The time that a session with an idle timeout has left. The session of a request that came in time lives until the request's
 * end, however long that takes. Its expiry moves at most once per `touchInterval`.
 */
export class Lease implements Kept {
  before: Kept | undefined
  after: Kept | undefined
  readonly #of: LeaseSettings
  #prolonging: Promise<void> | undefined
  #lastsUntilClose = false

  constructor (of: LeaseSettings) {
    this.#of = of
  }

  /**
   * The request has arrived, or has saved a session of its own. A websocket's session is not kept, unless the application says
   * so by {@link lastUntilClose}.
   */
  begin (): void {
    const { keeper, response } = this.#of
    if (this.#expiry === undefined || response.isUpgrade) return
    keeper.add(this)
    this.keep()
  }

  get isOver (): boolean {
    return this.#of.response.isOver
  }

  keep (): void {
    const expiry = this.#expiry
    if (expiry !== undefined && this.#of.storage.rows.isNear(expiry) && !this.#of.isWriting()) void this.prolong()
  }

  /** Moves the expiry now, if that is due. Other requests may have written or touched the session since it was loaded. */
  prolong (patience = this.#of.storage.patience()): Promise<void> {
    this.#prolonging ??= this.#prolong(patience).finally(() => { this.#prolonging = undefined })
    return this.#prolonging
  }

  async #prolong (patience: Patience): Promise<void> {
    const { storage, keeper, log, onMove, open } = this.#of
    onMove()
    if (!await patience.spend(deadline => storage.prolong(open(), deadline, log))) keeper.delete(this)
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
    const { storage, loaded, onMove, open, log } = this.#of
    if (loaded !== undefined && storage.rows.isLong(performance.now() - loaded.at)) return await this.prolong(patience)
    onMove()
    await patience.spend(deadline => storage.touch(open(), deadline, log))
  }

  /** The headers are about to leave. */
  headersLeave ({ isStream }: { readonly isStream: boolean }): void {
    if (isStream) this.lastUntilClose()
    else if (!this.#lastsUntilClose) this.#of.keeper.delete(this)
  }

  /** Keeps the session alive until the response, or the connection of a websocket, is over. */
  lastUntilClose (): void {
    if (this.#lastsUntilClose || this.#expiry === undefined) return
    this.#lastsUntilClose = true
    const { keeper, response } = this.#of
    keeper.add(this)
    response.onClose(() => {
      keeper.delete(this)
      void this.prolong()
    })
    this.keep()
  }

  get #mayNeedTouch (): boolean {
    const expiry = this.#expiry
    return expiry !== undefined && this.#of.storage.rows.mayNeedTouch(expiry)
  }

  /** When the row expires, by `performance.now()`, as far as can be told without decoding it. Undefined if there is none. */
  get #expiry (): number | undefined {
    const values = this.#of.values()
    return values === undefined ? this.#of.loaded?.expiry : values.stored?.row.expiry
  }
}
