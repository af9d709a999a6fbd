import t from 'tap'
import { startTdsFront } from './front.js'
import { failure, mssql } from './mssql-driver.js'
import type { MssqlPool, MssqlRequest } from './mssql-driver.js'
import { makeMariaDb } from '../support/mariadb.js'

const mariadb = await makeMariaDb(t)
const front = await startTdsFront({ mariadb })
const pool = await connect()
t.teardown(async () => {
  await pool.close()
  await front.close()
})

async function connect (more: object = {}): Promise<MssqlPool> {
  const created = new mssql.ConnectionPool({ ...front.config, connectionTimeout: 60_000, requestTimeout: 60_000, ...more })
  created.on('error', () => {})
  return await created.connect()
}

async function query (sql: string, inputs: (request: MssqlRequest) => MssqlRequest = (request) => request) {
  return await inputs(pool.request()).query(sql)
}

/** The only row of a SELECT of expressions. */
async function values (expressions: string, inputs?: (request: MssqlRequest) => MssqlRequest) {
  return (await query(`SELECT ${expressions}`, inputs)).recordset[0] ?? {}
}

const token = (name: string) => name.padEnd(43, '-')
const hour = (request: MssqlRequest) => request.input('s0', mssql.Int, 3600).input('m0', mssql.Int, 250)

async function freshTable (): Promise<void> {
  await query(`DROP TABLE IF EXISTS dbo.sessions;
    CREATE TABLE dbo.sessions (
      token CHAR(43) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT PK_sessions PRIMARY KEY CLUSTERED,
      data VARBINARY(MAX) NOT NULL,
      expiry DATETIME2(6) NOT NULL
    );
    CREATE INDEX sessions_expiry_idx ON dbo.sessions (expiry);`)
}

async function insert (...names: readonly string[]): Promise<void> {
  const rows = names.map((_, i) => `(@t${i}, @d${i}, DATEADD(millisecond, @m0, DATEADD(second, @s0, SYSUTCDATETIME())))`)
  await query(`INSERT INTO [dbo].[sessions] (token, data, expiry) VALUES ${rows.join(', ')}`, (request) => {
    names.forEach((name, i) => request.input(`t${i}`, mssql.Char(43), token(name)).input(`d${i}`, mssql.VarBinary(mssql.MAX), Buffer.from(`data of ${name}`)))
    return hour(request)
  })
}

const CLOCK = Date.UTC(2026, 0, 31, 23, 59, 59, 250)

t.test('a login is accepted or refused with SQL Server\'s numbers', async (t) => {
  t.equal(await failure(connect({ password: 'wrong' })), 'ELOGIN')
  t.equal(await failure(connect({ user: 'nobody' })), 'ELOGIN')
  t.equal(await failure(connect({ database: 'elsewhere' })), 'ELOGIN')
  const byUrl = new mssql.ConnectionPool(front.url)
  await byUrl.connect()
  t.same((await byUrl.request().query('SELECT 1 AS one')).recordset, [{ one: 1 }])
  await byUrl.close()
})

t.test('every type comes back as the driver shows it', async (t) => {
  const row = await values(`1 AS int, CAST(5000000000 AS bigint) AS big, CAST(1 AS bit) AS bit, 1.50 AS dec, 2.5e0 AS float,
    'vär' AS varchar, N'\u{1F600}' AS nvarchar, CAST('ab' AS char(4)) AS char, 0x0A00 AS bin, CAST(0x01 AS binary(3)) AS fixed,
    CAST('2026-01-31 23:59:59.123456' AS datetime2(6)) AS at, CAST('2026-01-31' AS date) AS day, NULL AS nothing,
    CAST(NULL AS varbinary(max)) AS nobytes, CAST(REPLICATE(CAST('x' AS varchar(max)), 9000) AS varchar(max)) AS long`)
  t.match(row, {
    int: 1, big: '5000000000', bit: true, dec: 1.5, float: 2.5, varchar: 'vär', nvarchar: '\u{1F600}', char: 'ab  ', nothing: null, nobytes: null
  })
  t.same(row['bin'], Buffer.from([10, 0]))
  t.same(row['fixed'], Buffer.from([1, 0, 0]))
  t.equal((row['at'] as Date).toISOString(), '2026-01-31T23:59:59.123Z')
  t.equal((row['day'] as Date).toISOString(), '2026-01-31T00:00:00.000Z')
  t.equal(String(row['long']).length, 9000)
})

