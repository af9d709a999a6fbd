import { SqlError } from '../sql-error.js'
import { BIGINT, INT, MAX, common, family, isInteger, isUnicode, maxBytes, type } from '../types.js'
import type { SqlType } from '../types.js'
import { computed, constant } from './compiled.js'
import type { Compiled, Environment } from './compiled.js'
import { comparable, convert, padded } from './convert.js'

const SYSNAME = type('nvarchar', 128)
const VERSION = 'Microsoft SQL Server 2022 (RTM) - 16.0.4096.0 (X64) TDS front of a test, MariaDB behind it'

/** The server's time zone. It is not UTC, so that a test notices GETDATE() in place of GETUTCDATE(). */
const LOCAL = '330 MINUTE'

type Build = (args: readonly Compiled[], env: Environment) => Compiled

/** The fewest and the most arguments, and the translation. */
const FUNCTIONS: Readonly<Record<string, readonly [number, number, Build]>> = {
  SYSUTCDATETIME: [0, 0, (_, env) => computed(env.now, type('datetime2', 0, 7))],
  GETUTCDATE: [0, 0, (_, env) => computed(`CAST(${env.now} AS DATETIME(3))`, type('datetime'))],
  SYSDATETIME: [0, 0, (_, env) => computed(`(${env.now} + INTERVAL ${LOCAL})`, type('datetime2', 0, 7))],
  GETDATE: [0, 0, (_, env) => computed(`CAST(${env.now} + INTERVAL ${LOCAL} AS DATETIME(3))`, type('datetime'))],
  CURRENT_TIMESTAMP: [0, 0, (_, env) => computed(`CAST(${env.now} + INTERVAL ${LOCAL} AS DATETIME(3))`, type('datetime'))],
  SYSDATETIMEOFFSET: [0, 0, (_, env) => computed(env.now, type('datetimeoffset', 0, 7))],

  DATALENGTH: [1, 1, ([x]) => dataLength(one(x))],
  LEN: [1, 1, ([x]) => computed(`CHAR_LENGTH(TRIM(TRAILING ' ' FROM ${text(one(x)).sql}))`, INT)],
  SUBSTRING: [3, 3, ([x, start, length]) => substring(one(x), one(start), one(length))],
  LEFT: [2, 2, ([x, n]) => computed(`LEFT(${padded(text(one(x)))}, ${one(n).sql})`, variable(text(one(x)).type), one(x))],
  RIGHT: [2, 2, ([x, n]) => computed(`RIGHT(${padded(text(one(x)))}, ${one(n).sql})`, variable(text(one(x)).type), one(x))],
  UPPER: [1, 1, ([x]) => computed(`UPPER(${text(one(x)).sql})`, variable(text(one(x)).type), one(x))],
  LOWER: [1, 1, ([x]) => computed(`LOWER(${text(one(x)).sql})`, variable(text(one(x)).type), one(x))],
  LTRIM: [1, 1, ([x]) => computed(`LTRIM(${text(one(x)).sql})`, variable(text(one(x)).type), one(x))],
  RTRIM: [1, 1, ([x]) => computed(`RTRIM(${text(one(x)).sql})`, variable(text(one(x)).type), one(x))],
  TRIM: [1, 1, ([x]) => computed(`TRIM(${text(one(x)).sql})`, variable(text(one(x)).type), one(x))],
  REPLACE: [3, 3, ([x, a, b]) => computed(`REPLACE(${text(one(x)).sql}, ${text(one(a)).sql}, ${text(one(b)).sql})`, variable(text(one(x)).type), one(x))],
  REPLICATE: [2, 2, ([x, n]) => {
    // T-SQL cuts the result at 8000 bytes unless the type is (max).
    const long = one(x).type.length === MAX
    const sql = `REPEAT(${padded(text(one(x)))}, ${one(n).sql})`
    return computed(long ? sql : `LEFT(${sql}, 8000)`, { ...variable(text(one(x)).type), length: long ? MAX : 8000 }, one(x))
  }],
  CHARINDEX: [2, 3, ([a, x, start]) => computed(`LOCATE(${comparable(text(one(a)), text(one(x))).join(', ')}${start === undefined ? '' : `, ${start.sql}`})`, INT)],
  CONCAT: [2, 254, (args) => {
    const unicode = args.some((arg) => isUnicode(arg.type))
    const t = type(unicode ? 'nvarchar' : 'varchar', MAX)
    return computed(`CONCAT(${args.map((arg) => `COALESCE(${padded(convert(arg, t))}, '')`).join(', ')})`, t)
  }],
  CHAR: [1, 1, ([n]) => computed(`CHAR(${one(n).sql} USING latin1)`, type('char', 1))],
  ASCII: [1, 1, ([x]) => computed(`ASCII(${one(x).sql})`, INT)],
  HASHBYTES: [2, 2, ([algorithm, x]) => hashBytes(one(algorithm), one(x))],

  ISNULL: [2, 2, ([x, y]) => computed(`COALESCE(${one(x).sql}, ${convert(one(y), one(x).value === null ? one(y).type : one(x).type).sql})`, one(x).value === null ? one(y).type : one(x).type, one(x))],
  COALESCE: [2, 254, (args) => {
    const known = args.filter((arg) => arg.value !== null)
    const t = known.map((arg) => arg.type).reduce((a, b) => common(a, b), known[0]?.type ?? INT)
    return computed(`COALESCE(${args.map((arg) => convert(arg, t).sql).join(', ')})`, t, known.find((arg) => arg.label !== 'default'))
  }],
  NULLIF: [2, 2, ([x, y]) => computed(`IF(${comparable(one(x), one(y)).join(' = ')}, NULL, ${one(x).sql})`, one(x).type, one(x))],
  ABS: [1, 1, ([x]) => computed(`ABS(${one(x).sql})`, one(x).type)],
  FLOOR: [1, 1, ([x]) => computed(`FLOOR(${one(x).sql})`, one(x).type)],
  CEILING: [1, 1, ([x]) => computed(`CEILING(${one(x).sql})`, one(x).type)],
  RAND: [0, 1, () => computed('RAND()', type('float'))],

  COUNT: [0, 1, ([x]) => computed(`COUNT(${x === undefined ? '*' : x.sql})`, INT)],
  COUNT_BIG: [0, 1, ([x]) => computed(`COUNT(${x === undefined ? '*' : x.sql})`, BIGINT)],
  SUM: [1, 1, ([x]) => computed(`SUM(${one(x).sql})`, isInteger(one(x).type) && one(x).type.name !== 'bigint' ? INT : one(x).type)],
  MIN: [1, 1, ([x]) => computed(`MIN(${one(x).sql})`, one(x).type, one(x))],
  MAX: [1, 1, ([x]) => computed(`MAX(${one(x).sql})`, one(x).type, one(x))],

  DB_NAME: [0, 0, (_, env) => constant(SYSNAME, env.catalog.database)],
  DB_ID: [0, 1, ([x], env) => constant(type('smallint'), x === undefined || equal(x, env.catalog.database) ? 5n : null)],
  SCHEMA_NAME: [0, 0, () => constant(SYSNAME, 'dbo')],
  SCHEMA_ID: [0, 1, ([x], env) => {
    const i = env.catalog.schemas.findIndex((schema) => equal(x ?? constant(SYSNAME, 'dbo'), schema))
    return constant(INT, i < 0 ? null : BigInt(i + 1))
  }],
  OBJECT_ID: [1, 2, ([name, kind], env) => {
    const table = find(env, name)
    const fits = kind === undefined || equal(kind, 'U')
    return constant(INT, table === undefined || !fits ? null : BigInt(table.id))
  }],
  OBJECT_SCHEMA_NAME: [1, 2, ([id], env) => constant(SYSNAME, withId(env, id)?.schema ?? null)],
  OBJECT_NAME: [1, 2, ([id], env) => constant(SYSNAME, withId(env, id)?.name ?? null)],
  COL_LENGTH: [2, 2, ([name, column], env) => {
    const found = find(env, name)?.columns.find((candidate) => equal(column, candidate.name))
    return constant(type('smallint'), found === undefined ? null : BigInt(maxBytes(found.type)))
  }],
  SERVERPROPERTY: [1, 1, ([x]) => constant(SYSNAME, property(x))],
  DATABASEPROPERTYEX: [2, 2, ([, x]) => constant(SYSNAME, equal(x, 'Collation') ? 'SQL_Latin1_General_CP1_CI_AS' : property(x))],
  HAS_PERMS_BY_NAME: [3, 5, () => constant(INT, 1n)],
  SUSER_SNAME: [0, 0, () => constant(SYSNAME, 'sa')],
  CURRENT_USER: [0, 0, () => constant(SYSNAME, 'dbo')],
  USER_NAME: [0, 0, () => constant(SYSNAME, 'dbo')],
  APP_NAME: [0, 0, () => constant(SYSNAME, 'node-mssql')]
}

