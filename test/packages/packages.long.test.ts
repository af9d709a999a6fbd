/*
 * The plugin with the packages that people use around it, in the versions of package.json beside this file. They are heavy, so
 * they are installed into a throw-away folder. Each application runs in a process of its own, and prints what it has checked.
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { makeDatabase } from '../support/database.js'
import { makeSqlServer } from '../support/sql-server.js'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const SOURCE = join(ROOT, 'test/packages')
const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc')

/** An application that imports other session plugins, too, and has a left-over of one. */
const TYPES = `
  import Fastify from 'fastify'
  import sessions, { type Session, type SessionProperties } from 'fastify-sql-sessions'
  import fastifySession from '@fastify/session'
  import fastifySecureSession from '@fastify/secure-session'

  declare module 'fastify' {
    interface Session { userId: string }
  }
  declare module 'fastify-sql-sessions' {
    interface SessionData { user: string }
    interface Session extends SessionProperties {}
  }

  const app = Fastify()
  await app.register(sessions, { properties: true })
  app.get('/', async request => {
    const session: Session = request.session
    session.user = 'ada'
    const user: string | undefined = session.user
    // @ts-expect-error a declared key is checked
    session.user = 7
    // @ts-expect-error a key that is not declared is no property
    session.other = 7
    return { user, id: session.sessionID, maxAge: session.cookie.maxAge }
  })
  export { fastifySecureSession, fastifySession }`

/** What an application has checked: a line of what it prints. */
interface Check {
  readonly name: string
  readonly failure?: string
}

t.test('real packages', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-sql-sessions-packages-'))
  t.teardown(async () => { await rm(folder, { recursive: true, force: true }) })
  for (const name of ['package.json', 'package-lock.json', 'applications']) await cp(join(SOURCE, name), join(folder, name), { recursive: true })
  await run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder })
  await symlink(ROOT, join(folder, 'node_modules/fastify-sql-sessions'))

  const applications = (await readdir(join(folder, 'applications'))).filter(file => file.endsWith('.mjs') && file !== 'site.mjs')
  for (const file of applications) {
    t.test(file, async t => {
      const env = file === 'migrating.mjs' ? { ...process.env, MYSQL_URL: (await makeDatabase(t)).url, MSSQL_CONFIG: JSON.stringify((await makeSqlServer(t)).config) } : process.env
      const { stdout } = await run(process.execPath, [join('applications', file)], { cwd: folder, env })
      const checks = stdout.split('\n').filter(line => line.startsWith('{"name":')).map(line => JSON.parse(line) as Check)
      t.ok(checks.length > 0, 'something was checked')
      for (const { name, failure } of checks) t.equal(failure, undefined, name)
    })
  }

  t.test('the types are this plugin\'s beside those of other session plugins', async t => {
    await writeFile(join(folder, 'types.mts'), TYPES)
    const args = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext', '--types', 'node',
      '--typeRoots', join(ROOT, 'node_modules/@types'), 'types.mts']
    t.equal((await run(process.execPath, [TSC, ...args], { cwd: folder }).catch((error: { readonly stdout: string }) => error)).stdout, '')
  })

  t.test('docs/works-with.md names the versions that were tested', async t => {
    const { dependencies } = JSON.parse(await readFile(join(SOURCE, 'package.json'), 'utf8')) as { readonly dependencies: Readonly<Record<string, string>> }
    const page = await readFile(join(ROOT, 'docs/works-with.md'), 'utf8')
    const named = [...page.matchAll(/^\| (@?[\w./-]+) \| (\d[\w.]*) \|/gm)].filter(([, name = '']) => name in dependencies)
    t.ok(named.length > 10)
    for (const [, name = '', version] of named) t.equal(version, dependencies[name], name)
  })
})
