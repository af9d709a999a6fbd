import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Abilities } from '../../../stores/mysql/abilities.js'
import { plain } from '../../../stores/mysql/dialect.js'
import { MysqlDatabase, mysqlStore, type MysqlSource } from '../../../stores/mysql/mysql.js'
import { updateTogether } from '../../../stores/mysql/updates.js'
import { SqlStore } from '../../../stores/sql/sql-store.js'
import type { ChangedSession, NewSession, SessionStore } from '../../../stores/store.js'
import { runContract } from '../../support/contract.js'
import { makeDatabase } from '../../support/database.js'

/*
 * Other engines can do less than MySQL and MariaDB. Here the store is made to believe so; `npm run test:engines` runs on
 * the engines themselves.
 */

const TTL = 3_600_000
const OPTIONS = { createTable: true, cleanupInterval: 0, storeTimeout: 60_000 }
const HEADER = 16
const newData = (text: string) => Buffer.from(randomBytes(HEADER / 2).toString('hex') + text)
const newSession = (text: string): NewSession => ({ token: randomBytes(32).toString('base64url'), data: newData(text), ttl: TTL })
const update = ({ token, data }: NewSession, text: string): ChangedSession => ({ token, data: newData(text), ttl: TTL, seen: { bytes: data.subarray(0, HEADER), whole: false } })
const log = { warn () {}, error () {} }

function storeThatCan (source: MysqlSource, abilities: Partial<Abilities>): SessionStore {
  return new SqlStore(new MysqlDatabase(source, OPTIONS, abilities), OPTIONS)
}

t.test('the MySQL store keeps the contract where an UPDATE does not tell its rows apart, and no statement can set its time zone', async t => {
  const { url } = await makeDatabase(t)
  await runContract(t, () => storeThatCan(url, { countsRows: false, dialect: plain }))
})

async function isToldRightly (t: Test, store: SessionStore): Promise<void> {
  await store.open(log)
  for (let round = 0; round < 10; round++) {
    const sessions = Array.from({ length: 12 }, (_, i) => newSession(`${i}`))
    await Promise.all(sessions.map(async session => await store.insert(session)))
    // Of some of them another writer has made something else; of round 0 of none, of round 9 of all.
    const updates = sessions.map((session, i) => update(i % 9 < round ? newSession('another') : session, `new ${i}`)).map((one, i) => ({ ...one, token: sessions[i]?.token ?? '' }))
    const outcomes = await Promise.allSettled(updates.map(async one => await store.update(one)))
    const found = new Map((await store.find(sessions.map(({ token }) => token))).sessions.map(({ token, data }) => [token, Buffer.from(data)]))
    outcomes.forEach((outcome, i) => {
      const { token, data } = updates[i] as ChangedSession
      const isWritten = found.get(token)?.equals(data)
      // An outcome that is not known is an error; afterwards the store knows.
      if (outcome.status === 'fulfilled') t.equal(outcome.value.kind, isWritten === true ? 'saved' : 'changed')
      else if (round > 5) t.fail('it is known by now')
    })
  }
}

t.test('a trigger on the table takes the count of updated rows away, and no update is told falsely', async t => {
  const { url, connection } = await makeDatabase(t)
  const early = mysqlStore(url, OPTIONS)
  t.teardown(async () => { await early.close() })
  await early.open(log)
  await connection.query('CREATE TABLE audit (id BIGINT AUTO_INCREMENT PRIMARY KEY, token VARCHAR(50)); CREATE TRIGGER audits AFTER UPDATE ON sessions FOR EACH ROW INSERT INTO audit (token) VALUES (NEW.token)')
  await t.test('added while the store is in use', async t => { await isToldRightly(t, early) })
  const late = mysqlStore(url, OPTIONS)
  t.teardown(async () => { await late.close() })
  await t.test('there from the beginning', async t => { await isToldRightly(t, late) })
})

t.test('of a count that does not equal the rows affected nothing is believed', async t => {
  const sessions = Array.from({ length: 3 }, (_, i) => update(newSession('old'), `${i}`))
  const answered = async (affectedRows: number, insertId: number) => {
    let miscounts = 0
    const updated = await updateTogether(sessions, async () => ({ affectedRows, insertId }), () => { miscounts++ })
    return { places: [...updated].map(session => sessions.indexOf(session)), miscounts }
  }
  t.strictSame(await answered(3, 0b111), { places: [0, 1, 2], miscounts: 0 })
  t.strictSame(await answered(2, 0b101), { places: [0, 2], miscounts: 0 })
  t.strictSame(await answered(0, 0), { places: [], miscounts: 0 })
  t.strictSame(await answered(3, 0), { places: [0, 1, 2], miscounts: 1 }, 'all rows affected: all are updated')
  t.strictSame(await answered(0, 0b11), { places: [], miscounts: 1 }, 'none affected: none is')
  const notSaid = { message: /does not say which/ }
  await t.rejects(answered(2, 0b111), notSaid)
  await t.rejects(answered(1, 0), notSaid)
})

t.test('a lost update is never told as saved where rows are written one by one', async t => {
  const { url } = await makeDatabase(t)
  const store = storeThatCan(url, { countsRows: false })
  t.teardown(async () => { await store.close() })
  await isToldRightly(t, store)
})

t.test('settings of a cluster that put the promises at risk are warned about, with name and value', async t => {
  const { inspectServer } = await import('../../../stores/mysql/abilities.js')
  const warnings = async (settings: Record<string, string>) => (await inspectServer(async sql => {
    if (sql.includes('VERSION()')) return [['10.11.6-MariaDB', 1]]
    return sql.startsWith('SHOW VARIABLES') ? Object.entries(settings) : []
  }, true)).warnings
  t.strictSame(await warnings({ wsrep_on: 'OFF', wsrep_cluster_address: '', wsrep_sync_wait: '0' }), [])
  const galera = { wsrep_on: 'ON', wsrep_cluster_address: 'gcomm://127.0.0.1' }
  t.strictSame(await warnings({ ...galera, wsrep_sync_wait: '7' }), [])
  for (const value of ['0', '1', '2']) t.match(await warnings({ ...galera, wsrep_sync_wait: value }), [new RegExp(`wsrep_sync_wait = ${value}.*SET GLOBAL wsrep_sync_wait = 3`)])
  const group = { group_replication_group_name: 'aaaaaaaa-bbbb-cccc-dddd-000000000001', group_replication_single_primary_mode: 'OFF' }
  for (const value of ['BEFORE', 'AFTER', 'BEFORE_AND_AFTER']) t.strictSame(await warnings({ ...group, group_replication_consistency: value }), [])
  for (const value of ['EVENTUAL', 'BEFORE_ON_PRIMARY_FAILOVER']) t.match(await warnings({ ...group, group_replication_consistency: value }), [new RegExp(`group_replication_consistency = ${value}`)])
  t.strictSame(await warnings({ ...group, group_replication_single_primary_mode: 'ON', group_replication_consistency: 'EVENTUAL' }), [])
})