export function callFunction (name: string, args: readonly Compiled[], env: Environment): Compiled {
  if (name === '@@VERSION') return constant(type('nvarchar', 300), VERSION)
  const state = env.state(name)
  if (state !== undefined) return constant(state.type, state.value)
  const entry = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined
  if (entry === undefined) throw new SqlError(195, `'${name.toLowerCase()}' is not a recognized built-in function name.`, 15, 10)
  const [fewest, most, build] = entry
  if (args.length < fewest || args.length > most) {
    throw new SqlError(174, `The ${name.toLowerCase()} function requires ${fewest} argument(s).`, 15)
  }
  return build(args, env)
}

function one (arg: Compiled | undefined): Compiled {
  if (arg === undefined) throw new Error('the number of arguments was checked')
  return arg
}

function equal (x: Compiled | undefined, value: string): boolean {
  return typeof x?.value === 'string' && x.value.trim().toLowerCase() === value.toLowerCase()
}

function property (x: Compiled | undefined): string | null {
  const known: Readonly<Record<string, string>> = { productversion: '16.0.4096.0', edition: 'Developer Edition (64-bit)', engineedition: '3', collation: 'SQL_Latin1_General_CP1_CI_AS' }
  return known[String(x?.value).toLowerCase()] ?? null
}

