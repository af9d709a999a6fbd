import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { openSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection } from 'mysql2/promise'
import { output, removeFolder, start, stop, temporaryFolder } from '../processes.js'
import { need } from '../tools.js'
import type { Login } from './login.js'

/** A MariaDB of our own on a throw-away folder. */
export interface PrivateServer {
  readonly login: Login
  readonly folder: string
  stop (): Promise<void>
}

/** Starts one that flushes its log at each commit, with a buffer pool of as many MB. */
export async function startMariaDB (bufferPool: number): Promise<PrivateServer> {
  const mariadbd = need('install mariadb-server, or give --mysql the address of a server', 'mariadbd', 'mysqld')
  const install = need('install mariadb-server', 'mariadb-install-db', 'mysql_install_db')
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  const asRoot = userInfo().uid === 0 ? ['--user=root'] : []
  await output(install, [
    '--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve', ...asRoot
  ])
  const port = await freePort()
  const log = openSync(join(folder, 'log'), 'a')
  const server = start(mariadbd, [
    '--no-defaults', `--datadir=${data}`, `--socket=${join(folder, 'socket')}`, `--port=${port}`, '--bind-address=127.0.0.1',
    `--pid-file=${join(folder, 'pid')}`, '--skip-name-resolve', ...asRoot,
    '--innodb-flush-log-at-trx-commit=1', `--innodb-buffer-pool-size=${bufferPool}M`
  ], { stdio: ['ignore', log, log] })
  const login = { host: '127.0.0.1', port, user: 'root', password: '' }
  await reachable(login)
  return {
    login,
    folder,
    async stop () {
      await stop(server)
      removeFolder(folder)
    }
  }
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function reachable (login: Login): Promise<void> {
  for (let left = 300; ; left--) {
    try {
      const connection = await createConnection({ ...login })
      return await connection.end()
    } catch (error) {
      if (left === 0) throw error
      await sleep(100)
    }
  }
}
