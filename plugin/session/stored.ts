import type { Row } from '../commit/rows.js'

/** The row of a session, and the token that leads to it. */
export interface Stored {
  readonly token: string
  readonly row: Row
}

/** A row that the session had until another request ended it. */
export interface Predecessor {
  readonly key: string
  /** Whether the session lives on under another token, which the browser has or is about to get. Undefined: unknown. */
  readonly isRenewed: boolean | undefined
}

/** A row that a session was found in, after other requests have renewed it. */
export interface LastSeen {
  /** The row that this request knows the session by. */
  readonly key: string
  /** The row that the session was in. */
  readonly as: string
}
