/* The column of the owners on SQL Server: what table it needs, and what is sent without it. The contract has what it does. */
import t, { type Test } from 'tap'
import { makeSqlServer, SCS_TABLE, type SqlServer } from '../../support/sql-server.js'
import { newSession, whole } from '../../support/mysql-store.js'
import { mssqlStore, type MssqlStoreOptions } from '../../../stores/mssql/mssql.js'
import * as sql from '../../../stores/mssql/statements.js'
import type { SessionStore } from '../../../stores/store.js'

async function opened (t: Test, { config }: SqlServer, options: MssqlStoreOptions): Promise<SessionStore> {
  const store = mssqlStore(config, { cleanupInterval: 0, storeTimeout: 60_000, ...options })
  t.teardown(async () => { await store.close() })
  await store.open({ warn () {}, error () {} })
  return store
}

async function tokensOf (store: SessionStore, owner: string | null): Promise<string[]> {
  const tokens: string[] = []
  for await (const { token } of store.scan(100, { owner })) tokens.push(token)
  return tokens.sort()
}

t.test('a table without the column is refused at the start with the statements that add it; then its sessions are nobody knows whose', async t => {
  const server = await makeSqlServer(t)
  await server.query(SCS_TABLE)
  const before = newSession()
  await (await opened(t, server, {})).insert(before)
  const add = 'ALTER TABLE [sessions] ADD owner VARCHAR(191) COLLATE Latin1_General_BIN2 NULL; CREATE INDEX sessions_owner_idx ON [sessions] (owner)'
  await t.rejects(opened(t, server, { owners: true }), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: `The table sessions has no column owner, which the owners of sessions need. Run: ${add}` })
  await server.query(add)
  const store = await opened(t, server, { owners: true })
  const owned = { ...newSession(), owner: 'me' }
  await store.insert(owned)
  t.same([await tokensOf(store, null), await tokensOf(store, 'me'), await store.count?.('me')], [[before.token], [owned.token], 1])
})

t.test('a column or an index that cannot serve is refused', async t => {
  for (const [column, message] of [
    ['VARCHAR(100) NULL', /^The column owner of sessions is varchar\(100\), but owner VARCHAR\(191\) COLLATE Latin1_General_BIN2 NULL is needed\. Run: ALTER TABLE \[sessions\] ALTER COLUMN owner VARCHAR\(191\) COLLATE Latin1_General_BIN2 NULL/],
    ['VARCHAR(191) NOT NULL DEFAULT \'\'', /^The column owner of sessions is varchar\(191\) NOT NULL, but/],
    ['NVARCHAR(191) NULL', /^The column owner of sessions is nvarchar\(191\), but/],
    ['INT NULL', /^The column owner of sessions is int, but/],
    ['VARCHAR(191) NULL', /^The table sessions has no index on its column owner, by which the sessions of an owner are found\. Run: CREATE INDEX sessions_owner_idx ON \[sessions\] \(owner\)$/]
  ] as const) {
    const server = await makeSqlServer(t)
    await server.query(`${SCS_TABLE} ALTER TABLE sessions ADD owner ${column}; CREATE INDEX further ON sessions (expiry, token)`)
    await t.rejects(opened(t, server, { owners: true }), { code: 'FST_SESSION_STORE_MISCONFIGURED', message }, column)
  }
})

t.test('without the option the store does not touch the column', async t => {
  const owned = { ...newSession(), owner: 'me' }
  for (const { text, parameters } of [sql.insert('[sessions]', [owned, owned], false), sql.overwrite('[sessions]', owned, false)]) {
    t.notMatch(text, /owner/)
    t.notOk(parameters.some(({ name, value }) => name === 'owner' || value === 'me'))
  }
  const server = await makeSqlServer(t)
  const store = await opened(t, server, { createTable: true })
  await store.insert(owned)
  t.same(await store.update({ ...owned, data: Buffer.from('next'), seen: whole(owned.data) }), { kind: 'saved' })
  t.strictSame(await server.query('SELECT owner FROM sessions'), [{ owner: null }])
  await t.rejects(tokensOf(store, 'me'), { code: 'FST_SESSION_INVALID_OPTION', message: 'This store keeps no owners: make it with owners: true' })
})

t.test('SCS\'s own statements go on working on the table with the column, and keep the owner', async t => {
  const server = await makeSqlServer(t)
  const store = await opened(t, server, { createTable: true, owners: true })
  const [owned, ofScs] = [{ ...newSession(), owner: 'me' }, newSession()]
  await store.insert(owned)
  for (const { token } of [owned, ofScs]) {
    await server.query(`MERGE INTO sessions WITH (HOLDLOCK) AS T USING (VALUES('${token}')) AS S (token) ON (T.token = S.token) WHEN MATCHED THEN UPDATE SET data = 0x0102, expiry = DATEADD(hour, 1, SYSUTCDATETIME()) WHEN NOT MATCHED THEN INSERT (token, data, expiry) VALUES('${token}', 0x0102, DATEADD(hour, 1, SYSUTCDATETIME()));`)
  }
  t.equal((await server.query('SELECT token, data FROM sessions WHERE GETUTCDATE() < expiry')).length, 2)
  t.same([await tokensOf(store, 'me'), await tokensOf(store, null)], [[owned.token], [ofScs.token]])
})
