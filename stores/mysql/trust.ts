/*
 * Which connections of a pool may still be used. Two events make others suspect:
 *
 * - A connection turns out to lead to a server that is read-only. After a failover the older connections lead to the
 *   former primary, and what they read is old. All connections that were opened before are closed when they are taken next.
 *   If a new one is read-only as well, the store pauses before it opens another: 50 ms, then twice as long, up to a second.
 * - A connection is dead. A firewall that forgets idle connections has forgotten every one that was idle for as long.
 */

/** A read-only server is read from for so long after a connection to it was opened, in milliseconds; then the store looks for a primary again. */
const READ_ONLY_AGE = 5000
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1000

export class Trust {
  readonly #openedAt = new WeakMap<object, number>()
  readonly #usedAt = new WeakMap<object, number>()
  /** Connections that were opened before are not trusted. */
  #trustedFrom = -Infinity
  /** Connections that were last used at this time, or before, are not trusted. */
  #deadSince = -Infinity
  #pause = 0
  #pauseUntil = -Infinity

  opened (connection: object): void {
    this.#openedAt.set(connection, performance.now())
  }

  /** The store used the connection, and it answered. */
  used (connection: object): void {
    this.#usedAt.set(connection, performance.now())
  }

  isTrusted (connection: object): boolean {
    return this.#opening(connection) >= this.#trustedFrom && (this.#usedAt.get(connection) ?? Infinity) > this.#deadSince
  }

  /** How long to wait before the next connection is taken, in milliseconds. */
  get pause (): number {
    return Math.max(0, this.#pauseUntil - performance.now())
  }

  /** The connection does not answer, or was closed by the other side. */
  lost (connection: object): void {
    const idleSince = this.#usedAt.get(connection)
    if (idleSince !== undefined) this.#deadSince = Math.max(this.#deadSince, idleSince)
  }

  /** The connection leads to a read-only server, which refused a write. */
  refusedWrite (connection: object): void {
    // Of the connections that were opened before the last event, one more says nothing new.
    if (this.#opening(connection) < this.#trustedFrom) return
    const now = performance.now()
    const isFirst = this.#trustedFrom === -Infinity || now - this.#trustedFrom > 10 * LONGEST_PAUSE
    this.#pause = isFirst ? 0 : Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, 2 * this.#pause))
    this.#pauseUntil = now + this.#pause * (0.5 + Math.random() / 2)
    this.#trustedFrom = now
  }

  /** The connection leads to a read-only server, from which it read. Returns whether the read counts: nothing better was to be had lately. */
  readFromReadOnly (connection: object): boolean {
    const openedAt = this.#opening(connection)
    const isRecent = this.#trustedFrom !== -Infinity && openedAt >= this.#trustedFrom && performance.now() - openedAt < READ_ONLY_AGE
    if (!isRecent && openedAt >= this.#trustedFrom) this.#trustedFrom = performance.now()
    return isRecent
  }

  /** A connection that was there before the store is as old as can be. */
  #opening (connection: object): number {
    return this.#openedAt.get(connection) ?? -Infinity
  }
}
