import { execFileSync, spawn, type ChildProcess, type ExecFileSyncOptions } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection } from 'mysql2/promise'
import { guard } from './guard.js'

/** A server that a test has started for itself, on a throw-away folder and a free port of 127.0.0.1. */
export interface PrivateServer {
  readonly port: number
  /** The URL of one of its databases; without a name, of none. */
  url (database?: string): string
  /** Ends it without a word, as a power cut would. Its data stay. */
  kill (): Promise<void>
  /** Ends it as an administrator does. */
  shutDown (): Promise<void>
  /** Stops its process: connections stay open, and nothing is answered. */
  freeze (): void
  /** It goes on after {@link freeze}. */
  thaw (): void
  /** Starts it again after `kill`, on the same port and data. */
  start (): Promise<void>
  /** Ends it and removes its folder. */
  stop (): Promise<void>
}

const WAYS = `The tests need a MySQL or MariaDB server. Any of these ways will do:
  - set MYSQL_URL to a server that they may use: MYSQL_URL=mysql://user:password@127.0.0.1:3306
    (the user must be allowed to create databases; the tests make their own and drop them)
  - install MariaDB or MySQL, so that mariadbd or mysqld is on this machine (Debian, Ubuntu: apt-get install mariadb-server):
    the tests start it for themselves, on a throw-away folder and a free port
  - on Debian or Ubuntu run them as root, and they install it`

const MARIADB_WAYS = `The tests of the SQL Server store need MariaDB, which stands behind a front that speaks SQL Server's protocol. Any of these ways will do:
  - set MARIADB_URL, or MYSQL_URL, to a MariaDB that they may use: MARIADB_URL=mysql://user:password@127.0.0.1:3306
  - install MariaDB, so that mariadbd is on this machine (Debian, Ubuntu: apt-get install mariadb-server)
  - on Debian or Ubuntu run them as root, and they install it
  - set MSSQL_URL to a SQL Server that they may use`

/** Which server a test needs: MySQL or MariaDB, whichever there is, or MariaDB and no other. */
export type ServerKind = 'any' | 'MariaDB'

/** Installs MariaDB if there is no server on this machine and it can be done. Throws an error that names the ways otherwise. */
export function ensureServer (kind: ServerKind = 'any'): void {
  if (findServer(kind) !== undefined) return
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    console.error(`There is no ${kind === 'any' ? 'MySQL or MariaDB' : kind} on this machine. Installing Debian's mariadb-server ...`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    // Its service must not be started: the tests run a server of their own.
    const policy = '/usr/sbin/policy-rc.d'
    const keepsQuiet = !existsSync(policy)
    if (keepsQuiet) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
    try {
      const options: ExecFileSyncOptions = { env, stdio: ['ignore', 'ignore', 'inherit'] }
      execFileSync('apt-get', ['update', '-qq'], options)
      execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'mariadb-server'], options)
    } finally {
      if (keepsQuiet) rmSync(policy, { force: true })
    }
  }
  if (findServer(kind) === undefined) throw new Error(kind === 'any' ? WAYS : MARIADB_WAYS)
}

