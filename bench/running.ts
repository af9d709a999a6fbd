import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Application } from './applications.js'
import type { Settings } from './apps/settings.js'
import { readCookies } from './check.js'
import type { Database } from './databases/database.js'
import { removeFolder, start, stop, temporaryFolder } from './processes.js'
import { goBuild } from './tools.js'
import { signIn } from './wrk.js'

/** An application that runs, in one process or several on one database, with sessions made through it. */
export interface Running {
  readonly application: Application
  readonly ports: readonly number[]
  readonly database: Database | undefined
  /** The file of its sessions: number, tab, cookie. */
  readonly cookies: string
  /** Where the load logs its writes. */
  readonly log: string
  /** Makes sessions of as many bytes of user data. */
  seed (sessions: number, bytes: number): Promise<void>
  /** How many rows its table has; undefined where it has none. */
  rows (): Promise<number | undefined>
  stop (): Promise<void>
}

export interface RunOptions {
  readonly settings?: Partial<Settings>
  readonly processes?: number
  /** Of one application several may run at once, on databases of their own. */
  readonly suffix?: string
  /** A folder for its CPU profile. */
  readonly profile?: string | undefined
  /** Called when there is a database and the application does not run yet. */
  readonly prepared?: () => Promise<void>
}

export async function run (
  application: Application, database: Database | undefined,
  { settings: own = {}, processes = 1, suffix = '', profile, prepared }: RunOptions = {}
): Promise<Running> {
  const name = application.name + suffix
  const settings = {
    pool: 10,
    idleTimeout: 0,
    cleanupInterval: 0,
    ...application.settings,
    ...own,
    ...(database && { database: await database.prepare(name) })
  }
  await prepared?.()
  const env = { ...process.env, NODE_ENV: 'production', BENCH_SETTINGS: JSON.stringify(settings) }
  const [program, ...args] = await command(application, profile)
  const folder = temporaryFolder()
  const children = Array.from({ length: processes }, () => start(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] }))
  const ports = await Promise.all(children.map(async (child) => {
    const ended = once(child, 'close').then(() => { throw new Error(`${application.name} ended before it listened`) })
    const listening = once(createInterface(child.stdout as Readable), 'line')
    const [line] = await Promise.race([listening, ended]) as [string]
    ended.catch(() => {})
    return (JSON.parse(line) as { port: number }).port
  }))
  const cookies = join(folder, 'cookies')
  return {
    application,
    ports,
    database,
    cookies,
    log: join(folder, 'writes'),
    async seed (sessions, bytes) {
      await signIn(ports[0] ?? 0, sessions, bytes, cookies)
      const made = readCookies(cookies).size
      if (made !== sessions) throw new Error(`${application.name} made ${made} of ${sessions} sessions`)
    },
    rows: async () => await database?.count(name),
    async stop () {
      await Promise.all(children.map(stop))
      removeFolder(folder)
    }
  }
}

async function command ({ name, module }: Application, profile: string | undefined): Promise<[string, ...string[]]> {
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}.cpuprofile`]
  if (module !== undefined) return [process.execPath, ...profiling, fileURLToPath(new URL(`apps/${module}.js`, import.meta.url))]
  const program = await goBuild('scs-application', '.')
  if (program === undefined) throw new Error(`${name} cannot be built without Go`)
  return [program]
}
