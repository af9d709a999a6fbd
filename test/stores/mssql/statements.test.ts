import { readFile } from 'node:fs/promises'
import t from 'tap'
import * as sql from '../../../stores/mssql/statements.js'
import type { Statement } from '../../../stores/mssql/statements.js'
import { parse } from '../../tds/sql/parser.js'

/*
 * The parser is the front's. What it accepts, the front also runs in the store's contract, so a statement that parses to
 * something else than was meant fails there. What SQL Server itself takes is shown by the contract in the public CI.
 */

const MOST_PARAMETERS = 2100
const TABLES = ['[sessions]', '[app].[auth].[sessions]', '[se]]ss[ions\'s "☃" -- @t0]']
/** The sizes of batches, and all sizes between. */
const SIZES = Array.from({ length: 50 }, (_, i) => i + 1)

const sessions = (n: number) => Array.from({ length: n }, (_, i) => ({
  token: String(i).padStart(43, 'A'), data: Buffer.from(`new ${i}`), ttl: 1500, atLeast: 0, seen: { bytes: Buffer.from(`old ${i}`), whole: i % 2 === 1 }
}))
const owned = (n: number) => sessions(n).map((session, i) => ({ ...session, owner: `owner-${i}` }))
const tokens = (n: number) => sessions(n).map(({ token }) => token)

const BATCHES: { readonly [name: string]: (table: string, n: number) => Statement } = {
  find: (table, n) => sql.find(table, tokens(n), 1000),
  peek: (table, n) => sql.peek(table, tokens(n)),
  insert: (table, n) => sql.insert(table, sessions(n), false),
  'insert with owners': (table, n) => sql.insert(table, owned(n), true),
  'update with owners': (table, n) => sql.update(table, owned(n), 1000),
  update: (table, n) => sql.update(table, sessions(n), 1000),
  touch: (table, n) => sql.touch(table, sessions(n), 1000),
  remove: (table, n) => sql.remove(table, tokens(n), 1000)
}
const [session] = sessions(1) as [ReturnType<typeof sessions>[0]]
const SINGLE: { readonly [name: string]: (table: string) => Statement } = {
  'the time': () => sql.selectNow(),
  lock: table => sql.lock(table, session.token, 5000),
  overwrite: table => sql.overwrite(table, session, true),
  'overwrite with the owner': table => sql.overwrite(table, { ...session, owner: 'me' }, true),
  'the first page': table => sql.page(table, { after: undefined, owner: undefined, size: 100 }),
  'a further page': table => sql.page(table, { after: session.token, owner: undefined, size: 100 }),
  'a page of an owner': table => sql.page(table, { after: session.token, owner: 'me', size: 100 }),
  'a page of unknown owners': table => sql.page(table, { after: undefined, owner: null, size: 100 }),
  count: table => sql.count(table, undefined),
  'count of an owner': table => sql.count(table, 'me'),
  cleanup: table => sql.removeExpired(table, 128, 1000),
  'the look at the table': table => sql.inspect(table),
  'the look at the owner': table => sql.inspectOwner(table),
  'the transactions': () => sql.selectTransactions()
}

for (const table of TABLES) {
  t.test(`every statement on the table ${table} parses`, async t => {
    for (const [name, statement] of Object.entries(BATCHES)) {
      for (const n of SIZES) t.doesNotThrow(() => parse(statement(table, n).text), `${name} of ${n}`)
    }
    for (const [name, statement] of Object.entries(SINGLE)) t.doesNotThrow(() => parse(statement(table).text), name)
  })
}

t.test('every statement parses where there are no table hints, as on Babelfish', async t => {
  for (const statement of Object.values(BATCHES)) t.doesNotThrow(() => parse(statement('[sessions]', 8).text, true))
  for (const statement of Object.values(SINGLE)) t.doesNotThrow(() => parse(statement('[sessions]').text, true))
})

t.test('the parser refuses what is not T-SQL', async t => {
  t.throws(() => parse(sql.find('[sessions]', tokens(2), 1).text.replace('WHERE', 'WHERE AND')))
  t.throws(() => parse(sql.update('[sessions]', sessions(2), 1).text.replace(' END', '')))
})

t.test('schema/mssql.sql parses', async t => {
  const schema = await readFile(new URL('../../../../schema/mssql.sql', import.meta.url), 'utf8')
  t.doesNotThrow(() => parse(schema))
})

t.test('each statement has the parameters that its text names, and no more than SQL Server takes', async t => {
  const named = ({ text }: Statement) => [...new Set(text.match(/(?<!@)@\w+/g))].sort()
  const given = ({ parameters }: Statement) => parameters.map(({ name }) => `@${name}`).sort()
  for (const [name, statement] of [...Object.entries(BATCHES), ...Object.entries(SINGLE)]) {
    t.strictSame(given(statement('[sessions]', 50)), named(statement('[sessions]', 50)), name)
    t.ok(statement('[sessions]', 50).parameters.length < MOST_PARAMETERS)
  }
})

t.test('the server gets few texts, whatever the number of rows', async t => {
  for (const [name, statement] of Object.entries(BATCHES)) {
    const texts = new Set(SIZES.map(n => statement('[sessions]', n).text))
    t.ok(texts.size <= 7, `${name}: ${texts.size}`)
  }
})

t.test('statements use no MERGE, no table hints, and no clock but the server\'s UTC clock', async t => {
  for (const [name, statement] of [...Object.entries(BATCHES), ...Object.entries(SINGLE)]) {
    t.notMatch(statement('[sessions]', 3).text, /MERGE|WITH|OPTION\b|LOCK\b|GETDATE|GETUTCDATE|SYSDATETIME\(/i, name)
  }
})

t.test('a token that is longer than its column is refused, not cut', async t => {
  t.throws(() => sql.insert('[sessions]', [{ ...session, token: 'x'.repeat(44) }], false), RangeError)
})
