import type { MysqlCallback, MysqlCallbackPool, MysqlConnection } from './pool.js'

/**
 * Tells which connections of a shared pool nobody else has used since the store gave them back: only the others must be
 * checked. mysql2's pool emits 'acquire' when it takes a connection from its free ones, and 'release' when it puts one
 * there, both during the call; a connection that goes straight to the next caller in the pool's queue has neither event.
 * For a pool without such events every connection counts as used by others.
 */
export class SharedUse {
  readonly #pool: MysqlCallbackPool
  /** Free connections that the store put back itself. */
  readonly #clean = new WeakSet<object>()
  #releasing: object | undefined
  #acquired: object | undefined

  constructor (pool: MysqlCallbackPool) {
    this.#pool = pool
    pool.on?.('acquire', this.#onAcquire)
    pool.on?.('release', this.#onRelease)
  }

  /** Takes a connection. `isClean` says that nobody else has used it since {@link release}. */
  take (callback: (error: Parameters<MysqlCallback>[0], connection: MysqlConnection, isClean: boolean) => void): void {
    const taken: { clean?: object | undefined } = {}
    this.#acquired = undefined
    this.#pool.getConnection((error, connection) => callback(error, connection, taken.clean !== undefined && taken.clean === connection))
    taken.clean = this.#acquired
  }

  release (connection: MysqlConnection): void {
    this.#releasing = connection
    connection.release()
    this.#releasing = undefined
  }

  /** Stops listening to the pool. */
  close (): void {
    this.#pool.removeListener?.('acquire', this.#onAcquire)
    this.#pool.removeListener?.('release', this.#onRelease)
  }

  readonly #onAcquire = (connection: object): void => {
    this.#acquired = this.#clean.delete(connection) ? connection : undefined
  }

  readonly #onRelease = (connection: object): void => {
    if (connection === this.#releasing) this.#clean.add(connection)
  }
}