/** Starts a server with these further arguments. */
export async function startServer (args: readonly string[] = [], kind: ServerKind = 'any'): Promise<PrivateServer> {
  ensureServer(kind)
  const program = findServer(kind) as string
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'fastify-sql-sessions-'))
  const guarded = guard(folder)
  let port = 0
  let server: ChildProcess | undefined

  const start = async () => {
    for (let tries = 0; ; tries++) {
      if (port === 0) port = await freePort()
      // In a group of its own, so that a terminal's Ctrl-C leaves its end to the guard.
      server = spawn(program, serverArguments(folder, port, args), { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
      guarded.watch(server.pid)
      // Its number may soon be another process's.
      server.once('exit', () => { guarded.watch(undefined) })
      let log = ''
      server.stderr?.on('data', (chunk: Buffer) => { log = (log + chunk.toString()).slice(-4000) })
      if (await isReady(server, port)) return
      // Somebody else was given the port meanwhile.
      if (tries === 3) throw new Error(`${program} does not start:\n${log}`)
      port = 0
    }
  }
  const kill = async (signal: NodeJS.Signals) => {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill(signal)
    await exited
  }

  initialize(program, folder)
  await start()
  return {
    get port () { return port },
    url: (database = '') => `mysql://root@127.0.0.1:${port}/${database}`,
    kill: async () => { await kill('SIGKILL') },
    shutDown: async () => { await kill('SIGTERM') },
    freeze: () => { server?.kill('SIGSTOP') },
    thaw: () => { server?.kill('SIGCONT') },
    start,
    stop: async () => {
      await kill('SIGKILL')
      await rm(folder, { recursive: true, force: true })
      guarded.end()
    }
  }
}

/** Whether the server of a URL is MariaDB. */
export async function isMariadbAt (url: string): Promise<boolean> {
  const connection = await createConnection(url)
  const [[row]] = await connection.query('SELECT VERSION() AS version') as unknown as [[{ version: string }]]
  await connection.end()
  return row.version.includes('MariaDB')
}

function findServer (kind: ServerKind): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/usr/libexec', '/opt/homebrew/bin', '/usr/local/mysql/bin']
  return (kind === 'any' ? ['mariadbd', 'mysqld'] : ['mariadbd']).flatMap(name => folders.map(folder => join(folder, name))).find(existsSync)
}

const isMariadb = (program: string) => program.endsWith('mariadbd') || execFileSync(program, ['--version'], { encoding: 'utf8' }).includes('MariaDB')
/** A server removes the temporary tables that it finds in its folder for them, those of another server too. */
const temporary = (folder: string) => join(folder, 'tmp')
/** A server does not run as root unless it is told to. */
const asUser = () => process.getuid?.() === 0 ? [`--user=${userInfo().username}`] : []

function initialize (program: string, folder: string): void {
  const data = join(folder, 'data')
  mkdirSync(temporary(folder))
  if (isMariadb(program)) {
    const sibling = join(program, '..', 'mariadb-install-db')
    const install = existsSync(sibling) ? sibling : 'mariadb-install-db'
    execFileSync(install, ['--no-defaults', `--datadir=${data}`, `--tmpdir=${temporary(folder)}`, '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve', ...asUser()], { stdio: 'pipe' })
  } else {
    // MySQL makes root@localhost alone, and without resolving names 127.0.0.1 is not localhost.
    const users = join(folder, 'users.sql')
    writeFileSync(users, 'CREATE USER root@\'127.0.0.1\';\nGRANT ALL ON *.* TO root@\'127.0.0.1\' WITH GRANT OPTION;\n', { mode: 0o644 })
    execFileSync(program, ['--no-defaults', '--initialize-insecure', `--init-file=${users}`, `--datadir=${data}`, `--tmpdir=${temporary(folder)}`, ...asUser()], { stdio: 'pipe' })
  }
}

function serverArguments (folder: string, port: number, args: readonly string[]): string[] {
  return ['--no-defaults', `--datadir=${join(folder, 'data')}`, `--tmpdir=${temporary(folder)}`, `--socket=${join(folder, 's')}`, `--pid-file=${join(folder, 'pid')}`,
    `--port=${port}`, '--bind-address=127.0.0.1', '--skip-name-resolve', '--max-connections=500',
    // What was committed outlives the process, if not the machine.
    '--innodb-flush-log-at-trx-commit=2',
    // MySQL's second protocol would take a port of its own.
    '--loose-mysqlx=OFF', ...asUser(), ...args]
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function isReady (server: ChildProcess, port: number): Promise<boolean> {
  const giveUpAt = Date.now() + 60_000
  while (server.exitCode === null && Date.now() < giveUpAt) {
    try {
      const connection = await createConnection({ host: '127.0.0.1', port, user: 'root' })
      await connection.end()
      return true
    } catch {
      await sleep(20)
    }
  }
  server.kill('SIGKILL')
  return false
}
