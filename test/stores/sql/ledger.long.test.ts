import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import { createPool, type PoolConnection } from 'mysql2'
import { createConnection, type Connection } from 'mysql2/promise'
import t, { type Test } from 'tap'
import sessions, { type SessionOptions } from '../../../plugin/index.js'
import { addLedgerRoutes, asking, askingBoth, askingPort, Ledger } from '../../support/ledger.js'
import { startServer, type PrivateServer } from '../../support/mysql-server.js'
import { startProxy, through, type Proxy } from '../../support/proxy.js'
import { startWorker } from '../../support/worker.js'

/*
 * What was confirmed while something was wrong is so afterwards: each write that was answered with 200 is there, and each
 * session that was signed out with 200 stays so. LEDGER_WRITES=20000 confirms ten times as much.
 */

const WRITES = Number(process.env['LEDGER_WRITES'] ?? 2000)
const SIGN_OUTS = WRITES / 10
// A shorter one would bound the wait for a locked row, which MariaDB counts in seconds, to nothing.
const STORE_TIMEOUT = 3000

/** What a fault may use. */
interface World {
  readonly server: PrivateServer
  readonly proxy: Proxy
  readonly ledger: Ledger
  /** A URL of the database for the application, through the proxy. Its user is no administrator. */
  readonly url: string
  /** Whether the server is MariaDB, else MySQL. */
  readonly isMariadb: boolean
  readonly options: SessionOptions
  /** A connection of an administrator's. */
  admin (): Promise<Connection>
  sql (...statements: string[]): Promise<void>
}

/** Goes on until the ledger is full. Returns when nothing is wrong any more. */
type Fault = (world: World) => Promise<void>

async function makeWorld (t: Test): Promise<World> {
  const server = await startServer(['--max-connections=60'])
  t.teardown(async () => {
    server.thaw()
    await server.stop()
  })
  const proxy = await startProxy(t, server.port)
  const admin = async (): Promise<Connection> => {
    const connection = await createConnection(server.url())
    // It may be killed with the server.
    connection.on('error', () => {})
    return connection
  }
  const sql = async (...statements: string[]): Promise<void> => {
    const connection = await admin()
    for (const statement of statements) await connection.query(statement)
    await connection.end()
  }
  await sql('CREATE DATABASE shop', 'CREATE USER app@\'127.0.0.1\' IDENTIFIED BY \'secret\'', 'GRANT ALL ON shop.* TO app@\'127.0.0.1\'')
  const connection = await admin()
  const [[row]] = await connection.query('SELECT VERSION() AS version') as unknown as [[{ version: string }]]
  await connection.end()
  const url = through(proxy, server.url('shop').replace('root@', 'app:secret@'))
  return {
    server,
    proxy,
    admin,
    sql,
    url,
    ledger: new Ledger(WRITES, SIGN_OUTS),
    isMariadb: row.version.includes('MariaDB'),
    options: { store: 'mysql', mysql: url, createTable: true, storeTimeout: STORE_TIMEOUT }
  }
}

async function start (options: SessionOptions): Promise<FastifyInstance> {
  const app = Fastify({ pluginTimeout: 0, logger: { level: 'silent' } })
  await app.register(sessions, options)
  addLedgerRoutes(app)
  await app.ready()
  return app
}

/** Checks a ledger in an application that nothing disturbs. */
async function check (t: Test, { server, ledger }: World): Promise<void> {
  const app = await start({ store: 'mysql', mysql: server.url('shop'), storeTimeout: 60_000 })
  t.strictSame(await ledger.check(asking(app)), [], ledger.summary)
  await app.close()
  t.comment(ledger.summary)
}

/** So many answers are waited for before a fault begins, and before it is over. */
const CALM = 200
const DISTURBED = 30
/** So many rounds of kills use one list of connections. */
const KILLS = 50

