import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { makeDatabase } from '../support/database.js'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc')
/** The programs that are run here cover nothing of the product. */
const ENV = { ...process.env, NODE_V8_COVERAGE: '' }
const QUIET = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
/** What may be in the package: its types, the few files that run, the schemas. */
const WANTED = /^(dist\/(plugin|stores)(\/[\w-]+)+\.d\.ts|dist\/(plugin\/index|plugin\/codecs\/gob\/index|stores\/testing\/index|shared\/common|cli\/index)\.js|schema\/\w+\.sql|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/

/** What has no part in a package and is large. */
const LEFT_OUT = new Set(['node_modules', 'bench/node_modules', 'site', 'dist', '.git'])

const PROJECT = {
  'package.json': '{ "name": "empty", "version": "1.0.0", "private": true }',

  'run.mjs': `
    import Fastify from 'fastify'
    import sessions, { memoryStore } from 'fastify-sql-sessions'
    import * as testing from 'fastify-sql-sessions/testing'
    if (Object.keys(testing).length === 0) throw new Error('nothing to test with')
    const app = Fastify()
    await app.register(sessions)
    await app.register(sessions, { store: memoryStore(), name: 'adminSession', cookie: { name: 'admin' } })
    app.get('/', request => ({ n: request.session.update('n', (n = 0) => n + 1) }))
    const first = await app.inject('/')
    const [{ name, value }] = first.cookies
    const second = await app.inject({ url: '/', cookies: { [name]: value } })
    console.log(second.body)
    await app.close()`,

  'run.cjs': `
    const Fastify = require('fastify')
    const app = Fastify()
    app.register(require('fastify-sql-sessions'), { store: 'memory' })
    app.get('/', request => ({ n: request.session.update('n', (n = 0) => n + 1) }))
    app.inject('/').then(async first => {
      const [{ name, value }] = first.cookies
      const second = await app.inject({ url: '/', cookies: { [name]: value } })
      console.log(second.body)
      await app.close()
    })`,

  'together.mjs': `
    import Fastify from 'fastify'
    import sessions from 'fastify-sql-sessions'
    const mysql = process.argv[2]
    const app = Fastify()
    await app.register(sessions, mysql === undefined ? {} : { store: 'mysql', mysql, createTable: true })
    app.get('/', request => ({ n: request.session.update('n', (n = 0) => n + 1) }))
    app.get('/n', request => ({ n: request.session.get('n') }))
    const address = await app.listen({ port: 0, host: '127.0.0.1' })
    const first = await fetch(address)
    const cookie = first.headers.getSetCookie()[0].split(';')[0]
    await Promise.all(Array.from({ length: 20 }, async () => await (await fetch(address, { headers: { cookie } })).text()))
    console.log('counted', (await (await fetch(address + '/n', { headers: { cookie } })).json()).n)
    await app.close()
    process.exit()`,

  'mysql.mjs': `
    import Fastify from 'fastify'
    import sessions from 'fastify-sql-sessions'
    const app = Fastify()
    app.register(sessions, { store: 'mysql', mysql: 'mysql://root@127.0.0.1:1/test' })
    await app.ready().then(() => console.log('ready'), error => console.log(error.code, error.message))`,

  'esm.mts': `
    import Fastify from 'fastify'
    import sessions, { mysqlStore, type Session, type SessionOptions, type SessionStore } from 'fastify-sql-sessions'
    import * as testing from 'fastify-sql-sessions/testing'

    declare module 'fastify-sql-sessions' {
      interface SessionData { userId: number, cart: string[] }
    }
    const options: SessionOptions = { store: 'mysql', mysql: 'mysql://127.0.0.1/test', lifetime: 1000, cookie: { sameSite: 'strict' } }
    const store: SessionStore = mysqlStore({ host: '127.0.0.1' }, { createTable: true })
    const app = Fastify()
    await app.register(sessions, options)
    await app.register(sessions, store)
    await app.register(sessions)
    app.get('/', { config: { session: false } }, async request => {
      const session: Session = request.session
      const id: number | undefined = session.get('userId')
      session.put('cart', ['a'])
      const n: number = session.update('userId', (n = 0) => n + 1)
      const other: unknown = session.get('not declared')
      // @ts-expect-error a key that is declared is checked
      session.put('userId', 'one')
      // @ts-expect-error a key that is not declared has a value of any kind
      const text: string = session.get('not declared')
      return { id, n, other, text }
    })
    // @ts-expect-error an option that there is not
    await app.register(sessions, { lifetimes: 1 })
    export { testing }`,

  'left-over.mts': `
    import Fastify from 'fastify'
    import sessions, { type Session } from 'fastify-sql-sessions'

    // What the documentation of other session plugins tells people to write.
    declare module 'fastify' {
      interface Session { userId: string }
    }
    const app = Fastify()
    await app.register(sessions)
    app.get('/', async request => {
      const session: Session = request.session
      return session.get('userId')
    })`,

  'checked.cjs': `
    // @ts-check
    const Fastify = require('fastify')
    const { default: sessions, memoryStore } = require('fastify-sql-sessions')
    const app = Fastify()
    app.register(sessions, { store: memoryStore({ maxSessions: 10 }) })
    app.register(require('fastify-sql-sessions').default, { store: 'memory' })
    app.get('/', request => request.session.keys())`,

  'cjs.cts': `
    import Fastify = require('fastify')
    import sessions = require('fastify-sql-sessions')
    const app = Fastify()
    void app.register(sessions.default, { store: sessions.memoryStore({ maxSessions: 10 }) })
    app.get('/', request => request.session.keys())`
}

t.test('the packed package', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-sql-sessions-package-'))
  t.teardown(async () => { await rm(folder, { recursive: true, force: true }) })
  const inFolder = async (program: string, args: readonly string[]) => await run(program, args, { cwd: folder, env: ENV })

  // A copy: what is published is built anew, and other tests run on dist/ meanwhile.
  const source = join(folder, 'source')
  await cp(ROOT, source, { recursive: true, filter: path => !LEFT_OUT.has(relative(ROOT, path)) })
  await symlink(join(ROOT, 'node_modules'), join(source, 'node_modules'))
  const packed = await run('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', folder], { cwd: source, env: ENV })
  const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string, files: Array<{ path: string }> }]
  const paths = new Set(files.map(({ path }) => path))

  t.test('holds what is needed and no more', async t => {
    t.same([...paths].filter(path => !WANTED.test(path)), [])
    for (const path of ['README.md', 'CHANGELOG.md', 'LICENSE', 'schema/mysql.sql', 'dist/plugin/index.js', 'dist/plugin/index.d.ts', 'dist/stores/testing/index.js']) {
      t.ok(paths.has(path), path)
    }
  })

  t.test('names no database driver in its types', async t => {
    for (const path of paths) {
      if (path.endsWith('.d.ts')) t.notMatch(await readFile(join(source, path), 'utf8'), /(from|import\()\s*['"](mysql2|mssql|tedious)/, path)
    }
  })

  for (const [name, text] of Object.entries(PROJECT)) await writeFile(join(folder, name), text)
  await inFolder('npm', ['install', ...QUIET, `./${filename}`, 'fastify'])

  t.test('runs as a command', async t => {
    const { stdout } = await inFolder('npx', ['fastify-sql-sessions', 'schema', 'mssql'])
    t.match(stdout, 'CREATE TABLE [sessions]')
    const { code, stderr } = await inFolder('npx', ['fastify-sql-sessions', 'check', '--url', 'mysql://127.0.0.1/x']).catch((error: { readonly code: number, readonly stderr: string }) => error) as { code?: number, stderr: string }
    t.same([code, stderr], [2, 'The store "mysql" needs a driver that is not installed. Run: npm install mysql2\n'])
  })

  t.test('brings neither mysql2 nor mssql', async t => {
    const lock = await readFile(join(folder, 'package-lock.json'), 'utf8')
    const { packages } = JSON.parse(lock) as { packages: Record<string, unknown> }
    t.ok('node_modules/fastify-sql-sessions' in packages)
    for (const driver of ['mysql2', 'mssql', 'tedious']) t.notOk(`node_modules/${driver}` in packages, driver)
  })

  const nodes: ReadonlyArray<readonly [string, string, readonly string[]]> = [
    [process.version, process.execPath, []],
    ['v24', 'npx', ['--yes', ...QUIET, '-p', 'node@24', 'node']]
  ]
  const runtimes: ReadonlyArray<readonly [string, string, readonly string[]]> = [
    ['Node', process.execPath, []],
    ['Bun', 'npx', ['--yes', ...QUIET, 'bun@1']],
    ['Deno', 'npx', ['--yes', ...QUIET, 'deno@2', 'run', '--allow-all', '--quiet']]
  ]
  for (const [version, program, args] of nodes) {
    t.test(`works on Node ${version}, imported and required`, async t => {
      t.match((await inFolder(program, [...args, '--print', 'process.version'])).stdout, version)
      for (const file of ['run.mjs', 'run.cjs']) {
        t.match(await inFolder(program, [...args, file]), { stdout: '{"n":2}\n', stderr: '' }, file)
      }
    })
  }

  t.test('is what publint and attw expect of a package', async t => {
    const file = `./${filename}`
    t.match(await inFolder('npx', ['--yes', ...QUIET, 'publint@0.3', '--strict', file]), { stdout: /All good/ })
    // Of ways to resolve modules only those of today: node10 knows no exports, and require() of a module needs no types of its own.
    await t.resolves(inFolder('npx', ['--yes', ...QUIET, '@arethetypeswrong/cli@0.18', '--profile', 'esm-only', '--exclude-entrypoints', 'schema/mysql.sql', 'schema/mssql.sql', '--', file]))
  })

  t.test('says what to install where MySQL is chosen and its driver is missing', async t => {
    const { stdout } = await inFolder(process.execPath, ['mysql.mjs'])
    t.match(stdout, /^FST_SESSION_DRIVER_MISSING .*npm install mysql2/)
  })

  for (const [resolution, module, file] of [['nodenext', 'nodenext', 'esm.mts'], ['nodenext', 'nodenext', 'cjs.cts'], ['nodenext', 'nodenext', 'left-over.mts'], ['nodenext', 'nodenext', 'checked.cjs'], ['bundler', 'esnext', 'esm.mts']] as const) {
    t.test(`has types for ${file} where modules are resolved as ${resolution}`, async t => {
      const args = ['--noEmit', '--strict', '--target', 'es2022', '--module', module, '--moduleResolution', resolution, '--allowJs',
        '--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types'), file]
      t.equal((await inFolder(process.execPath, [TSC, ...args]).catch((error: { stdout: string }) => error)).stdout, '')
    })
  }

  t.test('has types for TypeScript 5.4', async t => {
    const args = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext',
      '--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types'), 'esm.mts']
    t.equal((await inFolder('npx', ['--yes', ...QUIET, '-p', 'typescript@5.4', 'tsc', ...args]).catch((error: { stdout: string }) => error)).stdout, '')
  })

  // Last: the tests above need a project without the driver.
  t.test('keeps every change of twenty requests at once, in memory and in MySQL', async t => {
    await inFolder('npm', ['install', ...QUIET, 'mysql2'])
    const { url } = await makeDatabase(t)
    for (const [name, program, args] of runtimes) {
      for (const store of [[], [url]]) t.match(await inFolder(program, [...args, 'together.mjs', ...store]), { stdout: 'counted 21\n' }, name)
    }
  })
})
