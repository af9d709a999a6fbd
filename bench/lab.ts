import { cpus, totalmem } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { applications } from './applications.js'
import type { Application } from './applications.js'
import { expectedAfter, readCookies, wrongSessions } from './check.js'
import type { Database } from './databases/database.js'
import { loginOf } from './databases/login.js'
import type { Login } from './databases/login.js'
import { startMariaDB } from './databases/mariadb.js'
import type { PrivateServer } from './databases/mariadb.js'
import { openMSSQL } from './databases/mssql.js'
import { openMySQL } from './databases/mysql.js'
import type { Figure } from './figures.js'
import type { Options } from './options.js'
import { run } from './running.js'
import type { RunOptions, Running } from './running.js'
import { find } from './tools.js'
import { load } from './wrk.js'
import type { Load } from './wrk.js'

/** One application at one point of a series. */
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
  #mysql: Database | undefined
  #mssql: Database | undefined
  #running: Running[] = []

  constructor (options: Options) {
    this.options = options
    const [cpu] = cpus()
    this.environment = [
      `Node.js ${process.versions.node}, ${cpus().length} cores (${cpu?.model ?? 'unknown'}), application, database and load on one machine`,
      `medians of ${options.rounds} interleaved rounds of ${options.seconds} s; load by wrk in a process of its own`
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

  get mysql (): Database {
    if (this.#mysql === undefined) throw new Error('The series has opened no database')
    return this.#mysql
  }

  /** Those of the applications that were asked for and can be run here; what is left out is noted. */
  available (names: readonly string[]): Application[] {
    const { peers } = this.options
    return names.filter((name) => peers === undefined || peers.includes(name)).flatMap((name) => {
      const application = applications.find((known) => known.name === name)
      if (application === undefined) throw new Error(`There is no application ${name}`)
      if (application.module === undefined && find('go') === undefined) this.#leaveOut(name, 'Go is not installed')
      else return application
      return []
    })
  }

  #leaveOut (name: string, why: string): void {
    this.notes.push(`${name} is left out: ${why}`)
  }

  /** Starts an application on a database of its own and makes its sessions. */
  async start (
    application: Application,
    { sessions = this.sessions, bytes = this.bytes, ...options }: RunOptions & { sessions?: number, bytes?: number } = {}
  ): Promise<Running> {
    const database = application.store === 'mysql' ? this.mysql : application.store === 'mssql' ? await this.#openMSSQL() : undefined
    const running = await run(application, database, { profile: this.options.profile, ...options })
    this.#running.push(running)
    await running.seed(sessions, bytes)
    return running
  }

  async #openMSSQL (): Promise<Database> {
    if (this.#mssql === undefined) {
      this.#mssql = await openMSSQL(loginOf(this.options.mssql ?? ''))
      this.environment.push(this.#mssql.description)
    }
    return this.#mssql
  }

  /** Stops the applications, and leaves the database. */
  async stopApplications (): Promise<void> {
    await Promise.all(this.#running.splice(0).map((running) => running.stop()))
  }

  /** Loads the entries in turn, round after round, beginning with another one in each, and checks what they hold then. */
  async compare (operation: string, entries: readonly Entry[]): Promise<void> {
    const { seconds, warmUp } = this.options
    await this.rounds(operation, entries, async ({ running, connections, writes }, round) => {
      const { ports, cookies, log, database } = running
      const options = { ports, cookies, log, connections, writes }
      if (round === 1) await this.#settled(load({ ...options, seconds: warmUp }))
      const before = await database?.statements()
      const measured = await load({ ...options, seconds })
      const after = await database?.statements()
      await this.#settled()
      await this.check(running, round, writes > 0)
      if (before === undefined || after === undefined) return measured
      // The count itself is a statement.
      return { ...measured, statements: (after - before - 1) / measured.requests }
    })
  }

  // What was under way when the load ended shall not be counted for, or overwrite anything of, the next.
  async #settled (loaded?: Promise<unknown>): Promise<void> {
    await loaded
    await sleep(300)
  }

  /** Measures the entries in turn, round after round, beginning with another one in each. */
  async rounds<Of extends { running: Running, point: number | string }> (
    operation: string, entries: readonly Of[], measure: (entry: Of, round: number) => Promise<Load & { statements?: number }>
  ): Promise<void> {
    for (let round = 1; round <= this.options.rounds; round++) {
      const first = (round - 1) % Math.max(1, entries.length)
      for (const entry of [...entries.slice(first), ...entries.slice(0, first)]) {
        const { running: { application }, point } = entry
        const { requests: _, ...measured } = await measure(entry, round)
        this.figures.push({ operation, point, application: application.name, round, ...measured })
        console.error(`${operation} ${point} ${application.name} ${round}: ${Math.round(measured.rate)}/s, p99 ${measured.p99.toPrecision(3)} ms` +
          (measured.failed > 0 ? `, ${measured.failed} failed` : ''))
      }
    }
    // In the order of the line-up, whoever began.
    const place = new Map(entries.map(({ running, point }, index) => [`${running.application.name} ${point}`, index]))
    const order = ({ application, point }: Figure): number => place.get(`${application} ${point}`) ?? -1
    this.figures.sort((a, b) => a.operation === operation && b.operation === operation ? order(a) - order(b) : 0)
  }

  /** Reads sessions through the application: 500 of them, and after the last round of writes all that were written. */
  async check (running: Running, round: number, written: boolean): Promise<void> {
    if (running.database === undefined && running.application.store === 'none') return
    const cookies = readCookies(running.cookies)
    const expected = written ? expectedAfter(running.log) : undefined
    const known = [...(expected?.keys() ?? cookies.keys())]
    const ids = round === this.options.rounds && written ? known : known.slice(0, 500)
    const wrong = await wrongSessions(running.ports[0] ?? 0, cookies, ids, expected)
    const { name } = running.application
    for (const text of wrong.slice(0, 5)) this.notes.push(`WRONG: ${name}, round ${round}: ${text}`)
    if (wrong.length > 5) this.notes.push(`WRONG: ${name}, round ${round}: ${wrong.length} of ${ids.length} sessions in all`)
    if (round < this.options.rounds) return
    const rows = await running.rows()
    if (rows !== undefined && rows !== cookies.size) this.notes.push(`WRONG: ${name} has ${rows} rows for ${cookies.size} sessions`)
    this.#checked += ids.length
  }

  #checked = 0

  async close (): Promise<void> {
    if (this.#checked > 0) this.notes.push(`${this.#checked} sessions were read back after the last rounds`)
    await this.stopApplications()
    await this.#mysql?.close()
    await this.#mssql?.close()
    await this.server?.stop()
  }
}