t.test('every type of parameter arrives, and its wire type is recorded', async (t) => {
  front.statements.length = 0
  const at = new Date('2026-01-31T23:59:59.123Z')
  const row = await values('@c AS c, @v AS v, @nv AS nv, @nc AS nc, @b AS b, @bm AS bm, @i AS i, @bi AS bi, @bit AS bit, @f AS f, @dec AS dec, @d2 AS d2, @dto AS dto, @dt AS dt, @none AS none', (request) => request
    .input('c', mssql.Char(5), 'abc').input('v', mssql.VarChar(10), 'é').input('nv', mssql.NVarChar(20), '\u20ac\u{1F600}').input('nc', mssql.NChar(4), 'ab')
    .input('b', mssql.VarBinary(16), Buffer.from([1, 0])).input('bm', mssql.VarBinary(mssql.MAX), Buffer.alloc(3)).input('i', mssql.Int, -5)
    .input('bi', mssql.BigInt, '-9007199254740991').input('bit', mssql.Bit, true).input('f', mssql.Float, 0.1).input('dec', mssql.Decimal(9, 2), -12.34)
    .input('d2', mssql.DateTime2(6), at).input('dto', mssql.DateTimeOffset(3), at).input('dt', mssql.DateTime, at).input('none', mssql.VarBinary(mssql.MAX), null))
  t.match(row, { c: 'abc  ', v: 'é', nv: '\u20ac\u{1F600}', nc: 'ab  ', i: -5, bi: '-9007199254740991', bit: true, f: 0.1, dec: -12.34, none: null })
  t.same(row['b'], Buffer.from([1, 0]))
  t.same(row['bm'], Buffer.alloc(3))
  t.equal((row['d2'] as Date).getTime(), at.getTime())
  t.equal((row['dto'] as Date).getTime(), at.getTime())
  t.equal((row['dt'] as Date).getTime(), at.getTime())
  t.same(front.statements[0]?.params.map((parameter) => parameter.type), [
    'Char(5)', 'VarChar(10)', 'NVarChar(20)', 'NChar(4)', 'VarBinary(16)', 'VarBinary(max)', 'Int', 'BigInt', 'Bit', 'Float', 'Decimal(9,2)',
    'DateTime2(6)', 'DateTimeOffset(3)', 'DateTime', 'VarBinary(max)'
  ])
  front.statements.length = 0
  await query('SELECT @x AS x', (request) => request.input('x', 'untyped'))
  t.match(front.statements[0]?.params, [{ name: 'x', type: 'NVarChar(7)', value: 'untyped' }])
})

t.test('CHAR pads, text ignores case and trailing spaces unless it is BIN2, binary ignores trailing zeros', async (t) => {
  const yes = async (condition: string) => (await values(`CASE WHEN ${condition} THEN 1 ELSE 0 END AS yes`))['yes']
  t.equal(await yes("'ABC' = 'abc  '"), 1)
  t.equal(await yes("'a' = 'ä'"), 0)
  t.equal(await yes("N'ABC' = 'abc'"), 1)
  t.equal(await yes("'ABC' COLLATE Latin1_General_100_BIN2 = 'abc'"), 0)
  t.equal(await yes("'abc ' COLLATE Latin1_General_100_BIN2 = 'abc'"), 1)
  t.equal(await yes('0x = 0x00'), 1)
  t.equal(await yes('0x0100 = 0x01'), 1)
  t.equal(await yes('0x0001 = 0x01'), 0)
  t.equal(await yes('CAST(0x0100 AS varbinary(max)) IN (0x02, 0x01)'), 1)
  t.same(await values("DATALENGTH(CAST('a' AS char(43))) AS n, DATALENGTH(CAST(0x0100 AS varbinary(max))) AS big, LEN('ab  ') AS len, DATALENGTH(N'ab') AS wide"),
    { n: 43, big: '2', len: 2, wide: 4 })
  t.same((await values('SUBSTRING(0x010203, 0, 2) AS s'))['s'], Buffer.from([1]))
  t.equal(await failure(query("SELECT 'a' COLLATE Latin1_General_100_BIN2 + 'b' COLLATE SQL_Latin1_General_CP1_CI_AS")), 468)
})

