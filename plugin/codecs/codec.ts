/** What a session's row says, decoded. */
export interface SessionContent {
  /** When the session ends, in milliseconds since 1970 UTC, in the database's time. */
  deadline: number
  /** What `rememberMe` was last called with; undefined if never. */
  rememberMe: boolean | undefined
  /** The values by their keys. */
  values: Map<string, unknown>
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
   * Whether the data has exactly this value under the key. So the plugin notices what an application has changed in place of
   * a value from `get`. False for a value that a session cannot keep. Left out: the data is decoded again and the values are
   * compared.
   *
   * @param data bytes that `decode` has taken
   */
  holds? (data: Uint8Array, key: string, value: unknown, row?: RowContext): boolean
}
