/* The commands on a database. `npm test` runs them on MySQL, and test:all on SQL Server as well. */
import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { answering, run, type Ran } from './support.js'
import sessions, { mssqlStore, mysqlStore, type Session, type SessionOptions, type SessionStore } from '../../plugin/index.js'
import { makeDatabase, SCS_TABLE } from '../support/database.js'
import { makeSqlServer, runsOnSqlServer, SCS_TABLE as MSSQL_SCS_TABLE } from '../support/sql-server.js'

const PATIENCE = 60_000

/** A database of a test's own, as the commands and the plugin find it. */
interface Place {
  readonly env: Readonly<Record<string, string>>
  readonly options: SessionOptions
  readonly store: (table?: string) => SessionStore
  query (sql: string): Promise<unknown>
  readonly scsTable: string
}

async function inMysql (t: Test): Promise<Place> {
  const { url, connection } = await makeDatabase(t)
  return {
    env: { MYSQL_URL: url },
    options: { store: 'mysql', mysql: url },
    store: () => mysqlStore(url, { cleanupInterval: 0, storeTimeout: PATIENCE }),
    query: async sql => await connection.query(sql),
    scsTable: SCS_TABLE
  }
}

async function inSqlServer (t: Test): Promise<Place> {
  const { url, config, query } = await makeSqlServer(t)
  return {
    env: { MSSQL_URL: url },
    options: { store: 'mssql', mssql: config },
    store: () => mssqlStore(config, { cleanupInterval: 0, storeTimeout: PATIENCE }),
    query,
    scsTable: MSSQL_SCS_TABLE
  }
}

onEachDatabase('init creates the table once, and check finds nothing to change then', async (t, place) => {
  const go = commandsOn(place)
  const before = await go('check', '--json')
  t.equal(before.code, 1)
  t.match(JSON.parse(before.out), { good: false, findings: [{ what: 'server', state: 'good' }] })
  t.match(before.out, '"says":"it is missing","todo":"npx fastify-sql-sessions init"')
  for (const command of [['list'], ['show', 'abcdefghijklmnop'], ['destroy', '--all', '--yes'], ['cleanup'], ['stats']]) {
    const { code, told } = await go(...command)
    t.equal(code, 2)
    t.match(told, /^There is no table sessions in .+\. Create it with: npx fastify-sql-sessions init\n$/)
  }
  t.match(JSON.parse((await go('init', '--json')).out), { table: 'sessions', created: true })
  t.match(await go('init'), { code: 0, out: /^The table sessions in .* is there already, and works\.\n$/ })
  const after = await go('check')
  t.match(after.out, /\nok {4}expiry .* has an index[^]*\nok {4}rights .*\nok {4}table .*\n\nNothing to change\.\n$/)
  t.equal(after.code, 0)
})

onEachDatabase('check knows the table of SCS, and says what is missing there', async (t, place) => {
  const [create = '', index = ''] = place.scsTable.split(';')
  await place.query(create)
  const without = await commandsOn(place)('check')
  t.equal(without.code, 1)
  t.match(without.out, /\nFIX {3}expiry +has no index, so each cleanup reads the whole table\n +CREATE INDEX sessions_expiry_idx ON \S+ \(expiry\)\n/)
  t.match(without.out, /\n1 to change\.\n$/)
  await place.query(index)
  const complete = await commandsOn(place)('check')
  t.match(complete.out, /\nnote {2}owner +there is no column owner/)
  t.equal(complete.code, 0, complete.out)
})

