import { execFile, spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import mysql from 'mysql2/promise'
import type { MariaDbOptions } from './engine/mariadb.js'

const run = promisify(execFile)

export interface PrivateMariaDb {
  readonly options: MariaDbOptions
  stop (): Promise<void>
}

/** A MariaDB of this test's own, with these databases, on a folder that is thrown away with it. */
export async function startPrivateMariaDb (database = 'sessions', ...more: readonly string[]): Promise<PrivateMariaDb> {
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tds-front-'))
  const data = join(folder, 'data')
  const asRoot = process.getuid?.() === 0 ? ['--user=root'] : []
  await run('mariadb-install-db', [
    '--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve', ...asRoot
  ])
  const port = await freePort()
  const server = spawn(existsSync('/usr/sbin/mariadbd') ? '/usr/sbin/mariadbd' : 'mariadbd', [
    '--no-defaults', `--datadir=${data}`, `--socket=${join(folder, 'socket')}`, `--port=${port}`, '--bind-address=127.0.0.1',
    `--pid-file=${join(folder, 'pid')}`, '--skip-name-resolve', '--max-allowed-packet=64M', '--innodb-flush-log-at-trx-commit=0',
    '--skip-log-bin', '--max-connections=300', ...asRoot
  ], { stdio: 'ignore' })
  // A test that ends by an error leaves nothing behind either.
  const discard = () => {
    server.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', discard)
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const options = { host: '127.0.0.1', port, user: 'root', database }
  for (let attempt = 0; ; attempt++) {
    try {
      const connection = await mysql.createConnection({ host: options.host, port, user: options.user })
      for (const name of [database, ...more]) await connection.query(`CREATE DATABASE \`${name}\``)
      await connection.end()
      break
    } catch (error) {
      if (attempt === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  return {
    options,
    stop: async () => {
      server.kill('SIGKILL')
      await ended
      process.off('exit', discard)
      await rm(folder, { recursive: true, force: true })
    }
  }
}

async function freePort (): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
