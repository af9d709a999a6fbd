/** `npm test`: finds or starts a MySQL server, and runs tap on it with the arguments given. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { checkCoverage } from './coverage.js'
import { startServer } from './mysql-server.js'

const given = process.env['MYSQL_URL']
const server = given === undefined || given === '' ? await startServer() : undefined
const tap = join(dirname(createRequire(import.meta.url).resolve('tap/package.json')), 'dist', 'esm', 'run.mjs')
const tests = spawn(process.execPath, [tap, 'run', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, MYSQL_URL: server === undefined ? given : server.url() }
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => tests.kill(signal))
const [code] = await once(tests, 'exit') as [number | null]
await server?.stop()
// With arguments it is not the whole suite.
const isEnough = code !== 0 || process.argv.length > 2 || checkCoverage(tap)
process.exitCode = isEnough ? code ?? 1 : 1