t.test('dates are added and counted as T-SQL does, by a clock that a test can set', async (t) => {
  front.faults.clock(CLOCK)
  const row = await values(`DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME()) AS now, DATEDIFF(second, SYSUTCDATETIME(), DATEADD(millisecond, 800, SYSUTCDATETIME())) AS boundary,
    DATEDIFF_BIG(microsecond, SYSUTCDATETIME(), DATEADD(day, 1, SYSUTCDATETIME())) AS day, DATEDIFF(year, SYSUTCDATETIME(), '20270101') AS year, SYSUTCDATETIME() AS at`)
  front.faults.clock(null)
  t.match(row, { now: String(CLOCK), boundary: 1, day: '86400000000', year: 1 })
  t.equal((row['at'] as Date).getTime(), CLOCK)
  t.equal(await failure(query("SELECT DATEDIFF(millisecond, '19700101', SYSUTCDATETIME())")), 535)
  t.equal(await failure(query('SELECT DATEADD(second, CAST(3000000000 AS bigint), SYSUTCDATETIME())')), 8115)
  t.equal(await failure(query("SELECT CAST('no date' AS datetime2)")), 241)
  t.ok(Math.abs(Number((await values("DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME()) AS now"))['now']) - Date.now()) < 5000)
})

t.test('the schema statements, and the questions that setup scripts ask', async (t) => {
  await freshTable()
  t.equal(await failure(query('CREATE TABLE sessions (token CHAR(43) PRIMARY KEY)')), 2714)
  t.equal(await failure(query('DROP TABLE nothing')), 3701)
  t.equal(await failure(query('CREATE INDEX sessions_expiry_idx ON sessions (expiry)')), 1913)
  t.equal(await failure(query('CREATE TABLE nowhere.x (a int)')), 2760)
  await query(`IF OBJECT_ID(N'dbo.sessions', N'U') IS NULL CREATE TABLE dbo.sessions (wrong int)
    IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE name = 'sessions_expiry_idx' AND object_id = OBJECT_ID('dbo.sessions'))
    BEGIN
      CREATE INDEX sessions_expiry_idx ON dbo.sessions (expiry)
    END`)
  await query('DROP TABLE IF EXISTS app.[odd]]name]; DROP SCHEMA IF EXISTS app')
  await query('CREATE SCHEMA [app]')
  await query('CREATE TABLE app.[odd]]name] (token CHAR(43) PRIMARY KEY, data VARBINARY(MAX) NOT NULL, expiry DATETIME2(6) NOT NULL); CREATE INDEX i ON app.[odd]]name] (expiry);')
  const asked = await values("OBJECT_ID(@name, 'U') AS known, OBJECT_ID('nothing') AS unknown, COL_LENGTH(@name, 'data') AS data, COL_LENGTH('dbo.sessions', 'token') AS token, DB_NAME() AS db",
    (request) => request.input('name', mssql.NVarChar(300), '[app].[odd]]name]'))
  t.match(asked, { known: Number, unknown: null, data: -1, token: 43, db: mariadb.database })
  t.match(await values('@@VERSION AS version'), { version: /Microsoft SQL Server/ })
  const columns = await query("SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH AS length, COLLATION_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'sessions' ORDER BY ORDINAL_POSITION")
  t.same(columns.recordset[0], { COLUMN_NAME: 'token', DATA_TYPE: 'char', length: 43, COLLATION_NAME: 'Latin1_General_100_BIN2' })
  await query('INSERT INTO app.[odd]]name] VALUES (@t, 0x, SYSUTCDATETIME())', (request) => request.input('t', mssql.Char(43), token('a')))
  t.equal(await failure(query('INSERT INTO app.[odd]]name] VALUES (@t, 0x, SYSUTCDATETIME())', (request) => request.input('t', mssql.Char(43), token('A')))), 2627, 'without BIN2 case does not count')
  await query('TRUNCATE TABLE app.[odd]]name]')
  t.same((await query('SELECT COUNT(*) AS n FROM app.[odd]]name]')).recordset, [{ n: 0 }])
})

