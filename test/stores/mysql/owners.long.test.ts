/* The column of the owners: what table it needs, and what is sent without it. The contract has what it does. */
import type { RowDataPacket } from 'mysql2'
import t from 'tap'
import { makeDatabase, SCS_TABLE } from '../../support/database.js'
import { newSession, opened, poolFor, scsDatabase, whole } from '../../support/mysql-store.js'
import { mariadb, mysql, plain } from '../../../stores/mysql/dialect.js'
import { mysqlStore } from '../../../stores/mysql/mysql.js'
import { Statements } from '../../../stores/mysql/statements.js'
import type { SessionStore } from '../../../stores/store.js'

const ADD = 'ALTER TABLE `sessions` ADD COLUMN owner VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NULL, ADD INDEX sessions_owner_idx (owner)'

async function tokensOf (store: SessionStore, owner: string | null): Promise<string[]> {
  const tokens: string[] = []
  for await (const { token } of store.scan(100, { owner })) tokens.push(token)
  return tokens.sort()
}

t.test('a table without the column is refused at the start with the statement that adds it; then its sessions are nobody knows whose', async t => {
  const { url, connection } = await scsDatabase(t)
  const before = newSession()
  await (await opened(t, url)).insert(before)
  const store = mysqlStore(url, { owners: true, cleanupInterval: 0 })
  t.teardown(async () => { await store.close() })
  await t.rejects(store.open({ warn () {}, error () {} }), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: `The table sessions has no column owner, which the owners of sessions need. Run: ${ADD}` })
  await connection.query(ADD)
  const owned = { ...newSession(), owner: 'me' }
  await store.insert(owned)
  t.same([await tokensOf(store, null), await tokensOf(store, 'me')], [[before.token], [owned.token]])
})

t.test('a column or an index that cannot serve is refused with the statement that mends it', async t => {
  const modify = 'ALTER TABLE `sessions` MODIFY COLUMN owner VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NULL'
  const { url, connection } = await scsDatabase(t)
  for (const [change, message] of [
    ['ADD COLUMN owner VARCHAR(190) CHARACTER SET ascii, ADD INDEX (owner)', `The column owner of sessions is a varchar(190) CHARACTER SET ascii, but owner VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NULL is needed. Run: ${modify}`],
    ['MODIFY COLUMN owner VARCHAR(191) CHARACTER SET ascii NOT NULL', `The column owner of sessions is a varchar(191) CHARACTER SET ascii NOT NULL, but owner VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NULL is needed. Run: ${modify}`],
    ['MODIFY COLUMN owner VARCHAR(191) CHARACTER SET utf16', `The column owner of sessions is a varchar(191) CHARACTER SET utf16, but owner VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NULL is needed. Run: ${modify}`],
    ['MODIFY COLUMN owner TEXT CHARACTER SET ascii, DROP INDEX owner', `The column owner of sessions is a text CHARACTER SET ascii, but owner VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NULL is needed. Run: ${modify}`],
    ['MODIFY COLUMN owner DATE', `The column owner of sessions is a date, but owner VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NULL is needed. Run: ${modify}`],
    ['COMMENT = \'\'', 'The table sessions has no index on its column owner, by which the sessions of an owner are found. Run: ALTER TABLE `sessions` ADD INDEX sessions_owner_idx (owner)'],
    ['ADD INDEX (expiry, owner), ADD INDEX (owner(10))', 'The table sessions has no index on its column owner, by which the sessions of an owner are found. Run: ALTER TABLE `sessions` ADD INDEX sessions_owner_idx (owner)']
  ] as const) {
    await connection.query(`ALTER TABLE sessions ${change}`)
    await t.rejects(opened(t, url, { owners: true }), { code: 'FST_SESSION_STORE_MISCONFIGURED', message }, change)
    const [, repair = ''] = message.split('Run: ')
    if (repair === modify) await connection.query(repair)
  }
})

t.test('the statement names the table as it must be quoted', async t => {
  const { url, name, connection } = await makeDatabase(t)
  await connection.query(SCS_TABLE.replaceAll(' sessions ', ' `my ``sessions` '))
  await t.rejects(opened(t, url, { owners: true, table: `${name}.my \`sessions` }), { message: new RegExp(`Run: ALTER TABLE \`${name}\`\\.\`my \`\`sessions\` ADD COLUMN owner`) })
})

t.test('without the option the store does not touch the column, and does not look for an owner', async t => {
  for (const dialect of [mariadb, mysql, plain]) {
    const statements = new Statements(dialect, { quoted: '`sessions`', keyIndex: 'PRIMARY', ownerIndex: undefined }, true, false)
    const owned = { ...newSession(), owner: 'me', seen: whole(Buffer.from('seen')) }
    for (const { sql, values } of [statements.insert([owned, owned]), statements.updateOne(owned, 1), statements.overwrite(owned)]) {
      t.notMatch(sql, /owner/)
      t.notOk(values.includes('me'))
    }
  }
  const { url, connection } = await makeDatabase(t)
  const store = await opened(t, url, { createTable: true })
  t.equal(store.keepsOwners, false)
  const session = { ...newSession(), owner: 'me' }
  await store.insert(session)
  t.same(await store.update({ ...session, data: Buffer.from('next'), seen: whole(session.data) }), { kind: 'saved' })
  t.same((await connection.query<RowDataPacket[]>('SELECT owner FROM sessions'))[0], [{ owner: null }])
  await t.rejects(tokensOf(store, 'me'), { code: 'FST_SESSION_INVALID_OPTION', message: 'This store keeps no owners: make it with owners: true' })
  await t.rejects(async () => await store.count?.('me'), { code: 'FST_SESSION_INVALID_OPTION' })
  t.throws(() => mysqlStore(url, { owners: 'userId' as unknown as boolean }), { code: 'FST_SESSION_INVALID_OPTION', message: "owners must be true or false, not 'userId'" })
})

