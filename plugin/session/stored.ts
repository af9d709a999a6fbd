import type { Row } from '../commit/rows.js'

/** The row of a session, and the token that leads to it. */
export interface Stored {
  readonly token: string
  readonly row: Row
  /** Another request has renewed the session, and sends the new token itself. */
  readonly isFollowed?: boolean
}

/** A row that the session had until another request ended it. */
export interface Predecessor {
  readonly key: string
  /** Whether the session lives on under another token, which the browser has or is about to get. Undefined: unknown. */
  readonly isRenewed: boolean | undefined
}

/** Where the session of a request is stored, and was. */
export class Whereabouts {
  #stored: Stored | undefined
  #predecessor: Predecessor | undefined
  #isTokenTold = false
  /** The new token of a renewal that has failed, and that may have been carried out. */
  renewal: string | undefined
  /** A row that the session was found in, after others have renewed it; `key` is the row that this request knows. */
  lastSeen: { readonly key: string, readonly as: string } | undefined

  constructor (stored: Stored | undefined, predecessor: Predecessor | undefined) {
    this.#stored = stored
    this.#predecessor = predecessor
  }

  /** Undefined if the session is not stored. */
  get stored (): Stored | undefined {
    return this.#stored
  }

  /** Where the session was stored until another request ended it. */
  get predecessor (): Predecessor | undefined {
    return this.#predecessor
  }

  /** The token, for the application; '' if there is none. */
  tellToken (): string {
    this.#isTokenTold = true
    return this.#stored?.token ?? ''
  }

  /** Whether the application has asked for the token since the token last changed. */
  get isTokenTold (): boolean {
    return this.#isTokenTold
  }

  /** The session was written or found there. */
  is (stored: Stored): void {
    if (stored.token !== this.#stored?.token) this.#isTokenTold = false
    this.#stored = stored
    this.#predecessor = undefined
  }

  /** A touch, or another request, has moved the expiry of the row. A write may have moved it further meanwhile. */
  touched (expiry: number): void {
    if (this.#stored !== undefined && expiry > this.#stored.row.expiry) this.#stored = { ...this.#stored, row: this.#stored.row.expiringAt(expiry) }
  }

  /** Another request has ended the session. */
  end (): void {
    if (this.#stored !== undefined) this.#predecessor = { key: this.#stored.row.key, isRenewed: undefined }
    this.#stored = undefined
  }
}