/** Begins the fault and ends it, again and again. */
function repeated (begin: Fault, end: Fault): Fault {
  return async world => {
    while (!world.ledger.isFull) {
      await world.ledger.progress(CALM)
      await begin(world)
      await world.ledger.progress(DISTURBED)
      await end(world)
    }
  }
}

/** Does it again and again while statements are under way. */
function often (strike: (proxy: Proxy) => void): Fault {
  return async ({ ledger, proxy }) => {
    while (!ledger.isFull) {
      await ledger.progress(25)
      strike(proxy)
    }
  }
}

const FAULTS: Readonly<Record<string, Fault>> = {
  'nothing is wrong': async () => {},
  'the server is killed': repeated(async ({ server }) => { await server.kill() }, async ({ server }) => { await server.start() }),
  'the server is shut down and started again': repeated(async ({ server }) => { await server.shutDown() }, async ({ server }) => { await server.start() }),
  'the server\'s process is stopped for a while': repeated(async ({ server }) => { server.freeze() }, async ({ server }) => { server.thaw() }),
  'connections are cut': often(proxy => { proxy.cut() }),
  'connections are cut in the middle of a packet': often(proxy => { proxy.tear() }),
  'connections are reset': often(proxy => { proxy.reset() }),
  'nothing comes through any more': repeated(async ({ proxy }) => { proxy.stall() }, async ({ proxy }) => { proxy.resume() }),
  'a firewall forgets the connections': async ({ ledger, proxy }) => {
    while (!ledger.isFull) {
      await ledger.progress(CALM)
      proxy.forget()
    }
  },
  'answers come late': repeated(async ({ proxy }) => { proxy.delay(STORE_TIMEOUT * 0.5) }, async ({ proxy, ledger }) => {
    proxy.delay(STORE_TIMEOUT * 1.2)
    await ledger.progress(DISTURBED)
    proxy.delay(0)
    // What is on its way must not be overtaken.
    proxy.cut()
  }),
  'the server is read-only': repeated(async ({ sql }) => { await sql('SET GLOBAL read_only = 1') }, async ({ sql }) => { await sql('SET GLOBAL read_only = 0') }),
  'the server has no connection left': async ({ ledger, proxy, url }) => {
    while (!ledger.isFull) {
      await ledger.progress(CALM)
      proxy.cut()
      const taken: Connection[] = []
      for (let isFull = false; !isFull;) await createConnection(url).then(connection => { taken.push(connection.on('error', () => {})) }, () => { isFull = true })
      await ledger.progress(DISTURBED)
      for (const connection of taken) connection.destroy()
    }
  },
  'rows are locked by somebody else': async ({ ledger, admin }) => {
    const connection = await admin()
    while (!ledger.isFull) {
      await ledger.progress(CALM)
      await connection.query('START TRANSACTION')
      await connection.query('SELECT token FROM shop.sessions ORDER BY RAND() LIMIT 20 FOR UPDATE')
      await ledger.progress(DISTURBED)
      await connection.query('ROLLBACK')
    }
    await connection.end()
  },
  'somebody else locks rows in the other order': async ({ ledger, admin }) => {
    const connection = await admin()
    while (!ledger.isFull) {
      await ledger.progress(1)
      const [rows] = await connection.query('SELECT token FROM shop.sessions ORDER BY RAND() LIMIT 4') as unknown as [Array<{ token: string }>]
      try {
        await connection.query('START TRANSACTION')
        for (const token of rows.map(({ token }) => token).sort().reverse()) {
          await connection.query('UPDATE shop.sessions SET expiry = expiry + INTERVAL 1 SECOND WHERE token = ?', [token])
        }
        await connection.query('COMMIT')
      } catch {
        await connection.query('ROLLBACK')
      }
    }
    await connection.end()
  },
  'statements are killed': async ({ ledger, admin }) => {
    const connection = await admin()
    while (!ledger.isFull) {
      const [rows] = await connection.query('SELECT id FROM information_schema.PROCESSLIST WHERE user = \'app\'') as unknown as [Array<{ id: number, ID: number }>]
      for (let i = 0; i < KILLS && !ledger.isFull; i++) {
        for (const { id, ID } of rows) await connection.query(`KILL QUERY ${id ?? ID}`).catch(() => {})
        await sleep(Math.random() * 3)
      }
    }
    await connection.end()
  },
  'connections are killed': async ({ ledger, admin }) => {
    const connection = await admin()
    while (!ledger.isFull) {
      await ledger.progress(CALM)
      const [rows] = await connection.query('SELECT id FROM information_schema.PROCESSLIST WHERE user = \'app\'') as unknown as [Array<{ id: number, ID: number }>]
      for (const { id, ID } of rows) await connection.query(`KILL ${id ?? ID}`).catch(() => {})
    }
    await connection.end()
  },
  'statements may take a moment only': async ({ ledger, proxy, sql, isMariadb }) => {
    // MySQL's bounds no statement but SELECT.
    const [shorter, none] = isMariadb ? ['max_statement_time = 0.002', 'max_statement_time = 0'] : ['max_execution_time = 2', 'max_execution_time = 0']
    while (!ledger.isFull) {
      await sql(`SET GLOBAL ${shorter}`)
      proxy.cut()
      await ledger.progress(CALM)
      await sql(`SET GLOBAL ${none}`)
      proxy.cut()
      await ledger.progress(CALM)
    }
    await sql(`SET GLOBAL ${none}`)
  }
}

