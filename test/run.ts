/** `npm test`: finds or starts the servers, and runs tap on them with the arguments given. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { checkCoverage } from './support/coverage.js'
import { isMariadbAt, startServer, type PrivateServer } from './support/mysql-server.js'

const started: PrivateServer[] = []
const start = async (...args: Parameters<typeof startServer>) => {
  const server = await startServer(...args)
  started.push(server)
  return server.url()
}
const mysql = process.env['MYSQL_URL'] || await start()
// The front that answers the driver of SQL Server, unless a real one does, has MariaDB behind it.
const needsMariadb = !process.env['MSSQL_URL'] && !process.env['MARIADB_URL'] && !await isMariadbAt(mysql)
const mariadb = needsMariadb ? { MARIADB_URL: await start([], 'MariaDB') } : {}

const tap = join(dirname(createRequire(import.meta.url).resolve('tap/package.json')), 'dist', 'esm', 'run.mjs')
const tests = spawn(process.execPath, [tap, 'run', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, MYSQL_URL: mysql, ...mariadb }
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => tests.kill(signal))
const [code] = await once(tests, 'exit') as [number | null]
await Promise.all(started.map(async server => { await server.stop() }))
// With arguments it is not the whole suite.
const isEnough = code !== 0 || process.argv.length > 2 || checkCoverage(tap)
process.exitCode = isEnough ? code ?? 1 : 1
