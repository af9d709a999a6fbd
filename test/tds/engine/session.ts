import { SqlError } from '../sql-error.js'
import type { Reply } from '../tokens.js'
import { Command, EnvChange } from '../tokens.js'
import { INT, MAX } from '../types.js'
import { AppLocks } from './app-locks.js'
import type { Catalog, Table } from './catalog.js'
import { MariaDb } from './mariadb.js'
import type { Result } from './mariadb.js'
import type { ReadLock } from './queries.js'
import type { Server } from './server.js'
import { Cancelled, ConnectionLost, translateError } from './translate-error.js'

export interface Settings {
  readonly noCount: boolean
  readonly xactAbort: boolean
  /** Milliseconds, -1 without end. */
  readonly lockTimeout: number
  readonly isolation: string
  readonly implicitTransactions: boolean
  /** SET ROWCOUNT: the most rows that a statement returns or changes. 0 is no limit. */
  readonly rowCount: number
  /** SET TEXTSIZE: the most bytes of a (max) column that a SELECT returns. */
  readonly textSize: number
  /** The current database, as clients call it. */
  readonly database: string
}

/** The state of one connection: its transaction, its settings, its locks, and whether its request was cancelled. */
export class Session {
  readonly server: Server
  readonly spid: number
  readonly locks: AppLocks
  readonly #db: MariaDb
  #settings: Settings
  #transactions = 0
  #descriptor = 0n
  #clock: number | null = null
  #cancelled = false
  #tidying = false
  #wake: (() => void) | undefined
  static #descriptors = 0x3000000000n