t.test('SELECT: by tokens, in pages, with hints, joins, subqueries, unions and common tables', async (t) => {
  await freshTable()
  await insert('a', 'b', 'c')
  const found = await query(`SELECT token, data, DATEDIFF_BIG(microsecond, SYSUTCDATETIME(), expiry) / 1000 AS ttl, DATEDIFF_BIG(millisecond, '19700101', SYSUTCDATETIME()) AS now
    FROM [dbo].[sessions] WITH (ROWLOCK, READCOMMITTEDLOCK) WHERE token IN (@t0, @t1, @t2) AND expiry > SYSUTCDATETIME()`,
  (request) => request.input('t0', mssql.Char(43), token('a')).input('t1', mssql.Char(43), token('C')).input('t2', mssql.Char(43), token('b')))
  t.same(found.recordset.map((row) => row['token']), [token('a'), token('b')], 'BIN2 keeps case apart')
  t.same(found.recordset[0]?.['data'], Buffer.from('data of a'))
  t.ok(Number(found.recordset[0]?.['ttl']) > 3_590_000 && Number(found.recordset[0]?.['ttl']) <= 3_600_250)
  t.same(found.rowsAffected, [2])
  const page = await query('SELECT TOP (@n) token FROM sessions WHERE expiry > SYSUTCDATETIME() AND token > @after ORDER BY token',
    (request) => request.input('n', mssql.Int, 1).input('after', mssql.Char(43), token('a')))
  t.same(page.recordset, [{ token: token('b') }])
  t.same((await query('SELECT token AS k FROM sessions s ORDER BY k DESC OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY')).recordset, [{ k: token('b') }])
  t.same((await query("SELECT v.n, s.token FROM (VALUES ('a', 1), ('z', 2)) AS v (t, n) LEFT JOIN sessions AS s ON LEFT(s.token, 1) = v.t ORDER BY v.n")).recordset,
    [{ n: 1, token: token('a') }, { n: 2, token: null }])
  t.same((await query("SELECT (SELECT COUNT(*) FROM sessions) AS n, COALESCE(NULL, 'x') AS x WHERE EXISTS (SELECT 1 FROM sessions WHERE token LIKE 'b%') AND NOT 1 BETWEEN 2 AND 3")).recordset, [{ n: 3, x: 'x' }])
  t.same((await query('SELECT 1 AS n UNION ALL SELECT CAST(2 AS bigint) UNION ALL (SELECT 3) ORDER BY n DESC')).recordset, [{ n: '3' }, { n: '2' }, { n: '1' }])
  t.same((await query('WITH few (t) AS (SELECT TOP (2) token FROM sessions ORDER BY token) SELECT MAX(t) AS t, COUNT_BIG(*) AS n FROM few OPTION (RECOMPILE)')).recordset, [{ t: token('b'), n: '2' }])
  t.same((await query('SELECT * FROM sessions WHERE 1 = 0')).recordset, [])
})