t.test('the sessions of an owner are found by the index, however many others there are', async t => {
  const { url, connection } = await makeDatabase(t)
  const store = await opened(t, url, { createTable: true, owners: true })
  await Promise.all(Array.from({ length: 300 }, async (_, i) => { await store.insert({ ...newSession(), owner: `owner-${i % 100}` }) }))
  await connection.query('ANALYZE TABLE sessions')
  t.equal((await tokensOf(store, 'owner-7')).length, 3)
  t.equal(await store.count?.('owner-7'), 3)
  const statements = new Statements(plain, { quoted: '`sessions`', keyIndex: undefined, ownerIndex: '`sessions_owner_idx`' }, false, true)
  for (const { sql, values } of [statements.page({ size: 100, after: 'a', owner: 'owner-7' }), statements.page({ size: 100, after: undefined, owner: null }), statements.count('owner-7')]) {
    const [plan] = await connection.query<RowDataPacket[]>(`EXPLAIN FORMAT=TRADITIONAL ${sql}`, [...values])
    t.equal(plan[0]?.['key'], 'sessions_owner_idx', sql)
    t.ok(Number(plan[0]?.['rows']) < 10, 'few rows')
  }
})

t.test('SCS\'s own statements go on working on the table with the column, and keep the owner', async t => {
  const { url, connection } = await makeDatabase(t)
  const store = await opened(t, url, { createTable: true, owners: true })
  const commit = 'INSERT INTO sessions (token, data, expiry) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE data = VALUES(data), expiry = VALUES(expiry)'
  const expiry = new Date(Date.now() + 86_400_000)
  const owned = { ...newSession(), owner: 'me' }
  const ofScs = newSession()
  await store.insert(owned)
  for (const { token } of [owned, ofScs]) await connection.execute(commit, [token, Buffer.from('by SCS'), expiry])
  const [found] = await connection.execute<RowDataPacket[]>('SELECT data FROM sessions WHERE token = ? AND UTC_TIMESTAMP(6) < expiry', [owned.token])
  t.equal(String(found[0]?.['data']), 'by SCS')
  t.equal(((await connection.query<RowDataPacket[]>('SELECT token, data FROM sessions WHERE UTC_TIMESTAMP(6) < expiry'))[0]).length, 2)
  t.same([await tokensOf(store, 'me'), await tokensOf(store, null)], [[owned.token], [ofScs.token]])
  await connection.execute('DELETE FROM sessions WHERE token = ?', [owned.token])
  await connection.query('DELETE FROM sessions WHERE expiry < UTC_TIMESTAMP(6)')
  t.same([await tokensOf(store, 'me'), await tokensOf(store, null)], [[], [ofScs.token]])
})

t.test('a session whose owner changes is saved beside others in one batch, also where the table is written row by row', async t => {
  const { url, connection } = await makeDatabase(t)
  const store = await opened(t, poolFor(t, { uri: url }), { createTable: true, owners: true })
  const sessions = Array.from({ length: 20 }, () => ({ ...newSession(), owner: 'before' }))
  await Promise.all(sessions.map(async session => await store.insert(session)))
  /** Changes all sessions at once, every other one with its owner. The caller of the sixth has not seen its newest data, if `isLate`. */
  const update = async (data: (i: number) => Buffer, next: (i: number) => Buffer, owner: string, isLate: boolean) => await Promise.all(sessions.map(async ({ token, ttl }, i) =>
    (await store.update({ token, data: next(i), ttl, seen: whole(isLate && i === 5 ? Buffer.from('other') : data(i)), ...i % 2 === 1 && { owner } })).kind))
  const odd = (but?: number) => sessions.filter((_, i) => i % 2 === 1 && i !== but).map(({ token }) => token).sort()
  const [first, second, third] = [1, 2, 3].map(n => (i: number) => Buffer.from(`${n} ${i}`)) as [(i: number) => Buffer, (i: number) => Buffer, (i: number) => Buffer]
  const allButOne = sessions.map((_, i) => i === 5 ? 'changed' : 'saved')

  t.same(await update(i => Buffer.from(sessions[i]?.data ?? []), first, 'first', false), sessions.map(() => 'saved'))
  t.same(await update(first, second, 'second', true), allButOne)
  t.same(await tokensOf(store, 'second'), odd(5))
  await update(i => i === 5 ? first(i) : second(i), second, 'second', false)

  // With a trigger the server does not say which rows it has written. The first batch finds that out.
  await connection.query('CREATE TABLE log (n INT AUTO_INCREMENT PRIMARY KEY); CREATE TRIGGER written AFTER UPDATE ON sessions FOR EACH ROW INSERT INTO log VALUES (NULL)')
  t.same(await update(second, third, 'third', false), sessions.map(() => 'saved'))
  t.same(await update(third, first, 'fourth', true), allButOne)
  t.same(await tokensOf(store, 'fourth'), odd(5))
})
