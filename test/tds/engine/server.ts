import type { Faults } from '../faults.js'
import { Catalog } from './catalog.js'
import type { Databases } from './catalog.js'
import { MariaDb } from './mariadb.js'
import type { MariaDbOptions } from './mariadb.js'

/** What the connections of one front share: the catalog, and a MariaDB connection for KILL and the catalog. */
export class Server {
  readonly mariadb: MariaDbOptions
  /** The database of every login, as clients call it. */
  readonly database: string
  readonly #databases: Databases
  readonly faults: Faults
  /** The database option of this name: readers get the last committed row, and do not wait for the writer. */
  readonly readCommittedSnapshot: boolean
  readonly babelfish: boolean
  #catalog: Promise<Catalog> | undefined
  #admin: Promise<MariaDb> | undefined

  constructor (mariadb: MariaDbOptions, database: string, databases: Databases, faults: Faults, readCommittedSnapshot: boolean, babelfish: boolean) {
    this.mariadb = mariadb
    this.database = database
    this.#databases = databases
    this.faults = faults
    this.readCommittedSnapshot = readCommittedSnapshot
    this.babelfish = babelfish
  }

  async #administrator (): Promise<MariaDb> {
    const admin = await this.#admin?.catch(() => undefined)
    if (admin !== undefined && !admin.lost) return admin
    this.#admin = MariaDb.connect(this.mariadb)
    return await this.#admin
  }

  async catalog (fresh = false): Promise<Catalog> {
    if (fresh || this.#catalog === undefined) {
      const loading = this.#administrator().then((admin) => Catalog.load(admin, this.database, this.#databases))
      this.#catalog = loading
      loading.catch(() => { this.#catalog = undefined })
    }
    return await this.#catalog
  }

  /** The exact name of a database. Case is ignored. */
  databaseNamed (name: string): string | undefined {
    return [...this.#databases.keys()].find((known) => known.toLowerCase() === name.toLowerCase())
  }

  forgetCatalog (): void {
    this.#catalog = undefined
  }

  /** Interrupts the statement of a connection, or ends the connection, whatever it waits for. */
  async kill (thread: number, what: 'QUERY' | 'CONNECTION'): Promise<void> {
    try {
      await (await this.#administrator()).query(`KILL ${what} ${thread}`)
    } catch {
      // It has ended by itself.
    }
  }

  async close (): Promise<void> {
    (await this.#admin?.catch(() => undefined))?.close()
  }
}
