import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Application } from './applications.js'
import type { Settings } from './apps/settings.js'
import { readCookies } from './check.js'
import type { Database } from './databases/database.js'
import { buildIn } from './packages.js'
import { removeFolder, start, stop, temporaryFolder } from './processes.js'
import { goBuild } from './tools.js'
import { signIn } from './wrk.js'

/** An application that runs, in one process or several on one database, with sessions made through it. */
export interface Running {
  readonly application: Application
  readonly ports: readonly number[]
  readonly pids: readonly number[]
  readonly database: Database | undefined
  /** What the database calls it. */
  readonly name: string
  /** The file of its sessions: number, tab, cookie. */
  readonly cookies: string
  /** Where the load logs its writes. */
  readonly log: string
  /** Makes sessions of as many bytes of user data. */
  seed (sessions: number, bytes: number): Promise<void>
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
  const env = { ...process.env, ...await environment(application, database, { name, settings: own }) }
  await prepared?.()
  const [program, ...args] = await command(application, profile)
  const folder = temporaryFolder()
  const children = Array.from({ length: processes }, () => start(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] }))
  const ports = await Promise.all(children.map((child) => portOf(child, name)))
  const cookies = join(folder, 'cookies')
  return {
    application,
    ports,
    pids: children.flatMap(({ pid }) => pid ?? []),
    database,
    name,
    cookies,
    log: join(folder, 'writes'),
    async seed (sessions, bytes) {
      await signIn(ports[0] ?? 0, sessions, bytes, cookies)
      const made = readCookies(cookies).size
      if (made !== sessions) throw new Error(`${application.name} made ${made} of ${sessions} sessions`)
    },
    async stop () {
      await Promise.all(children.map(stop))
      removeFolder(folder)
    }
  }
}

/** The environment of an application's process, with an empty table. */
export async function environment (
  { name: usual, build, settings: usually }: Application, database: Database | undefined,
  { name = usual, settings: own = {} }: { name?: string, settings?: Partial<Settings> } = {}
): Promise<Record<string, string>> {
  const { root, entry } = buildIn(build)
  const settings: Settings = {
    pool: 10, idleTimeout: 0, cleanupInterval: 0, entry: entry.href, ...usually, ...own, ...await database?.prepare(name, root)
  }
  return { NODE_ENV: 'production', BENCH_SETTINGS: JSON.stringify(settings) }
}

/** The compiled module of an application. */
export function moduleOf (name: string): string {
  return fileURLToPath(new URL(`apps/${name}.js`, import.meta.url))
}

async function command ({ name, module }: Application, profile: string | undefined): Promise<[string, ...string[]]> {
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}.cpuprofile`]
  if (module !== undefined) return [process.execPath, ...profiling, moduleOf(module)]
  const program = await goBuild('scs-application', '.')
  if (program === undefined) throw new Error(`${name} cannot be built without Go`)
  return [program]
}

/** The port that an application prints when it listens. Rejects with its last words if it ends before. */
async function portOf (child: ChildProcess, name: string): Promise<number> {
  let words = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    process.stderr.write(text)
    words = (words + text).slice(-2000)
  })
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => {
    const last = words.split('\n').filter((line) => line.trim() !== '').slice(-5).join('\n')
    throw new Error(`${name} ended with ${String(code ?? signal)} before it listened${last === '' ? ', and printed nothing' : `:\n${last}`}`)
  })
  const listening = once(createInterface(child.stdout as Readable), 'line')
  const [line] = await Promise.race([listening, ended]) as [string]
  // It will end some day.
  ended.catch(() => {})
  return (JSON.parse(line) as { port: number }).port
}
