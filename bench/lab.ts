import { cpus, totalmem } from 'node:os'
import { applicationOf, isOurs, withBuild } from './applications.js'
import type { Application } from './applications.js'
import { expectedAfter, readCookies, wrongSessions } from './check.js'
import { cpuTime, quiet } from './cpu.js'
import type { Database } from './databases/database.js'
import { FrontDatabase } from './databases/front.js'
import { loginOf } from './databases/login.js'
import type { Login } from './databases/login.js'
import { startMariaDB } from './databases/mariadb.js'
import type { PrivateServer } from './databases/mariadb.js'
import { openMSSQL } from './databases/mssql.js'
import { openMySQL } from './databases/mysql.js'
import type { MySQLDatabase } from './databases/mysql.js'
import type { Figure, Measured } from './figures.js'
import type { Options } from './options.js'
import { run } from './running.js'
import type { RunOptions, Running } from './running.js'
import { find } from './tools.js'
import { load } from './wrk.js'
import type { Load } from './wrk.js'

/** What is measured in turn with others: an application at one point of a series. */
export interface Turn {
  readonly application: Application
  readonly point: number | string
}

/** One application under load at one point of a series. */
export interface Entry {
  readonly running: Running
  readonly point: number | string
  readonly connections: number
  /** The share of writes, 0 to 1. */
  readonly writes: number
}

/** What a series has to work with: servers, applications with sessions in them, and interleaved rounds of load. */
export class Lab {
  readonly options: Options
  readonly figures: Figure[] = []
  readonly notes: string[] = []
  readonly environment: string[]
  server: PrivateServer | undefined
  #mysql: MySQLDatabase | undefined
  #mssql: Database | undefined
  #running: Running[] = []
  #checked = 0

  constructor (options: Options) {
    this.options = options
    const [cpu] = cpus()
    this.environment = [
      `Node.js ${process.versions.node}, ${cpus().length} cores (${cpu?.model ?? 'unknown'}), application, database and load on one machine`,
      `medians of ${options.rounds} interleaved rounds`
    ]
  }

  /** The number of sessions of the workload, and the bytes of user data in each. */
  get sessions (): number { return this.options.quick ? 500 : 5000 }
  readonly bytes = 300

