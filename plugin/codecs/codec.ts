import type { Tracked } from './tracked.js'

export type { Tracked } from './tracked.js'

/** What a session's row says, decoded. */
export interface SessionContent {
  /** When the session ends, in milliseconds since 1970 UTC, in the database's time. */
  deadline: number
  /** What `rememberMe` was last called with; undefined if never. */
  rememberMe: boolean | undefined
  /** The values by their keys. */
  values: Map<string, unknown>
  /** How the session is used, with the option `track`. A codec writes it and reads it again, beside the values. */
  tracked?: Tracked
  /**
   * What `decode` has noted of the keys' values for the next `encode`, such as the types that they have elsewhere. It
   * outlives changes of the values, and a merge of sessions merges it. Other notes have symbols for keys.
   */
  notes?: ReadonlyMap<string | symbol, unknown>
}

/** The row that a codec writes for, or reads from. */
export interface RowContext {
  /**
   * The key of the row: the hash of the session's token, or the token itself with `hashTokenInStore: false`. A renewed session
   * is encoded anew for its new row.
   */
  readonly rowKey: string
}

/**
 * Turns a session into the bytes in its row and back. Each method gets the row as well; a codec that does not bind its data
 * to the row leaves that argument out. The plugin always gives it.
 */
export interface Codec {
  /** The bytes of a session. */
  encode (content: SessionContent, row?: RowContext): Uint8Array
  /** The session in these bytes, in new objects at each call. Throws for what `encode` did not write. */
  decode (data: Uint8Array, row?: RowContext): SessionContent
  /**
   * How many bytes at the beginning of such data are new with every write, so that they tell one write from another. Left
   * out, or 0: all bytes are compared instead.
   */
  headerLength? (data: Uint8Array): number
  /**
   * Whether the data has exactly this value under the key. The plugin asks when a value is put that may be there already, and
   * when an object from `get` no longer equals what was decoded. So a codec may keep objects of classes that the plugin cannot
   * compare. False for a value that a session cannot keep. Left out: the data is decoded again and the values are compared.
   *
   * @param data bytes that `decode` has taken
   */
  holds? (data: Uint8Array, key: string, value: unknown, row?: RowContext): boolean
  /**
   * Throws `FST_SESSION_INVALID_VALUE` for a value that `encode` would refuse, so that `put` refuses it. Left out: there
   * is none among the values that a session keeps.
   */
  check? (value: unknown, key: string): void
  /**
   * Other programs than this plugin read and write these sessions. Then tokens are not hashed by default, a renewed
   * session leaves no note in its old row, and with an idle timeout the cookie is sent again when the expiry moves.
   * Default false.
   */
  readonly isShared?: boolean
}
