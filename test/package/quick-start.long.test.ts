import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeDatabase } from '../support/database.js'
import { startProgram } from '../support/program.js'
import { makeSqlServer } from '../support/sql-server.js'
import { blocksOf, ROOT } from './blocks.js'

/*
 * The README's first application runs as it is pasted, and the commands below it print what stands beside them: in memory,
 * and with the README's lines for the databases. Only the port and the database are those of the test.
 */

const readme = blocksOf('README.md')
const codeWith = (part: string) => readme.find(({ code }) => code.includes(part))?.code ?? ''
const APPLICATION = codeWith("app.post('/login'")
const COMMANDS = codeWith('curl ')
const IN_MEMORY = /^await app\.register\(sessions\).*$/m

t.test('the application of the quick start does what the README says (memory)', async t => {
  await follow(t, APPLICATION)
})

t.test('the application of the quick start does what the README says (MySQL)', async t => {
  const { url } = await makeDatabase(t)
  await follow(t, onDatabase(codeWith("store: 'mysql', mysql: 'mysql://"), /mysql: '[^']+'/, `mysql: ${JSON.stringify(url)}`))
})

t.test('the application of the quick start does what the README says (SQL Server)', async t => {
  const { url } = await makeSqlServer(t)
  await follow(t, onDatabase(codeWith("store: 'mssql',"), /mssql: '[^']+'/, `mssql: ${JSON.stringify(url)}`))
})

function onDatabase (registration: string, source: RegExp, own: string): string {
  const line = registration.replace(source, () => own)
  if (line === registration || !IN_MEMORY.test(APPLICATION)) throw new Error('The README has changed: this test does not find the lines that it replaces')
  return APPLICATION.replace(IN_MEMORY, () => line)
}

async function follow (t: Test, application: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fss-quick-start-'))
  t.teardown(async () => { await rm(folder, { recursive: true }) })
  await mkdir(join(folder, 'node_modules'))
  for (const name of ['fastify', 'mysql2', 'mssql']) await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  await symlink(ROOT, join(folder, 'node_modules', 'fastify-sql-sessions'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  t.match(application, 'app.listen({ port: 3000 })')
  await writeFile(join(folder, 'app.js'), `${application.replace('port: 3000', 'port: 0')}\nconsole.log(app.server.address().port)\n`)

  const port = await startProgram(t, ['app.js'], {}, folder).hasSaid('\n')

  const cookies = new Map<string, string>()
  const commands = [...COMMANDS.matchAll(/^curl (.*?) +# (.*)$/gm)]
  t.ok(commands.length >= 4)
  for (const [, args = '', expected] of commands) {
    t.equal(await curl(args.replace('localhost:3000', `127.0.0.1:${Number(port)}`).split(' '), cookies), expected, args)
  }
}

/** What curl prints. It knows -X, and -c and -b for the file of cookies. */
async function curl (args: readonly string[], cookies: Map<string, string>): Promise<string> {
  const value = (option: string) => args.includes(option) ? args[args.indexOf(option) + 1] : undefined
  const headers = value('-b') === undefined ? {} : { cookie: [...cookies].map(pair => pair.join('=')).join('; ') }
  const response = await fetch(`http://${args.at(-1)}`, { method: value('-X') ?? 'GET', headers })
  if (value('-c') !== undefined) for (const cookie of response.headers.getSetCookie()) cookies.set(...cookie.split(';')[0]?.split('=') as [string, string])
  return await response.text()
}