onEachDatabase('list, show and destroy find the sessions of the plugin by their ids', async (t, place) => {
  const go = commandsOn(place)
  await go('init')
  const { visit } = await siteOn(t, place)
  const ids: string[] = []
  for (const userId of [7, 7, 8]) ids.push(await visit(session => { session.put('userId', userId); session.put('since', new Date(0)) }))
  const lines = (await go('list', '--json', '--owner-key', 'userId')).out.trim().split('\n').map(line => JSON.parse(line) as { id: string, owner: string })
  t.same(new Set(lines.map(({ id, owner }) => `${id} ${owner}`)), new Set([`${ids[0]} 7`, `${ids[1]} 7`, `${ids[2]} 8`]))
  const listed = await go('list', '--owner-key', 'userId', '--owner', '7')
  t.match(listed, { code: 0, out: /^id +expires \(UTC\) +size {2}owner\n([\w-]{16} {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ +\d+ B {2}7\n){2}$/, told: '2 sessions\n' })
  t.equal((await go('list', '--limit', '1')).told, '1 session\n')

  const shown = await go('show', String(ids[0]))
  t.match(shown, { code: 0, out: new RegExp(`^id +${ids[0]}\nexpires +\\d{4}.*Z\ndeadline +.*Z\nremember me +not said\nsize +\\d+ B\n\nuserId +7\nsince +\\{"\\$date":"1970-01-01T00:00:00.000Z"\\}\n$`) })
  t.match(JSON.parse((await go('show', String(ids[0]), '--json')).out), { id: ids[0], values: { userId: 7, since: { $date: '1970-01-01T00:00:00.000Z' } } })
  t.same(await go('show', 'abcdefghijklmnop'), { code: 1, out: '', told: 'There is no live session with the id abcdefghijklmnop\n' })

  const no = answering('no')
  t.match(await go.at(no)('destroy', String(ids[2])), { code: 1, out: '', told: 'Nothing was ended.\n' })
  t.match(no.questions, [/^End 1 session \(sessions in .+\)\? This cannot be undone\. Type yes: $/])
  t.same(await go('destroy', String(ids[2]), '--yes'), { code: 0, out: '1 session ended.\n', told: '' })
  t.same(await go('destroy', String(ids[2]), '--yes'), { code: 1, out: 'There is no such session.\n', told: '' })
  const yes = answering('yes')
  t.match(await go.at(yes)('destroy', '--owner', '7', '--owner-key', 'userId'), { code: 0, out: '2 sessions ended.\n' })
  t.match(yes.questions, [/^End 2 sessions of 7 \(/])
  t.match(await go('destroy', '--all', '--yes', '--json'), { code: 0, out: '{"ended":0}\n' })
})

onEachDatabase('show tells what the option track keeps', async (t, place) => {
  const go = commandsOn(place)
  await go('init')
  const { visit } = await siteOn(t, place, { track: true })
  const id = await visit(session => { session.put('user', 'ada') })
  t.match((await go('show', id)).out, /\nbegan +\d{4}.*Z\nlast used +\d{4}.*Z\nuser agent +lightMyRequest\naddress +127\.0\.0\.1\n/)
  t.match(JSON.parse((await go('show', id, '--json')).out), { tracked: { began: /^\d{4}-.*Z$/, userAgent: 'lightMyRequest', address: '127.0.0.1' } })
})

onEachDatabase('nothing that is written contains a token, where the table has tokens too', async (t, place) => {
  const go = commandsOn(place)
  await go('init')
  const { visit, tokens } = await siteOn(t, place, { codec: 'gob' })
  const id = await visit(session => { session.put('user', 'ada\u001b[31m\u202e') })
  const flags = ['--codec', 'gob', '--owner-key', 'user']
  const written = await Promise.all([go('list', ...flags), go('list', '--json', ...flags), go('show', id, ...flags), go('show', id, '--json', ...flags), go('list'), go('show', id, '--unhashed'), go('stats', '--json'), go('check')])
  const [token = ''] = tokens
  t.match(token, /^[\w-]{43}$/)
  for (const { code, out, told } of written) {
    t.equal(code, 0, told)
    t.notMatch(out + told, token)
    t.notMatch(out + told, token.slice(0, 16))
  }
  t.match(written[0]?.out, /ada\\u001b\[31m\\u202e\n$/, 'what could move the cursor is written out')
  t.match(written[2]?.out, /\nuser {2}"ada\\u001b\[31m\\u202e"\n$/)
  t.match(written[4]?.out, '(not readable with this codec)')
  t.match(written[5]?.out, 'Its values cannot be read with this codec.')
  t.match(await go('destroy', '--all', '--yes'), { out: '1 session ended.\n' }, 'such sessions can be ended')
})

onEachDatabase('cleanup deletes what is expired, and shows how far it is; stats counts', async (t, place) => {
  const go = commandsOn(place)
  await go('init')
  const store = place.store()
  t.teardown(async () => { await store.close() })
  await store.open({ warn () {}, error () {} })
  const add = async (ttl: number, count: number) => await Promise.all(Array.from({ length: count }, async () => await store.insert({ token: randomBytes(32).toString('base64url'), data: Buffer.from('x'.repeat(100)), ttl })))
  await add(-1000, 600)
  await add(3_600_000, 3)
  t.match(JSON.parse((await go('stats', '--json')).out), { live: 3, expired: 600, averageSize: 100, largestSize: 100, totalSize: 60_300 })
  t.match((await go('stats')).out, /^live sessions +3\nexpired rows +600\naverage size +100 B\nlargest +100 B\ndata in all +59 KB\nnext to expire +\d{4}.*Z\nlast to expire +\d{4}.*Z\n$/)
  const { code, out, told } = await go.at({ isLive: true })('cleanup')
  t.equal(code, 0)
  t.equal(out, '600 expired rows deleted.\n')
  t.match(told, /^\rcleanup ░+ +0 % {2}0 of 600\rcleanup █+░+ +85 % {2}512 of 600\rcleanup █+ 100 % {2}600 of 600\n$/)
  t.same(await go('cleanup', '--json'), { code: 0, out: '{"deleted":0}\n', told: '' })
  t.match((await go('stats')).out, /^live sessions +3\nexpired rows +0\n/)
  t.same(await go('destroy', '--all', '--yes'), { code: 0, out: '3 sessions ended.\n', told: '' })
  t.match((await go('stats')).out, /^live sessions +0\nexpired rows +0\naverage size +0 B\nlargest +0 B\ndata in all +0 B\n$/)
})

t.test('check names rights that are missing, and how to give them', async t => {
  const { url, connection, name } = await makeDatabase(t)
  const user = `${name.slice(-12)}u`
  await run(['init'], { MYSQL_URL: url })
  await connection.query(`CREATE USER '${user}'@'%' IDENTIFIED BY 'hunter2'; GRANT SELECT, UPDATE, DELETE ON ${name}.sessions TO '${user}'@'%'`)
  t.teardown(async () => { await connection.query(`DROP USER '${user}'@'%'`) })
  const own = new URL(url)
  own.username = user
  own.password = 'hunter2'
  const { code, out } = await run(['check'], { MYSQL_URL: own.href })
  t.equal(code, 1)
  t.match(out, new RegExp(`FIX {3}rights +the user may not INSERT into the table\n +GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO '${user}'@'%'\n`))
  await connection.query(`REVOKE UPDATE ON ${name}.sessions FROM '${user}'@'%'`)
  const without = await run(['check'], { MYSQL_URL: own.href })
  t.equal(without.code, 1)
  t.match(without.out, /FIX {3}rights +UPDATE command denied to user .*\n +GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO this user\n/)
  t.notMatch(without.out, /ok +rights/)
  own.password = 'hunter3'
  const refused = await run(['check'], { MYSQL_URL: own.href })
  t.equal(refused.code, 2)
  t.match(refused.told, /cannot be reached: Access denied/)
  t.notMatch(refused.told, 'hunter')
})

function onEachDatabase (name: string, body: (t: Test, place: Place) => Promise<void>): void {
  void t.test(`${name} (MySQL)`, async t => { await body(t, await inMysql(t)) })
  if (runsOnSqlServer) void t.test(`${name} (SQL Server)`, async t => { await body(t, await inSqlServer(t)) })
}

type Go = ((...args: string[]) => Promise<Ran>) & { at (terminal: Parameters<typeof run>[2]): (...args: string[]) => Promise<Ran> }

function commandsOn ({ env }: Place): Go {
  const at = (terminal: Parameters<typeof run>[2]) => async (...args: string[]) => await run(args[0] === 'schema' ? args : [...args, '--timeout', String(PATIENCE)], env, terminal)
  return Object.assign(at({}), { at })
}

/** An application whose requests begin sessions, and give their ids. */
async function siteOn (t: Test, { options }: Place, more: SessionOptions = {}) {
  const app = Fastify({ pluginTimeout: 0 })
  t.teardown(async () => { await app.close() })
  await app.register(sessions, { ...options, storeTimeout: PATIENCE, ...more })
  let act: (session: Session) => void = () => {}
  app.get('/', async ({ session }) => {
    act(session)
    await session.commit()
    return session.id
  })
  const tokens: string[] = []
  const visit = async (deed: typeof act): Promise<string> => {
    act = deed
    const response = await app.inject('/')
    tokens.push(...response.cookies.map(({ value }) => value))
    return response.body
  }
  return { visit, tokens }
}