  /** A private MariaDB with a buffer pool of as many MB, or the server that was given. */
  async openDatabase (bufferPool = 512): Promise<void> {
    const { mysql } = this.options
    if (mysql === undefined) this.server = await startMariaDB(Math.min(bufferPool, Math.floor(totalmem() / 2 ** 21)))
    this.#mysql = await openMySQL(this.mysqlLogin)
    this.environment.push(this.#mysql.description)
  }

  /** How to reach it. */
  get mysqlLogin (): Login { return this.server?.login ?? loginOf(this.options.mysql ?? '') }

  get mysql (): MySQLDatabase {
    if (this.#mysql === undefined) throw new Error('The series has opened no database')
    return this.#mysql
  }

  /** The SQL Server that was given, or the front. */
  async openMSSQL (): Promise<void> {
    const { mssql } = this.options
    if (mssql === undefined) await this.openDatabase()
    this.#mssql = mssql === undefined ? new FrontDatabase(this.mysql, this.mysqlLogin) : await openMSSQL(mssql)
    this.environment.push(this.#mssql.description)
  }

  /**
   * Those of the applications that were asked for and can be run here; what is left out is noted. With --vs the other build
   * comes after each application of this package.
   */
  available (names: readonly string[]): Application[] {
    const { peers, vs } = this.options
    return names.filter((name) => peers === undefined || peers.includes(name)).flatMap((name) => {
      const application = applicationOf(name)
      if (application === undefined) throw new Error(`There is no application ${name}`)
      if (application.module === undefined && find('go') === undefined) {
        this.notes.push(`${name} is left out: Go is not installed`)
        return []
      }
      return vs !== undefined && isOurs(name) ? [application, withBuild(application, vs)] : [application]
    })
  }

  /** Starts an application on a database of its own and makes its sessions. */
  async start (
    application: Application,
    { sessions = this.sessions, bytes = this.bytes, ...options }: RunOptions & { sessions?: number, bytes?: number } = {}
  ): Promise<Running> {
    const running = await run(application, this.databaseFor(application), { profile: this.options.profile, ...options })
    this.#running.push(running)
    await running.seed(sessions, bytes)
    return running
  }

  /** Starts those of the applications that are available. */
  async lineUp (names: readonly string[], options: Parameters<Lab['start']>[1] = {}): Promise<Running[]> {
    const running: Running[] = []
    for (const application of this.available(names)) running.push(await this.start(application, options))
    return running
  }

  databaseFor ({ store }: Application): Database | undefined {
    return store === 'mysql' ? this.mysql : store === 'mssql' ? this.#mssql : undefined
  }

  /** Stops the applications, and leaves the database. */
  async stopApplications (): Promise<void> {
    await Promise.all(this.#running.splice(0).map((running) => running.stop()))
  }

  /** Loads the entries in turn, round after round, and checks what they hold then. */
  async compare (operation: string, entries: readonly Entry[]): Promise<void> {
    const { seconds, warmUp, rounds } = this.options
    const turns = entries.map((entry) => ({ ...entry, application: entry.running.application }))
    for (let round = 1; round <= rounds; round++) {
      await this.round(operation, turns, round, async ({ running, connections, writes }) => {
        const { ports, cookies, log } = running
        const options = { ports, cookies, log, connections, writes }
        if (round === 1) await load({ ...options, seconds: warmUp })
        const measured = await this.counted(running, () => load({ ...options, seconds }))
        await this.#check(running, round, writes > 0)
        return measured
      })
    }
    this.inOrder(operation, turns)
  }

  /** Measures in turn. Each round begins with another one, and every second goes backwards: so each has other neighbours. */
  async round<Of extends Turn> (
    operation: string, turns: readonly Of[], round: number, measure: (turn: Of) => Promise<Measured>
  ): Promise<void> {
    await this.roundOfMany([operation], turns, round, async (turn) => [await measure(turn)])
  }

  /** The same, where one measurement is of several operations. */
  async roundOfMany<Of extends Turn> (
    operations: readonly string[], turns: readonly Of[], round: number, measure: (turn: Of) => Promise<readonly Measured[]>
  ): Promise<void> {
    const first = (round - 1) % Math.max(1, turns.length)
    const order = [...turns.slice(first), ...turns.slice(0, first)]
    for (const turn of round % 2 === 0 ? order.reverse() : order) {
      const measured = await measure(turn)
      const { application: { name }, point } = turn
      for (const [i, operation] of operations.entries()) {
        this.figures.push({ operation, point, application: name, round, ...measured[i] })
        console.error(`${operation} ${point} ${name} ${round}: ${inWords(measured[i] ?? {})}`)
      }
    }
  }

  /** Puts the figures of an operation into the order of the line-up, whoever began. */
  inOrder (operation: string, turns: readonly Turn[]): void {
    const place = new Map(turns.map(({ application, point }, index) => [`${application.name} ${point}`, index]))
    const order = ({ application, point }: Figure): number => place.get(`${application} ${point}`) ?? -1
    this.figures.sort((a, b) => a.operation === operation && b.operation === operation ? order(a) - order(b) : 0)
  }

  /** Measures a load together with the CPU time and the statements that it takes. */
  async counted (running: Running, measure: () => Promise<Load>): Promise<Measured> {
    const { database, pids, name } = running
    const servers = database?.pids ?? []
    await quiet([...pids, ...servers])
    const counts = await database?.counts(name)
    const cpu = [cpuTime(pids), cpuTime(servers)] as const
    const { requests, ...measured } = await measure()
    await quiet([...pids, ...servers])
    const perRequest = (from: number | undefined, to: number | undefined): number | undefined =>
      from === undefined || to === undefined || Number.isNaN(to - from) ? undefined : (to - from) / requests
    const ofApplication = perRequest(cpu[0], cpuTime(pids))
    const ofDatabase = perRequest(cpu[1], cpuTime(servers))
    const after = await database?.counts(name)
    return {
      ...measured,
      cpu: ofApplication,
      databaseCpu: ofDatabase,
      // Where the database's part is not known there is no sum.
      totalCpu: database === undefined ? ofApplication : sum(ofApplication, ofDatabase),
      statements: perRequest(counts?.statements, after?.statements),
      parameters: perRequest(counts?.parameters, after?.parameters),
      bytes: perRequest(counts?.bytes, after?.bytes)
    }
  }

  /** Reads sessions through the application: 500 of them, and after the last round of writes all that were written. */
  async #check (running: Running, round: number, written: boolean): Promise<void> {
    const { application: { name, store }, database } = running
    if (store === 'none') return
    const cookies = readCookies(running.cookies)
    const expected = written ? expectedAfter(running.log) : undefined
    const known = [...(expected?.keys() ?? cookies.keys())]
    const isLast = round === this.options.rounds
    const ids = isLast && written ? known : known.slice(0, 500)
    const wrong = await wrongSessions(running.ports[0] ?? 0, cookies, ids, expected)
    for (const text of wrong.slice(0, 5)) this.notes.push(`WRONG: ${name}, round ${round}: ${text}`)
    if (wrong.length > 5) this.notes.push(`WRONG: ${name}, round ${round}: ${wrong.length} of ${ids.length} sessions in all`)
    if (!isLast) return
    const rows = await database?.count(running.name)
    if (rows !== undefined && rows !== cookies.size) this.notes.push(`WRONG: ${name} has ${rows} rows for ${cookies.size} sessions`)
    this.#checked += ids.length
  }

  async close (): Promise<void> {
    if (this.#checked > 0) this.notes.push(`${this.#checked} sessions were read back after the last rounds`)
    await this.stopApplications()
    await this.#mssql?.close()
    await this.#mysql?.close()
    await this.server?.stop()
  }
}

function sum (a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b
}

/** A measurement on one line. */
function inWords (measured: Measured): string {
  return Object.entries(measured)
    .filter(([name, value]) => value !== undefined && !Number.isNaN(value) && !(name === 'failed' && value === 0))
    .map(([name, value = 0]) => `${name} ${value >= 100 ? Math.round(value) : value.toPrecision(3)}`)
    .join(', ')
}
