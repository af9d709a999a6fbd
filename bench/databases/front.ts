import { startTdsFront } from '../../test/tds/front.js'
import type { TdsFront } from '../../test/tds/front.js'
import { databaseOf } from './database.js'
import type { Database } from './database.js'
import type { Login } from './login.js'
import { makeTable } from './mssql.js'
import { connect } from './mssql-driver.js'
import type { MssqlConfig } from './mssql-driver.js'
import type { MySQLDatabase } from './mysql.js'
import { startMeter } from './tds-meter.js'
import type { Meter } from './tds-meter.js'

/** A TDS front with a meter before it, before an empty database of an application. */
export interface MeteredFront {
  readonly front: TdsFront
  readonly meter: Meter
  /** For the driver: the meter's port. */
  readonly config: MssqlConfig
  close (): Promise<void>
}

export const FRONT = 'the TDS front of test/tds instead of a SQL Server: statements, parameters and bytes are those of the driver, times mean nothing'

export async function startFront (mariadb: MySQLDatabase, login: Login, application: string): Promise<MeteredFront> {
  const database = databaseOf(application)
  await mariadb.query(`DROP DATABASE IF EXISTS ${database}; CREATE DATABASE ${database}`)
  const front = await startTdsFront({ mariadb: { ...login, database } })
  const meter = await startMeter(front.port)
  return {
    front,
    meter,
    config: { ...front.config, port: meter.port },
    async close () {
      await meter.close()
      await front.close()
    }
  }
}

/** How often the front's record of statements is counted and emptied, in milliseconds: it would fill the memory. */
const COUNTING_INTERVAL = 200

/**
 * The front of test/tds instead of a SQL Server: one for each application, before a database of its own in MariaDB. What it
 * is sent means something; the time that it takes does not.
 */
export class FrontDatabase implements Database {
  readonly description = FRONT
  readonly pids: readonly number[] = []
  readonly #mariadb: MySQLDatabase
  readonly #login: Login
  readonly #fronts = new Map<string, MeteredFront>()
  readonly #counts = new Map<string, { statements: number, parameters: number }>()
  readonly #counting: NodeJS.Timeout

  constructor (mariadb: MySQLDatabase, login: Login) {
    this.#mariadb = mariadb
    this.#login = login
    this.#counting = setInterval(() => { for (const name of this.#fronts.keys()) this.#take(name) }, COUNTING_INTERVAL)
  }

  async prepare (application: string, build: URL): Promise<{ mssql: MssqlConfig }> {
    const started = await startFront(this.#mariadb, this.#login, application)
    await makeTable(await connect(started.front.config), application, build)
    this.#fronts.set(application, started)
    return { mssql: started.config }
  }

  async counts (application: string): Promise<{ statements: number, parameters: number, bytes: number }> {
    return { ...this.#take(application), bytes: this.#fronts.get(application)?.meter.bytes ?? 0 }
  }

  async count (application: string): Promise<number> {
    const started = this.#fronts.get(application)
    if (started === undefined) return 0
    const administrator = await connect(started.front.config)
    const [row] = await administrator.batch('SELECT COUNT(*) AS n FROM sessions')
    await administrator.close()
    return Number(row?.n)
  }

  async close (): Promise<void> {
    clearInterval(this.#counting)
    await Promise.all(Array.from(this.#fronts.values(), (started) => started.close()))
  }

  /** Counts what the front has recorded since the last call. */
  #take (application: string): { statements: number, parameters: number } {
    const before = this.#counts.get(application) ?? { statements: 0, parameters: 0 }
    const recorded = this.#fronts.get(application)?.front.statements.splice(0) ?? []
    const counts = {
      statements: before.statements + recorded.length,
      parameters: before.parameters + recorded.reduce((sum, { params }) => sum + params.length, 0)
    }
    this.#counts.set(application, counts)
    return counts
  }
}