// Most of the time they wait.
t.jobs = 4

for (const [what, fault] of Object.entries(FAULTS)) {
  t.test(`what was confirmed is so when ${what}`, { buffered: true }, async t => {
    const world = await makeWorld(t)
    const { ledger, options } = world
    // Two writers: after a lost answer each may find what the other has written.
    const apps = [await start(options), await start(options)] as const
    await Promise.all([ledger.fill(askingBoth(...apps)), fault(world)])
    for (const app of apps) await app.close()
    await check(t, world)
  })
}

t.test('what was confirmed is so when the application\'s own pool is exhausted', { buffered: true }, async t => {
  const world = await makeWorld(t)
  const { ledger, options, url } = world
  const pool = createPool({ uri: url, connectionLimit: 4 })
  const app = await start({ ...options, mysql: pool })
  const exhaust = async () => {
    while (!ledger.isFull) {
      await ledger.progress(CALM)
      const taken: PoolConnection[] = []
      for (let i = 0; i < 4; i++) taken.push(await new Promise<PoolConnection>((resolve, reject) => { pool.getConnection((error, connection) => error ? reject(error) : resolve(connection)) }))
      await ledger.progress(DISTURBED)
      for (const connection of taken) connection.release()
    }
  }
  await Promise.all([ledger.fill(asking(app)), exhaust()])
  await app.close()
  await new Promise<void>(resolve => pool.end(() => resolve()))
  await check(t, world)
})

t.test('what was confirmed is so when the application is closed under load, and started again', { buffered: true }, async t => {
  const world = await makeWorld(t)
  const { ledger, options } = world
  let app = await start(options)
  const restart = async () => {
    while (!ledger.isFull) {
      await ledger.progress(CALM)
      const former = app
      app = await start(options)
      await former.close()
    }
  }
  await Promise.all([ledger.fill((path, token) => asking(app)(path, token)), restart()])
  await app.close()
  await check(t, world)
})

t.test('what was confirmed is so when the application is killed, and started again', { buffered: true }, async t => {
  const world = await makeWorld(t)
  const { ledger, options } = world
  const run = async () => {
    const worker = startWorker(t, 'worker-ledger')
    worker.send(options)
    return { worker, port: Number(await worker.next()) }
  }
  let { worker, port } = await run()
  const restart = async () => {
    while (!ledger.isFull) {
      await ledger.progress(CALM)
      worker.kill()
      await worker.ended.catch(() => {})
      ;({ worker, port } = await run())
    }
  }
  await Promise.all([ledger.fill(askingPort(() => port)), restart()])
  worker.kill()
  await check(t, world)
})