  private constructor (server: Server, db: MariaDb, spid: number) {
    this.server = server
    this.#db = db
    this.spid = spid
    this.#settings = defaults(server)
    this.locks = new AppLocks((sql) => this.run(sql), (sql) => this.#quietly(sql))
  }

  static async open (server: Server, spid: number): Promise<Session> {
    return new Session(server, await MariaDb.connect(server.mariadb), spid)
  }

  get settings (): Settings { return this.#settings }
  /** @@OPTIONS, of the options that the front knows. */
  get options (): number {
    const { noCount, xactAbort, implicitTransactions } = this.#settings
    return (implicitTransactions ? 2 : 0) | (noCount ? 512 : 0) | (xactAbort ? 16384 : 0)
  }

  /** @@TRANCOUNT */
  get transactions (): number { return this.#transactions }
  /** What the client sends with each request of the open transaction. */
  get descriptor (): bigint { return this.#descriptor }

  /** All tables, as seen from the current database. */
  async catalog (fresh = false): Promise<Catalog> {
    return (await this.server.catalog(fresh)).in(this.#settings.database)
  }

  /** USE: from now on names without a database refer to this one. */
  async use (name: string, reply: Reply): Promise<void> {
    const wanted = this.server.databaseNamed(name)
    if (wanted === undefined) throw new SqlError(911, `Database '${name}' does not exist. Make sure that the name is entered correctly.`)
    reply.envChange(EnvChange.database, wanted, this.#settings.database)
    reply.info(5701, `Changed database context to '${wanted}'.`)
    await this.set({ database: wanted })
  }

  /** Runs one MariaDB statement. Rejects with the error that SQL Server would report. */
  async run (sql: string, table?: Table): Promise<Result> {
    if (this.#cancelled) throw new Cancelled()
    try {
      return await this.#db.query(this.#limit + sql)
    } catch (error) {
      const translated = translateError(error, await this.catalog(), table)
      // An interruption that the client did not ask for is a lost connection.
      throw translated instanceof Cancelled && !this.#cancelled ? new ConnectionLost('killed') : translated
    }
  }

  /** Answers `SELECT 1` without a statement of MariaDB. */
  ping (reply: Reply): void {
    if (this.#db.lost) throw new ConnectionLost('MariaDB has ended it')
    reply.columns([{ name: '', type: INT, collation: undefined }])
    reply.row([1n])
    reply.done(Command.select, 1)
  }

  /** Runs a statement that must run even after a cancellation. A late KILL interrupts it, so it is repeated. */
  async #quietly (sql: string): Promise<void> {
    this.#tidying = true
    try {
      for (let attempt = 0; attempt < 3; attempt++) {
        try {
          await this.#db.query(sql)
          return
        } catch (error) {
          const translated = translateError(error, await this.catalog())
          if (!(translated instanceof Cancelled)) throw translated
        }
      }
    } finally {
      this.#tidying = false
    }
    // The transaction may still be open, so the connection must not be used again.
    throw new ConnectionLost(`interrupted three times: ${sql}`)
  }

  async set (change: Partial<Settings>): Promise<void> {
    const settings = { ...this.#settings, ...change }
    if (settings.isolation !== this.#settings.isolation) {
      const level = settings.isolation === 'SNAPSHOT' ? 'REPEATABLE READ' : settings.isolation
      await this.#quietly(`SET SESSION TRANSACTION ISOLATION LEVEL ${level}`)
    }
    this.#settings = settings
  }

  /** SET LOCK_TIMEOUT, for one statement. To set it for the connection, and back afterwards, would be two statements more. */
  get #limit (): string {
    const { lockTimeout } = this.#settings
    if (lockTimeout < 0) return ''
    const seconds = Math.ceil(lockTimeout / 1000)
    return `SET STATEMENT innodb_lock_wait_timeout = ${seconds}, lock_wait_timeout = ${Math.min(seconds, 31536000)} FOR `
  }

  /** Readers wait for writers in SQL Server, unless READ_COMMITTED_SNAPSHOT is on. InnoDB needs a shared lock for that. */
  get readLock (): ReadLock {
    switch (this.#settings.isolation) {
      case 'READ UNCOMMITTED': case 'SNAPSHOT': return 'none'
      // InnoDB would hold the shared locks until the transaction ends. SQL Server does not at this level.
      case 'READ COMMITTED': return this.server.readCommittedSnapshot || this.#transactions > 0 ? 'none' : 'share'
      default: return 'share'
    }
  }

  async applyClock (): Promise<void> {
    const time = this.server.faults.time
    if (time === this.#clock) return
    await this.#quietly(`SET SESSION timestamp = ${time === null ? 'DEFAULT' : (time / 1000).toFixed(6)}`)
    this.#clock = time
  }

  async begin (reply: Reply): Promise<void> {
    if (this.#transactions === 0) {
      await this.run('START TRANSACTION')
      this.#descriptor = ++Session.#descriptors
      reply.envChange(EnvChange.begin, this.#descriptorBytes(), Buffer.alloc(0))
    }
    this.#transactions++
  }

  async commit (reply: Reply): Promise<void> {
    if (this.#transactions === 0) throw new SqlError(3902, 'The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.')
    if (this.#transactions === 1) {
      await this.run('COMMIT')
      await this.#ended(reply, EnvChange.commit)
    } else {
      this.#transactions--
    }
  }

  async rollback (reply: Reply): Promise<void> {
    if (this.#transactions === 0) throw new SqlError(3903, 'The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.')
    await this.undo(reply)
  }

  /** Rolls the transaction back after an error, for a reset, or for XACT_ABORT. */
  async undo (reply: Reply): Promise<void> {
    if (this.#transactions === 0) return
    await this.#quietly('ROLLBACK')
    await this.#ended(reply, EnvChange.rollback)
  }

  async #ended (reply: Reply, kind: number): Promise<void> {
    const descriptor = this.#descriptorBytes()
    this.#transactions = 0
    this.#descriptor = 0n
    reply.envChange(kind, Buffer.alloc(0), descriptor)
    await this.locks.releaseAll('transaction')
  }

  #descriptorBytes (): Buffer {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(this.#descriptor)
    return bytes
  }

  /** Runs several MariaDB statements as one, in a transaction of their own if none is open. */
  async atomically<T> (work: () => Promise<T>): Promise<T> {
    if (this.#transactions > 0) return await work()
    await this.run('START TRANSACTION')
    try {
      const result = await work()
      await this.run('COMMIT')
      return result
    } catch (error) {
      if (!(error instanceof ConnectionLost)) await this.#quietly('ROLLBACK')
      throw error
    }
  }

  /** Restores the connection to its state after the login. */
  async reset (reply: Reply): Promise<void> {
    await this.undo(reply)
    await this.locks.releaseAll('session')
    await this.set(defaults(this.server))
  }

  startRequest (): void {
    this.#cancelled = false
  }

  get cancelled (): boolean { return this.#cancelled }

  /** Interrupts the request that is running. Returns at once; the request then ends by itself. */
  cancel (): void {
    this.#cancelled = true
    this.#wake?.()
    this.#interrupt().catch(() => {})
  }

  /** Repeats KILL QUERY until the statement is over: a KILL that arrives before the statement begins has no effect. */
  async #interrupt (): Promise<void> {
    for (let i = 0; i < 200 && this.#cancelled && this.#db.busy && !this.#tidying; i++) {
      await this.server.kill(this.#db.threadId, 'QUERY')
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }

  async sleep (ms: number): Promise<void> {
    if (this.#cancelled) throw new Cancelled()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, 0x7fffffff))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
    if (this.#cancelled) throw new Cancelled()
  }

  /** The client is gone. A statement that waits for a lock must not run when it gets the lock. */
  async close (): Promise<void> {
    this.#cancelled = true
    this.#wake?.()
    const thread = this.#db.threadId
    this.#db.close()
    await this.server.kill(thread, 'CONNECTION')
  }
}

function defaults (server: Server): Settings {
  return {
    noCount: false,
    xactAbort: false,
    lockTimeout: -1,
    isolation: 'READ COMMITTED',
    implicitTransactions: false,
    rowCount: 0,
    textSize: MAX,
    database: server.database
  }
}