t.test('INSERT: rows, OUTPUT, from a query, and what is refused', async (t) => {
  await freshTable()
  const output = await query('INSERT INTO [sessions] (token, data, expiry) OUTPUT inserted.token, DATALENGTH(inserted.data) AS size VALUES (@t0, @d0, DATEADD(second, @s0, SYSUTCDATETIME())), (@t1, @d0, SYSUTCDATETIME())',
    (request) => hour(request.input('t0', mssql.Char(43), token('a')).input('t1', mssql.Char(43), token('b')).input('d0', mssql.VarBinary(mssql.MAX), Buffer.alloc(0))))
  t.same(output.recordset, [{ token: token('a'), size: '0' }, { token: token('b'), size: '0' }])
  const missing = await query(`INSERT INTO sessions (token, data, expiry) OUTPUT inserted.token SELECT v.token, v.data, SYSUTCDATETIME()
    FROM (VALUES (@t0, 0x01), (@t1, 0x02)) AS v (token, data) WHERE NOT EXISTS (SELECT 1 FROM sessions WITH (UPDLOCK, HOLDLOCK) WHERE sessions.token = v.token)`,
  (request) => request.input('t0', mssql.Char(43), token('b')).input('t1', mssql.Char(43), token('c')))
  t.same(missing.recordset, [{ token: token('c') }])
  t.equal(await failure(insert('d', 'a')), 2627)
  t.same((await query('SELECT COUNT(*) AS n FROM sessions')).recordset, [{ n: 3 }], 'a refused statement leaves nothing')
  t.equal(await failure(query("INSERT INTO sessions VALUES (REPLICATE('x', 44), 0x, SYSUTCDATETIME())")), 2628)
  t.equal(await failure(query("INSERT INTO sessions VALUES ('x', NULL, SYSUTCDATETIME())")), 515)
  t.equal(await failure(query("INSERT INTO sessions VALUES ('x', 'text', SYSUTCDATETIME())")), 257)
  t.equal(await failure(query("INSERT INTO sessions VALUES ('x', 0x)")), 109)
  t.equal(await failure(query("INSERT INTO sessions VALUES ('x', 0x, DATEADD(year, 9000, SYSUTCDATETIME()))")), 517)
  t.equal(await failure(query('SELECT nothing FROM sessions')), 207)
  t.equal(await failure(query('SELECT x.token FROM sessions')), 4104)
  t.equal(await failure(query('SELECT token FROM nothing')), 208)
  t.equal(await failure(query('SELECT @nothing')), 137)
  t.equal(await failure(query('SELECT NO_SUCH(1)')), 195)
  t.equal(await failure(query('EXEC no_such')), 2812)
})

t.test('UPDATE: from VALUES with what the caller saw, and OUTPUT tells which rows it was', async (t) => {
  await freshTable()
  await insert('a', 'b', 'c')
  const update = async (target: string, row: string) => await query(`UPDATE ${target} SET data = v.data, expiry = DATEADD(millisecond, v.m, DATEADD(second, v.s, SYSUTCDATETIME()))
    OUTPUT inserted.token, inserted.data, deleted.data AS was
    FROM ${target === 's' ? 'dbo.sessions AS s WITH (ROWLOCK), ' : ''}(VALUES (@t0, @h0, @d0, @s0, @m0), (@t1, @h1, @d1, @s0, @m0)) AS v (token, seen, data, s, m)
    WHERE ${row}.token = v.token AND SUBSTRING(${row}.data, 1, DATALENGTH(v.seen)) = v.seen AND ${row}.expiry > SYSUTCDATETIME()`,
  (request) => hour(request.input('t0', mssql.Char(43), token('a')).input('t1', mssql.Char(43), token('b'))
    .input('h0', mssql.VarBinary(32), Buffer.from('data of a')).input('h1', mssql.VarBinary(32), Buffer.from('other'))
    .input('d0', mssql.VarBinary(mssql.MAX), Buffer.from('data of a, new')).input('d1', mssql.VarBinary(mssql.MAX), Buffer.from('lost'))))
  const first = await update('[dbo].[sessions]', '[sessions]')
  t.same(first.recordset, [{ token: token('a'), data: Buffer.from('data of a, new'), was: Buffer.from('data of a') }])
  t.same(first.rowsAffected, [1])
  t.same((await update('s', 's')).recordset.length, 1)
  t.same((await update('sessions', 'dbo.sessions')).recordset.length, 1)
  t.same((await query('SELECT data FROM sessions ORDER BY token')).recordset.map((row) => String(row['data'])), ['data of a, new', 'data of b', 'data of c'])
  const touch = await query(`UPDATE sessions SET expiry = CASE WHEN DATEADD(second, @s0, SYSUTCDATETIME()) > expiry THEN DATEADD(second, @s0, SYSUTCDATETIME()) ELSE expiry END
    WHERE token = @t AND expiry > SYSUTCDATETIME(); SELECT @@ROWCOUNT AS n`, (request) => request.input('s0', mssql.Int, 7200).input('t', mssql.Char(43), token('a')))
  t.same(touch.rowsAffected, [1, 1])
  t.same(touch.recordset, [{ n: 1 }])
  t.same((await query('SELECT DATEDIFF(minute, SYSUTCDATETIME(), expiry) AS m FROM sessions WHERE token = @t', (request) => request.input('t', mssql.Char(43), token('a')))).recordset[0]?.['m'], 120)
  await query("UPDATE sessions SET data = 0x01, expiry = CASE WHEN data = 0x01 THEN '20000101' ELSE expiry END WHERE token LIKE 'b%'")
  t.same((await query('SELECT COUNT(*) AS n FROM sessions WHERE expiry < SYSUTCDATETIME()')).recordset, [{ n: 0 }], 'every SET sees the row as it was')
  t.same((await query('UPDATE sessions SET token = @n OUTPUT deleted.token AS old, inserted.token WHERE token = @t', (request) => request.input('t', mssql.Char(43), token('c')).input('n', mssql.Char(43), token('new')))).recordset,
    [{ old: token('c'), token: token('new') }])
})

