import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { buildGo, withoutGo } from '../scs/go.js'
import { makeDatabase } from '../support/database.js'
import { firstLine } from '../support/program.js'

const run = promisify(execFile)
const FOLDER = fileURLToPath(new URL('../../../example/with-scs/', import.meta.url))
const SHOP = fileURLToPath(new URL('../../example/with-scs/shop.js', import.meta.url))
const withoutCurl = await run('curl', ['--version']).then(() => false as const, () => 'there is no curl on this machine')

t.test('the example of two services does what its page says, line by line', { skip: await withoutGo('.', FOLDER) || withoutCurl }, async t => {
  const { url } = await makeDatabase(t)
  const accounts = await buildGo(t, '.', FOLDER)
  const shopPort = await start(t, process.execPath, [SHOP], url, 'stdout')
  const accountsPort = await start(t, accounts, [], url, 'stderr')
  const jars = await mkdtemp(join(tmpdir(), 'fastify-sql-sessions-'))
  t.teardown(async () => { await rm(jars, { recursive: true }) })

  const page = await readFile(join(FOLDER, 'README.md'), 'utf8')
  const steps = [...page.matchAll(/^(curl .*?) +# (.*)$/gm)]
  t.equal(steps.length, 12)
  for (const [, command = '', answer = ''] of steps) {
    const line = command.replace('localhost:3000', `localhost:${shopPort}`).replace('localhost:4000', `localhost:${accountsPort}`)
    const { stdout } = await run('sh', ['-c', line.replace('curl', 'curl -sS -4')], { cwd: jars })
    t.equal(stdout.trim(), answer, command)
  }
})

/** Starts a service on a free port, and ends it when the test is over. Resolves to the port when it listens, which it then says. */
async function start (t: Test, program: string, args: readonly string[], url: string, says: 'stdout' | 'stderr'): Promise<number> {
  const port = await freePort()
  const service = spawn(program, args, { env: { ...process.env, MYSQL_URL: url, PORT: String(port) }, stdio: ['ignore', says === 'stdout' ? 'pipe' : 'inherit', says === 'stderr' ? 'pipe' : 'inherit'] })
  t.teardown(async () => {
    if (service.exitCode !== null) return
    const exited = once(service, 'exit')
    service.kill()
    await exited
  })
  const line = await firstLine(service[says] as Readable)
  t.match(line, `http://127.0.0.1:${port}`)
  return port
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