/** 'dbo.sessions', '[dbo].[sess''ions]': the text of a name, as OBJECT_ID takes it. */
function find (env: Environment, name: Compiled | undefined) {
  if (typeof name?.value !== 'string') return undefined
  const parts = name.value.trim().match(/\[(?:[^\]]|\]\])*\]|"[^"]*"|[^.[\]"]+|(?<=\.)(?=\.)/g) ?? []
  return env.catalog.find(parts.map((part) => part.startsWith('[') ? part.slice(1, -1).replaceAll(']]', ']') : part.replaceAll('"', '')))
}

function withId (env: Environment, id: Compiled | undefined) {
  return env.catalog.tables.find((table) => BigInt(table.id) === id?.value)
}

/** Text functions convert binary values to text first, byte by byte. */
function text (x: Compiled): Compiled {
  if (family(x.type) === 'text') return x
  return convert(x, type('varchar', x.type.length === MAX ? MAX : Math.max(x.type.length, 40)))
}

function variable (t: SqlType): SqlType {
  return t.name === 'char' ? type('varchar', t.length) : t.name === 'nchar' ? type('nvarchar', t.length) : t.name === 'binary' ? type('varbinary', t.length) : t
}

function dataLength (x: Compiled): Compiled {
  const result = x.type.length === MAX ? BIGINT : INT
  switch (x.type.name) {
    case 'char': case 'binary': return computed(`IF(${x.sql} IS NULL, NULL, ${x.type.length})`, result)
    case 'nchar': return computed(`IF(${x.sql} IS NULL, NULL, ${x.type.length * 2})`, result)
    case 'nvarchar': return computed(`LENGTH(CONVERT(${x.sql} USING utf16))`, result)
    case 'varchar': case 'varbinary': return computed(`LENGTH(${x.sql})`, result)
    default: return computed(`IF(${x.sql} IS NULL, NULL, ${maxBytes(x.type)})`, result)
  }
}

/** T-SQL counts positions before the first byte. MariaDB does not. */
function substring (x: Compiled, start: Compiled, length: Compiled): Compiled {
  const source = family(x.type) === 'binary' ? x : text(x)
  const from = convert(start, BIGINT)
  const count = convert(length, BIGINT)
  if (typeof count.value === 'bigint' && count.value < 0n) {
    throw new SqlError(537, 'Invalid length parameter passed to the LEFT or SUBSTRING function.', 16, 3)
  }
  const sql = typeof from.value === 'bigint' && from.value >= 1n
    ? `SUBSTRING(${padded(source)}, ${from.sql}, ${count.sql})`
    : `SUBSTRING(${padded(source)}, GREATEST(${from.sql}, 1), GREATEST(${count.sql} + LEAST(${from.sql} - 1, 0), 0))`
  return computed(sql, variable(source.type), source)
}

function hashBytes (algorithm: Compiled, x: Compiled): Compiled {
  const bytes = family(x.type) === 'binary' ? x.sql : convert(x, type('varbinary', MAX), true).sql
  const bits = /^SHA2_(256|512)$/i.exec(String(algorithm.value))?.[1]
  if (bits !== undefined) return computed(`UNHEX(SHA2(${bytes}, ${bits}))`, type('varbinary', 8000))
  if (/^MD5$/i.test(String(algorithm.value))) return computed(`UNHEX(MD5(${bytes}))`, type('varbinary', 8000))
  throw new SqlError(102, "Incorrect syntax near 'HASHBYTES'.", 15)
}