t.test('DELETE: by token, in pieces, by what the caller saw, through a common table', async (t) => {
  await freshTable()
  await insert('a', 'b', 'c', 'd', 'e')
  t.same((await query('DELETE FROM [sessions] OUTPUT deleted.token WHERE token IN (@t0, @t1)', (request) => request.input('t0', mssql.Char(43), token('a')).input('t1', mssql.Char(43), token('nobody')))).recordset, [{ token: token('a') }])
  t.same((await query('DELETE FROM sessions WHERE token = @t AND SUBSTRING(data, 1, DATALENGTH(@p)) <> @p', (request) => request.input('t', mssql.Char(43), token('b')).input('p', mssql.VarBinary(8), Buffer.from('data')))).rowsAffected, [0])
  await query("UPDATE sessions SET expiry = DATEADD(second, -1, SYSUTCDATETIME()) WHERE token < 'e'")
  t.same((await query('DELETE TOP (@n) FROM sessions WITH (READPAST) WHERE expiry <= SYSUTCDATETIME()', (request) => request.input('n', mssql.Int, 1))).rowsAffected, [1])
  t.same((await query('WITH old AS (SELECT TOP (@n) * FROM dbo.sessions WHERE sessions.expiry <= SYSUTCDATETIME() ORDER BY expiry) DELETE FROM old', (request) => request.input('n', mssql.Int, 10))).rowsAffected, [2])
  t.same((await query('DELETE s FROM sessions AS s JOIN (VALUES (@t)) v (t) ON v.t = s.token', (request) => request.input('t', mssql.Char(43), token('e')))).rowsAffected, [1])
})

t.test('variables, IF, WHILE, TRY, procedures and NOCOUNT', async (t) => {
  await freshTable()
  const result = await query(`
    DECLARE @i int = 0, @name varchar(10)
    /* a comment /* in a comment */ */
    WHILE @i < 3 BEGIN SET @i += 1; IF @i = 2 BREAK END
    SELECT @name = 'x' + CAST(@i AS varchar(5)) -- the end
    IF @i = 2 SELECT @name AS name ELSE SELECT 'wrong' AS name;
    BEGIN TRY
      INSERT INTO sessions VALUES ('a', 0x, SYSUTCDATETIME()), ('a', 0x, SYSUTCDATETIME())
    END TRY
    BEGIN CATCH
      SELECT ERROR_NUMBER() AS number, @@TRANCOUNT AS open_transactions
    END CATCH`)
  t.same(result.recordsets, [[{ name: 'x2' }], [{ number: 2627, open_transactions: 0 }]])
  t.same((await query('SET NOCOUNT ON; DELETE FROM sessions; SELECT 1 AS one')).rowsAffected, [])
  t.same((await query('DELETE FROM sessions; SELECT 1 AS one')).rowsAffected, [0, 1], 'SET holds inside its sp_executesql only')
  const output = await pool.request().output('n', mssql.Int).query('SET @n = 42')
  t.equal(output.output['n'], 42)
  const lock = await pool.request().input('Resource', mssql.NVarChar(255), 'r').input('LockMode', mssql.VarChar(32), 'Exclusive').input('LockOwner', mssql.VarChar(32), 'Session').input('LockTimeout', mssql.Int, 0).execute('sp_getapplock')
  t.equal(lock.returnValue, 0)
  t.same((await pool.request().batch('SELECT 1 AS one; SELECT 2 AS two')).recordsets, [[{ one: 1 }], [{ two: 2 }]])
  const prepared = new mssql.PreparedStatement(pool)
  prepared.input('a', mssql.Int)
  await prepared.prepare('SELECT @a + 1 AS n')
  t.same((await prepared.execute({ a: 1 })).recordset, [{ n: 2 }])
  t.same((await prepared.execute({ a: 5 })).recordset, [{ n: 6 }])
  await prepared.unprepare()
})

