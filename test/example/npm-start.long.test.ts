import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { makeDatabase, SCS_TABLE } from '../support/database.js'
import { startProgram } from '../support/program.js'
import { makeSqlServer } from '../support/sql-server.js'

const SERVER = fileURLToPath(new URL('../../example/server.js', import.meta.url))

t.test('npm start tells its address and how to use a database, and ends at once when told to', async t => {
  const server = startProgram(t, [SERVER], { PORT: '0', MYSQL_URL: '' })
  const output = await server.hasSaid('npm start')
  t.match(output, 'MYSQL_URL=mysql://')
  const address = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] as string
  t.equal((await fetch(address)).status, 200)
  t.same(await server.end('SIGTERM'), [0, null])
})

t.test('npm start keeps sessions in the database of MYSQL_URL', async t => {
  const { url, connection } = await makeDatabase(t)
  const server = startProgram(t, [SERVER], { PORT: '0', MYSQL_URL: url })
  const line = await server.hasSaid('http://')
  const [[{ version }]] = await connection.query('SELECT VERSION() AS version') as unknown as [[{ version: string }]]
  t.match(line, version.includes('MariaDB') ? `in MariaDB ${/^[\d.]+/.exec(version)?.[0]}, at ` : 'in MySQL ')
  t.notMatch(line, url, 'no password on the screen')
  const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] as string
  await fetch(`${address}/sign-in`, { method: 'POST', body: new URLSearchParams({ name: 'Ada' }), redirect: 'manual' })
  const [rows] = await connection.query('SELECT data FROM sessions')
  t.match(String((rows as Array<{ data: Buffer }>)[0]?.data), '"name":"Ada"')
  t.same(await server.end('SIGINT'), [0, null])
})

t.test('npm start works on the table of SCS, and says how to see devices there', async t => {
  const { url, connection } = await makeDatabase(t)
  await connection.query(SCS_TABLE)
  const server = startProgram(t, [SERVER], { PORT: '0', MYSQL_URL: url })
  const [, statement = ''] = /no devices are shown\..*?(ALTER TABLE .*?);?\n/.exec(await server.hasSaid('no devices are shown')) ?? []
  t.match(await page(await server.hasSaid('http://')), 'no devices are shown')
  t.same(await server.end('SIGINT'), [0, null])

  await connection.query(statement)
  const again = startProgram(t, [SERVER], { PORT: '0', MYSQL_URL: url })
  t.match(await page(await again.hasSaid('http://')), 'this one')
  t.same(await again.end('SIGINT'), [0, null])
})

t.test('npm start keeps sessions in the SQL Server of MSSQL_URL', async t => {
  const { url, query } = await makeSqlServer(t)
  const server = startProgram(t, [SERVER], { PORT: '0', MYSQL_URL: '', MSSQL_URL: url })
  const line = await server.hasSaid('http://')
  t.match(line, 'in SQL Server')
  t.notMatch(line, 'Password', 'no password on the screen')
  const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] as string
  await fetch(`${address}/sign-in`, { method: 'POST', body: new URLSearchParams({ name: 'Ada' }), redirect: 'manual' })
  t.match(String((await query('SELECT data FROM sessions'))[0]?.['data']), '"name":"Ada"')
  t.same(await server.end('SIGINT'), [0, null])
})

t.test('npm start says in one line what keeps it from starting', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const port = String((taken.address() as AddressInfo).port)
  const cases: ReadonlyArray<readonly [Record<string, string>, RegExp]> = [
    [{ PORT: port, MYSQL_URL: '' }, new RegExp(`^Port ${port} is taken. Choose another: PORT=${Number(port) + 1} npm start\n$`)],
    [{ PORT: 'many' }, /^PORT must be a number from 0 to 65535, not "many"\n$/],
    [{ PORT: '0', MYSQL_URL: 'mysql://root@127.0.0.1:1/test' }, /^The database cannot be reached \(.*ECONNREFUSED.*\)\. .*\n$/],
    [{ PORT: '0', MYSQL_URL: '', MSSQL_URL: 'Server=127.0.0.1,1;Database=a;User Id=b;Password=secret;Encrypt=false' }, /^The database cannot be reached(?!.*secret).* Is MSSQL_URL right.*\n$/],
    [{ PORT: '0', MYSQL_URL: 'postgres://secret@127.0.0.1/test' }, /^mysql must be a URL like mysql:(?!.*secret).*\n$/]
  ]
  for (const [env, expected] of cases) t.match(await failure(env), expected)
})

/** The page of somebody who has signed in. */
async function page (output: string): Promise<string> {
  const address = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] as string
  const { headers } = await fetch(`${address}/sign-in`, { method: 'POST', body: new URLSearchParams({ name: 'Ada' }), redirect: 'manual' })
  return await (await fetch(address, { headers: { cookie: headers.getSetCookie()[0]?.split(';')[0] ?? '' } })).text()
}

/** What the server says before it exits with an error. */
async function failure (env: Record<string, string>): Promise<string> {
  return await new Promise((resolve, reject) => {
    execFile(process.execPath, [SERVER], { env: { ...process.env, ...env }, timeout: 30_000 }, (error, _stdout, stderr) => {
      if (error?.code === 1) resolve(stderr)
      else reject(new Error(`It exited with ${error?.code ?? 0}: ${stderr}`))
    })
  })
}
