import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const QUIET = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
/** What may be in the package: what runs, its types, and the sources that the source maps show. */
const WANTED = /^(dist\/(plugin|stores)(\/[\w-]+)+\.(js|d\.ts)(\.map)?|(plugin|stores)(\/[\w-]+)+\.ts|schema\/\w+\.sql|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/

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

  'cjs.cts': `
    import Fastify = require('fastify')
    import sessions = require('fastify-sql-sessions')
    const app = Fastify()
    void app.register(sessions.default, { store: sessions.memoryStore({ maxSessions: 10 }) })
    app.get('/', request => request.session.keys())`
}

t.test('the packed package', { timeout: 240_000 }, async t => {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-sql-sessions-package-'))
  t.teardown(async () => { await rm(folder, { recursive: true, force: true }) })
  const inFolder = async (program: string, args: readonly string[]) => await run(program, args, { cwd: folder, timeout: 120_000 })

  // Without scripts: what is packed has just been built.
  const packed = await run('npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder], { cwd: ROOT, timeout: 60_000 })
  const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string, files: Array<{ path: string }> }]
  const paths = new Set(files.map(({ path }) => path))

  t.test('holds what is needed and no more', async t => {
    t.same([...paths].filter(path => !WANTED.test(path)), [])
    for (const path of ['README.md', 'CHANGELOG.md', 'LICENSE', 'schema/mysql.sql', 'dist/plugin/index.js', 'dist/plugin/index.d.ts', 'dist/stores/testing/index.js']) {
      t.ok(paths.has(path), path)
    }
  })

  t.test('has the sources of its source maps', async t => {
    const maps = [...paths].filter(path => path.endsWith('.map'))
    t.not(maps.length, 0)
    for (const map of maps) {
      const { sources } = JSON.parse(await readFile(join(ROOT, map), 'utf8')) as { sources: string[] }
      for (const source of sources) t.ok(paths.has(posix.join(dirname(map), source)), `${source} of ${map}`)
    }
  })

  t.test('names no database driver in its types', async t => {
    for (const path of paths) {
      if (path.endsWith('.d.ts')) t.notMatch(await readFile(join(ROOT, path), 'utf8'), /(from|import\()\s*['"](mysql2|mssql|tedious)/, path)
    }
  })

  for (const [name, text] of Object.entries(PROJECT)) await writeFile(join(folder, name), text)
  await inFolder('npm', ['install', ...QUIET, `./${filename}`, 'fastify'])

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
  for (const [version, program, args] of nodes) {
    t.test(`works on Node ${version}, imported and required`, async t => {
      t.match((await inFolder(program, [...args, '--print', 'process.version'])).stdout, version)
      for (const file of ['run.mjs', 'run.cjs']) {
        t.match(await inFolder(program, [...args, file]), { stdout: '{"n":2}\n', stderr: '' }, file)
      }
    })
  }

  t.test('says what to install where MySQL is chosen and its driver is missing', async t => {
    const { stdout } = await inFolder(process.execPath, ['mysql.mjs'])
    t.match(stdout, /^FST_SESSION_DRIVER_MISSING .*npm install mysql2/)
  })

  for (const [resolution, module, file] of [['nodenext', 'nodenext', 'esm.mts'], ['nodenext', 'nodenext', 'cjs.cts'], ['bundler', 'esnext', 'esm.mts']] as const) {
    t.test(`has types for ${file} where modules are resolved as ${resolution}`, async t => {
      const args = ['--noEmit', '--strict', '--target', 'es2022', '--module', module, '--moduleResolution', resolution,
        '--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types'), file]
      t.equal((await inFolder(process.execPath, [TSC, ...args]).catch((error: { stdout: string }) => error)).stdout, '')
    })
  }
})