t.test('a statement that fails ends alone, a syntax error ends the batch before it begins', async (t) => {
  await freshTable()
  const failed = await query("INSERT INTO sessions VALUES ('a', NULL, SYSUTCDATETIME()); INSERT INTO sessions VALUES ('b', 0x, SYSUTCDATETIME())").catch((error: unknown) => error)
  t.match(failed, { number: 515 })
  t.same((await query('SELECT COUNT(*) AS n FROM sessions')).recordset, [{ n: 1 }])
  t.equal(await failure(query('DELETE FROM sessions; SELECT 1 +')), 102)
  t.same((await query('SELECT COUNT(*) AS n FROM sessions')).recordset, [{ n: 1 }])
  const message = async (sql: string) => await query(sql).then(() => '', (error: Error) => error.message)
  t.equal(await message('SELECT 1 FROM WHERE'), "Incorrect syntax near the keyword 'WHERE'.")
  t.equal(await message('SELECT 1 )'), "Incorrect syntax near ')'.")
  t.equal(await message('MERGE INTO sessions'), "Incorrect syntax near the keyword 'MERGE'.")
  t.equal(await message('SELECT LIMIT 1'), "Incorrect syntax near '1'.")
  t.equal(await message("SELECT 'a"), "Unclosed quotation mark after the character string 'a'.")
  t.equal(await message('INSERT INTO sessions VALUES (1) ON DUPLICATE KEY UPDATE token = 1'), "Incorrect syntax near the keyword 'ON'.")
})

t.test('a megabyte goes there and back, in packets of any size', async (t) => {
  await freshTable()
  const big = Buffer.alloc(1_048_576, 'tds')
  await query('INSERT INTO sessions VALUES (@t, @d, SYSUTCDATETIME())', (request) => request.input('t', mssql.Char(43), token('big')).input('d', mssql.VarBinary(mssql.MAX), big))
  t.ok(big.equals((await query('SELECT data FROM sessions')).recordset[0]?.['data'] as Buffer))
  t.teardown(() => front.faults.reset())
  for (const size of [1, 7, 100]) {
    front.faults.splitPackets(size)
    t.same((await query("SELECT 'a' AS a, 0x0102 AS b, N'ü' AS c, SYSUTCDATETIME() AS d WHERE 1 = 1")).recordset.length, 1)
    t.equal(await failure(query('SELECT nothing FROM sessions')), 207)
  }
  front.faults.splitPackets(4000)
  t.ok(big.equals((await query('SELECT data FROM sessions')).recordset[0]?.['data'] as Buffer))
})

t.test('two thousand one hundred parameters are taken, one more is refused', async (t) => {
  const list = (n: number) => Array.from({ length: n }, (_, i) => i)
  const sum = async (n: number) => await query(`SELECT COUNT(*) AS n WHERE 1 IN (${list(n).map((i) => `@p${i}`).join(', ')})`, (request) => {
    for (const i of list(n)) request.input(`p${i}`, mssql.Int, i)
    return request
  })
  t.same((await sum(2100)).recordset, [{ n: 1 }])
  t.equal(await failure(sum(2101)), 8003)
})
