/* What the command line refuses, and with what words. None of this reaches a database. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { answering, run } from './support.js'

const REFUSED: ReadonlyArray<readonly [line: string, message: string, env?: Record<string, string>]> = [
  ['lst', 'There is no command \'lst\'. Did you mean list?'],
  ['frobnicate', 'There is no command \'frobnicate\'. There are: schema, init, check, list, show, destroy, cleanup, stats'],
  ['mysql://user:hunter2@host/x', 'There is no command another string. There are: schema, init, check, list, show, destroy, cleanup, stats'],

  ['schema', 'schema needs mysql or mssql'],
  ['schema postgres', 'schema needs mysql or mssql, not \'postgres\''],
  ['schema mysql mssql', 'schema does not take \'mssql\'. It takes one argument and options'],
  ['schema mysql --table a.b.c', 'table must be the name of a table, like \'sessions\' or \'auth.sessions\', not \'a.b.c\''],
  ['schema mysql --url x', 'There is no option --url for schema. There are: --table'],

  ['init extra', 'init does not take \'extra\'. It takes options alone'],
  ['check --urll=mysql://user:hunter2@host/x', 'There is no option --urll for check. Did you mean --url?'],
  ['check mysql://user:hunter2@host/x', 'check does not take another string. It takes options alone'],
  ['check --url', '--url needs a value: --url URL'],
  ['check --url --json', '--url needs a value: --url URL'],
  ['check --url=', '--url needs a value: --url URL'],
  ['check --json=1', '--json takes no value'],
  ['check --json --json', '--json stands there twice'],
  ['check --table', '--table needs a value: --table NAME'],
  ['check', 'Which database? Set MYSQL_URL or MSSQL_URL, or write --url mysql://user@host/database'],
  ['check', 'MYSQL_URL and MSSQL_URL are both set. Say which: --url "$MYSQL_URL"', { MYSQL_URL: 'mysql://a/b', MSSQL_URL: 'Server=a' }],
  ['check --url postgres://user:hunter2@host/x', 'The URL must begin with mysql://, mariadb:// or mssql://, or be a connection string like Server=localhost,1433;Database=app;User Id=name;Password=secret'],
  ['check --url mysql://user:hunter2#@host/x', 'The URL must be a URL like mysql://user:password@host:3306/database, options of mysql2\'s createPool, or a pool of mysql2, not another string. Special characters in the user\'s name or password must be encoded: encodeURIComponent(password)'],
  ['check --url mysql://a/b --table a.b.c', 'table must be the name of a table, like \'sessions\' or \'auth.sessions\', not \'a.b.c\''],
  ['check --url mysql://a/b --timeout 0', '--timeout must be a whole number from 1 to 3600000, not \'0\''],
  ['check --url mysql://a/b --timeout 5s', '--timeout must be a whole number from 1 to 3600000, not \'5s\''],

  ['list --limit -1', '--limit must be a whole number from 1 to 9007199254740991, not \'-1\''],
  ['list --limit many', '--limit must be a whole number from 1 to 9007199254740991, not \'many\''],
  ['show', 'show needs the id of a session, as session.id has it, or a log or list'],
  ['show abc', 'show needs the id of a session: 16 letters, digits, - and _'],
  [`show ${'x'.repeat(43)}`, 'show needs the id of a session. What was typed has the form of a token: whoever reads a token can use the session'],
  ['destroy', 'destroy needs one of ID, --owner X and --all'],
  ['destroy --all --owner 7', 'destroy needs one of ID, --owner X and --all, not 2 of them'],
  ['destroy abcdefghijklmnop --all', 'destroy needs one of ID, --owner X and --all, not 2 of them'],
  [`destroy ${'x'.repeat(43)} --yes`, 'destroy needs the id of a session. What was typed has the form of a token: whoever reads a token can use the session'],
  ...['-', '-y', '--', '--y'].flatMap((dashes): Array<readonly [string, string]> => [
    [`destroy ${dashes.padEnd(43, 'x')} --yes`, 'destroy needs the id of a session. What was typed has the form of a token: whoever reads a token can use the session'],
    [`destroy ${dashes.padEnd(16, 'x')}`, 'destroy cannot be undone, and there is no terminal to ask: write --yes'],
    [`destroy --all ${dashes.padEnd(16, 'x')}`, 'destroy needs one of ID, --owner X and --all, not 2 of them'],
    [`show ${dashes.padEnd(16, 'x')}`, 'Which database? Set MYSQL_URL or MSSQL_URL, or write --url mysql://user@host/database'],
    [`destroy --yes --owner ${dashes.padEnd(16, 'x')} --owner-key=k`, dashes.startsWith('--') ? '--owner needs a value: --owner X' : 'Which database? Set MYSQL_URL or MSSQL_URL, or write --url mysql://user@host/database']
  ]),
  ['destroy --all', 'destroy cannot be undone, and there is no terminal to ask: write --yes'],
  ['cleanup --dry-run-please', 'There is no option --dry-run-please for cleanup. There are: --url, --table, --timeout, --json'],
  ['cleanup now', 'cleanup does not take \'now\'. It takes options alone'],
  ['stats --jsn', 'There is no option --jsn for stats. Did you mean --json?']
]
for (const [line, message, env] of REFUSED) {
  t.test(`refused: ${line.replace(/:hunter2/, '')}: ${message}`, async t => {
    t.same(await run(line.split(' '), env), { code: 2, out: '', told: `${message}\n` })
  })
}

t.test('without a command it writes the help, and fails; asked for the help it does not fail', async t => {
  const nothing = await run([])
  t.equal(nothing.code, 2)
  t.match(nothing.out, /^usage: npx fastify-sql-sessions COMMAND \[options\]\n\n {2}schema mysql\|mssql .*\n {2}init .*\n {2}check /)
  for (const line of [['help'], ['--help'], ['-h']]) t.same(await run(line), { ...nothing, code: 0 })
  for (const line of [['help', 'destroy'], ['destroy', '--help'], ['destroy', '--all', '-h']]) {
    const { code, out } = await run(line)
    t.equal(code, 0)
    t.match(out, /^usage: npx fastify-sql-sessions destroy ID \| --owner X \| --all \[options\][^]*\n {2}-y, --yes +do not ask\n/)
  }
})

t.test('schema writes the SQL for a table of another name', async t => {
  const mysql = await run(['schema', 'mysql', '--table', 'auth.my `sessions'])
  t.equal(mysql.code, 0)
  t.match(mysql.out, 'CREATE TABLE IF NOT EXISTS `auth`.`my ``sessions` (')
  t.match((await run(['schema', 'mssql', '--table', 'auth.it\'s'])).out, 'IF OBJECT_ID(N\'[auth].[it\'\'s]\', N\'U\') IS NULL')
})

t.test('the program itself asks nobody where there is no terminal, and ends with the exit code', async t => {
  const program = fileURLToPath(new URL('../../cli/index.js', import.meta.url))
  const ended = await promisify(execFile)(process.execPath, [program, 'destroy', '--all']).catch((error: object) => error)
  t.match(ended, { code: 2, stdout: '', stderr: 'destroy cannot be undone, and there is no terminal to ask: write --yes\n' })
  t.match((await promisify(execFile)(process.execPath, [program, 'schema', 'mysql'])).stdout, /^-- Sessions of fastify-sql-sessions/)
})

t.test('a database that does not answer is told without its password', async t => {
  for (const command of [['check'], ['init'], ['list'], ['show', 'abcdefghijklmnop'], ['destroy', '--all', '--yes'], ['cleanup'], ['stats']]) {
    const { code, out, told } = await run([...command, '--timeout', '60000'], { MYSQL_URL: 'mysql://user:hunter2@127.0.0.1:1/shop' })
    t.equal(code, 2)
    t.equal(out, '')
    t.match(told, /^127\.0\.0\.1:1\/shop cannot be reached: .*ECONNREFUSED/)
    t.notMatch(told, 'hunter2')
  }
})

t.test('--owner needs to know which key has the owner', async t => {
  const { code, told } = await run(['list', '--owner', '7', '--url', 'mysql://127.0.0.1:1/shop', '--timeout', '60000'], {}, answering('no'))
  t.equal(code, 2)
  t.match(told, '--owner needs --owner-key: the key of the value that says whose session it is, for example --owner-key userId')
})
