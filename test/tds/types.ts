/** The data types of T-SQL that the front knows. */
export type TypeName =
  'bit' | 'tinyint' | 'smallint' | 'int' | 'bigint' | 'float' | 'real' | 'decimal' |
  'char' | 'varchar' | 'nchar' | 'nvarchar' | 'binary' | 'varbinary' |
  'date' | 'time' | 'datetime' | 'smalldatetime' | 'datetime2' | 'datetimeoffset'

export interface SqlType {
  readonly name: TypeName
  /** Characters or bytes, {@link MAX} for (max); 0 where the type has none. */
  readonly length: number
  readonly precision: number
  readonly scale: number
}

/**
 * A value of any type: bigint for integers and bit, number for float and real, Buffer for binary, string for decimal, text,
 * dates and times. A time is '2026-01-31 23:59:59.1234567'; a datetimeoffset is local time with ' +02:00' after it.
 */
export type Value = null | bigint | number | string | Buffer

/** The length of (max) types, 2^31 - 1: SQL Server stores no more. */
export const MAX = 0x7fffffff

export function type (name: TypeName, length = 0, scale = 0, precision = 0): SqlType {
  return { name, length, scale, precision }
}

export const INT = type('int')
export const BIGINT = type('bigint')

export type Family = 'number' | 'text' | 'binary' | 'time'

export function family (t: SqlType): Family {
  switch (t.name) {
    case 'char': case 'varchar': case 'nchar': case 'nvarchar': return 'text'
    case 'binary': case 'varbinary': return 'binary'
    case 'date': case 'time': case 'datetime': case 'smalldatetime': case 'datetime2': case 'datetimeoffset': return 'time'
    default: return 'number'
  }
}

export function isInteger (t: SqlType): boolean {
  return t.name === 'int' || t.name === 'bigint' || t.name === 'smallint' || t.name === 'tinyint' || t.name === 'bit'
}

/** Whether text is UTF-16 in TDS and utf8mb4 in MariaDB. Other text is code page 1252 in both. */
export function isUnicode (t: SqlType): boolean {
  return t.name === 'nchar' || t.name === 'nvarchar'
}

/** As T-SQL declares it: char(43), varbinary(max), datetime2(6). */
export function declaration (t: SqlType): string {
  const n = t.length === MAX ? 'max' : String(t.length)
  switch (t.name) {
    case 'char': case 'varchar': case 'nchar': case 'nvarchar': case 'binary': case 'varbinary': return `${t.name}(${n})`
    case 'datetime2': case 'datetimeoffset': case 'time': return `${t.name}(${t.scale})`
    case 'decimal': return `decimal(${t.precision},${t.scale})`
    default: return t.name
  }
}

const WIRE_NAMES: Record<TypeName, string> = {
  bit: 'Bit',
  tinyint: 'TinyInt',
  smallint: 'SmallInt',
  int: 'Int',
  bigint: 'BigInt',
  float: 'Float',
  real: 'Real',
  decimal: 'Decimal',
  char: 'Char',
  varchar: 'VarChar',
  nchar: 'NChar',
  nvarchar: 'NVarChar',
  binary: 'Binary',
  varbinary: 'VarBinary',
  date: 'Date',
  time: 'Time',
  datetime: 'DateTime',
  smalldatetime: 'SmallDateTime',
  datetime2: 'DateTime2',
  datetimeoffset: 'DateTimeOffset'
}

/** The type as the mssql driver spells it: Char(43), VarBinary(max), DateTime2(6). Tests compare with it. */
export function wireName (t: SqlType): string {
  return declaration(t).replace(t.name, WIRE_NAMES[t.name])
}

// Higher wins when two types meet, as in SQL Server's "data type precedence".
const PRECEDENCE: readonly TypeName[] = [
  'binary', 'varbinary', 'char', 'varchar', 'nchar', 'nvarchar', 'bit', 'tinyint', 'smallint', 'int', 'bigint',
  'decimal', 'real', 'float', 'time', 'date', 'smalldatetime', 'datetime', 'datetime2', 'datetimeoffset'
]

/** The type of CASE, COALESCE, UNION and arithmetic over both. */
export function common (a: SqlType, b: SqlType): SqlType {
  const [low, high] = PRECEDENCE.indexOf(a.name) < PRECEDENCE.indexOf(b.name) ? [a, b] : [b, a]
  if (family(low) !== family(high)) return high
  // The precedence makes varchar of char and varchar. Two types of one name take the longer length.
  const fixed = (high.name === 'char' || high.name === 'nchar' || high.name === 'binary') && low.length !== high.length
  const name = fixed ? (`${high.name === 'nchar' ? 'nvar' : 'var'}${high.name === 'binary' ? 'binary' : 'char'}` as TypeName) : high.name
  const scale = Math.max(low.scale, high.scale)
  const whole = Math.max(low.precision - low.scale, high.precision - high.scale)
  return type(name, Math.max(low.length, high.length), scale, high.name === 'decimal' ? Math.max(Math.min(38, whole + scale), 10) : 0)
}

/** The length in bytes that COL_LENGTH and sys.columns.max_length report; -1 for (max). */
export function maxBytes (t: SqlType): number {
  if (t.length === MAX) return -1
  switch (t.name) {
    case 'nchar': case 'nvarchar': return t.length * 2
    case 'char': case 'varchar': case 'binary': case 'varbinary': return t.length
    case 'bit': case 'tinyint': return 1
    case 'smallint': return 2
    case 'int': case 'real': case 'smalldatetime': return 4
    case 'date': return 3
    case 'bigint': case 'float': case 'datetime': return 8
    case 'decimal': return t.precision <= 9 ? 5 : t.precision <= 19 ? 9 : t.precision <= 28 ? 13 : 17
    case 'time': return timeBytes(t.scale)
    case 'datetime2': return timeBytes(t.scale) + 3
    case 'datetimeoffset': return timeBytes(t.scale) + 5
  }
}

export function timeBytes (scale: number): number {
  return scale <= 2 ? 3 : scale <= 4 ? 4 : 5
}
