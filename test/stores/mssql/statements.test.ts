import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { init, parse } from '@guanmingchiu/sqlparser-ts'
import t, { type Test } from 'tap'
import * as sql from '../../../stores/mssql/statements.js'

// Two parsers of T-SQL that are not this project's. Neither knows all of it.
const { Parser } = createRequire(import.meta.url)('node-sql-parser') as { Parser: new () => { astify (sql: string, options: { database: string }): unknown } }
const other = new Parser()
await init()

/** The sizes of batches, and all sizes between, although the store does not send those. */
const SIZES = Array.from({ length: 50 }, (_, i) => i + 1)
const MOST_PARAMETERS = 2100
const TABLES = ['[sessions]', '[auth].[sessions]', '[se]]ss[ions\'s "☃" -- @t0]']

const BATCHES: { readonly [name: string]: (table: string, n: number) => string } = {
  find: (table, n) => sql.waiting(1000, sql.find(table, n)),
  peek: sql.peek,
  insert: sql.insert,
  update: (table, n) => sql.waiting(1000, sql.update(table, n)),
  touch: (table, n) => sql.waiting(1000, sql.touch(table, n)),
  remove: (table, n) => sql.waiting(1000, sql.remove(table, n))
}
const SINGLE: { readonly [name: string]: (table: string) => string } = {
  'the time': () => sql.SELECT_NOW,
  lock: table => sql.waiting(5000, sql.lock(table)),
  overwrite: sql.overwrite,
  'the first page': table => sql.page(table, true),
  'a further page': table => sql.page(table, false),
  'the look at the table': () => sql.INSPECT
}

/** sqlparser refuses what it does not know, and says where. */
function isAccepted (t: Test, statement: string, name: string): void {
  t.doesNotThrow(() => parse(statement, 'mssql'), name)
}

for (const table of TABLES) {
  t.test(`a parser of T-SQL accepts every statement on the table ${table}`, async t => {
    for (const [name, statement] of Object.entries(BATCHES)) {
      for (const n of SIZES) isAccepted(t, statement(table, n), `${name} of ${n}`)
    }
    for (const [name, statement] of Object.entries(SINGLE)) isAccepted(t, statement(table), name)
  })
}

t.test('another parser accepts the cleanup\'s DELETE TOP, which the first does not know', async t => {
  for (const table of TABLES.slice(0, 2)) t.doesNotThrow(() => other.astify(sql.removeExpired(table), { database: 'transactsql' }))
  // All the rest of it is for the first parser too.
  isAccepted(t, sql.removeExpired('[sessions]').replace('DELETE TOP (@n)', 'DELETE'), 'all but TOP')
})

t.test('a parser refuses what is not T-SQL', async t => {
  t.throws(() => parse(sql.find('[sessions]', 2).replace('WHERE', 'WHERE AND'), 'mssql'))
  t.throws(() => parse(sql.update('[sessions]', 2).replace(' END', ''), 'mssql'))
})

t.test('a parser accepts schema/mssql.sql', async t => {
  const schema = await readFile(new URL('../../../../schema/mssql.sql', import.meta.url), 'utf8')
  isAccepted(t, schema, 'all of it')
})

t.test('no statement has more parameters than SQL Server takes', async t => {
  for (const [name, statement] of Object.entries(BATCHES)) {
    const parameters = new Set(statement('[sessions]', 50).match(/@\w+/g))
    t.ok(parameters.size < MOST_PARAMETERS, `${name} has ${parameters.size}`)
  }
})

t.test('no statement is a MERGE, has a table hint, or takes the time of somebody else\'s clock', async t => {
  for (const [name, statement] of [...Object.entries(BATCHES), ...Object.entries(SINGLE), ['cleanup', sql.removeExpired] as const]) {
    const text = statement('[sessions]', 3)
    t.notMatch(text, /MERGE|WITH|OPTION|LOCK\b|GETDATE|GETUTCDATE|SYSDATETIME\(/i, name)
  }
})
