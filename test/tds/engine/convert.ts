import { formatMoment, parseMoment } from '../dates.js'
import { SqlError } from '../sql-error.js'
import { MAX, common, declaration, family, isInteger, isUnicode } from '../types.js'
import type { SqlType } from '../types.js'
import { collate, computed, constant, resolveCollation } from './compiled.js'
import type { Compiled } from './compiled.js'

const RANGES = {
  tinyint: [0n, 255n], smallint: [-32768n, 32767n], int: [-2147483648n, 2147483647n], bigint: [-(2n ** 63n), 2n ** 63n - 1n], bit: [0n, 1n]
} as const

/**
 * Converts an expression to a type. An explicit conversion cuts a value that is too long. After an implicit one MariaDB's
 * strict mode refuses such a value. T-SQL has no implicit conversion from text to binary: that is an error.
 */
export function convert (from: Compiled, to: SqlType, explicit = false, style = 0): Compiled {
  if (from.value === null && (explicit || !isTextToBinary(from.type, to))) return constant(to, null)
  switch (family(to)) {
    case 'text': return { ...toText(from, to, explicit, style), collation: from.collation, label: from.label }
    case 'binary': return toBinary(from, to, explicit, style)
    case 'time': return toTime(from, to)
    default: return toNumber(from, to)
  }
}

function isTextToBinary (from: SqlType, to: SqlType): boolean {
  return family(to) === 'binary' && family(from) === 'text'
}

function toText (from: Compiled, to: SqlType, explicit: boolean, style: number): Compiled {
  const charset = isUnicode(to) ? 'utf8mb4' : 'latin1'
  let sql: string
  let longest = MAX
  switch (family(from.type)) {
    case 'text': {
      longest = from.type.length
      if (from.type.name === to.name && from.type.length <= to.length) return { ...from, type: to }
      sql = isUnicode(from.type) === isUnicode(to) ? from.sql : `CONVERT(${from.sql} USING ${charset})`
      const padded = (from.type.name === 'char' || from.type.name === 'nchar') && to.name.includes('var')
      if (padded) sql = `RPAD(${sql}, ${from.type.length}, ' ')`
      break
    }
    case 'binary':
      if (style > 0) sql = `CONVERT(CONCAT(${style === 1 ? "'0x'" : "''"}, HEX(${from.sql})) USING ${charset})`
      else if (charset === 'latin1') sql = `CONVERT(${from.sql} USING latin1)`
      else sql = `CONVERT(CONVERT(${from.sql} USING utf16le) USING utf8mb4)`
      longest = from.type.length
      break
    case 'time':
      sql = `CONVERT(CAST(${from.sql} AS CHAR) USING ${charset})`
      if (style === 126 || style === 127) sql = `REPLACE(${sql}, ' ', 'T')`
      break
    default: sql = `CONVERT(CAST(${from.sql} AS CHAR) USING ${charset})`
  }
  if (explicit && to.length < longest) sql = `LEFT(${sql}, ${to.length})`
  return computed(sql, to, from)
}

function toBinary (from: Compiled, to: SqlType, explicit: boolean, style: number): Compiled {
  let sql = from.sql
  switch (family(from.type)) {
    case 'binary': break
    case 'text':
      if (!explicit) {
        throw new SqlError(257, `Implicit conversion from data type ${from.type.name} to ${to.name}${to.length === MAX ? '(max)' : ''} is not allowed. Use the CONVERT function to run this query.`, 16, 3)
      }
      if (style > 0) sql = `UNHEX(${style === 1 ? `SUBSTRING(${sql}, 3)` : sql})`
      else sql = isUnicode(from.type) ? `CAST(CONVERT(${sql} USING utf16le) AS BINARY)` : `CAST(${padded(from)} AS BINARY)`
      break
    case 'time': throw new SqlError(102, `Incorrect syntax near '${to.name}'.`, 15)
    default: {
      const digits = from.type.name === 'bigint' ? 16 : from.type.name === 'smallint' ? 4 : from.type.name === 'tinyint' || from.type.name === 'bit' ? 2 : 8
      sql = `UNHEX(RIGHT(LPAD(HEX(CAST(${sql} AS SIGNED)), 16, '0'), ${digits}))`
    }
  }
  if (to.name === 'binary') sql = `RPAD(${sql}, ${to.length}, X'00')`
  else if (explicit && to.length < from.type.length) sql = `LEFT(${sql}, ${to.length})`
  return { ...computed(sql, to), value: sql === from.sql ? from.value : undefined }
}

/** Text with the trailing spaces that CHAR(n) has in T-SQL. */
export function padded (text: Compiled): string {
  return text.type.name === 'char' || text.type.name === 'nchar' ? `RPAD(${text.sql}, ${text.type.length}, ' ')` : text.sql
}

function toTime (from: Compiled, to: SqlType): Compiled {
  const source = family(from.type)
  if (source === 'text' && typeof from.value === 'string') {
    const moment = parseMoment(from.value)
    if (moment === undefined) throw new SqlError(241, 'Conversion failed when converting date and/or time from character string.')
    return constant(to, to.name === 'date' ? formatMoment(moment).slice(0, 10) : formatMoment(moment, to.name === 'datetimeoffset'))
  }
  if (source === 'number' || source === 'binary') throw notAllowed(from.type, to)
  if (from.type.name === 'datetimeoffset' && to.name !== 'datetimeoffset' && typeof from.value === 'string') {
    // Drops the offset and keeps the local time.
    return constant(to, from.value.slice(0, to.name === 'date' ? 10 : 27))
  }
  if (to.name === 'date') return computed(`CAST(${from.sql} AS DATE)`, to)
  if (to.name === 'time') return computed(`CAST(${from.sql} AS TIME(${Math.min(to.scale, 6)}))`, to)
  const scale = to.name === 'datetime' ? 3 : to.name === 'smalldatetime' ? 0 : Math.min(to.scale, 6)
  const narrower = source === 'text' || from.type.name === 'date' || scale < (from.type.name === 'datetime' ? 3 : Math.min(from.type.scale, 6))
  return narrower ? computed(`CAST(${from.sql} AS DATETIME(${scale}))`, to) : { ...from, type: to }
}

function toNumber (from: Compiled, to: SqlType): Compiled {
  const source = family(from.type)
  if (source === 'time') throw notAllowed(from.type, to)
  if (source === 'text' && typeof from.value === 'string' && !/^\s*[+-]?\d*\.?\d*(e[+-]?\d+)?\s*$/i.test(from.value)) {
    if (!isInteger(to)) throw new SqlError(8114, `Error converting data type ${from.type.name} to ${to.name}.`, 16, 5)
    throw new SqlError(245, `Conversion failed when converting the ${from.type.name} value '${from.value}' to data type ${to.name}.`)
  }
  if (!isInteger(to)) {
    if (to.name === 'decimal') return computed(`CAST(${from.sql} AS DECIMAL(${to.precision},${to.scale}))`, to)
    return from.type.name === to.name ? from : computed(`CAST(${from.sql} AS DOUBLE)`, to)
  }
  const [low, high] = RANGES[to.name as keyof typeof RANGES]
  if (typeof from.value === 'bigint') {
    if (to.name === 'bit') return constant(to, from.value === 0n ? 0n : 1n)
    if (from.value < low || from.value > high) throw overflow(to)
    return constant(to, from.value)
  }
  let sql = from.sql
  if (source === 'text') sql = `CAST(${sql} AS SIGNED)`
  else if (source === 'binary') sql = `CAST(CONV(HEX(RIGHT(${sql}, 8)), 16, -10) AS SIGNED)`
  else if (!isInteger(from.type)) sql = `CAST(TRUNCATE(${sql}, 0) AS SIGNED)`
  if (to.name === 'bit') return computed(`IF(${sql} <> 0, 1, 0)`, to)
  if (isInteger(from.type)) {
    const [fromLow, fromHigh] = RANGES[from.type.name as keyof typeof RANGES]
    if (fromLow >= low && fromHigh <= high) return { ...from, type: to }
  }
  return computed(inRange(sql, to), to)
}

/** Checks the range of an integer when the statement runs. EXP(99999) raises an error in MariaDB, which is then translated. */
export function inRange (sql: string, to: SqlType): string {
  const [low, high] = RANGES[to.name as keyof typeof RANGES]
  if (to.name === 'bigint') return sql
  return `IF(${sql} NOT BETWEEN ${low} AND ${high}, EXP(99999), ${sql})`
}

export function overflow (to: SqlType): SqlError {
  return new SqlError(8115, `Arithmetic overflow error converting expression to data type ${to.name}.`, 16, 2)
}

function notAllowed (from: SqlType, to: SqlType): SqlError {
  return new SqlError(257, `Implicit conversion from data type ${declaration(from)} to ${declaration(to)} is not allowed. Use the CONVERT function to run this query.`, 16, 3)
}

/** SQL Server ignores trailing zero bytes when it compares binary values. */
function trimmed (binary: Compiled): string {
  if (Buffer.isBuffer(binary.value)) {
    let end = binary.value.length
    while (end > 0 && binary.value[end - 1] === 0) end--
    return `X'${binary.value.subarray(0, end).toString('hex')}'`
  }
  return `TRIM(TRAILING X'00' FROM ${binary.sql})`
}

/** Two expressions that MariaDB compares with the result that SQL Server would give. */
export function comparable (left: Compiled, right: Compiled): [string, string] {
  const [a, b] = [family(left.type), family(right.type)]
  if (left.value === null || right.value === null) return [left.sql, right.sql]
  if (a === 'binary' && b === 'binary') return [trimmed(left), trimmed(right)]
  const t = common(left.type, right.type)
  if (family(t) !== 'text') return [convert(left, t).sql, convert(right, t).sql]
  const { collation } = resolveCollation(left, right)
  const side = (c: Compiled) => {
    const sameCharset = family(c.type) === 'text' && isUnicode(c.type) === isUnicode(t)
    if (c.column && sameCharset && c.collation === collation) return c.sql
    return collate(sameCharset ? c.sql : toText(c, { ...t, length: MAX }, false, 0).sql, t, collation)
  }
  return [side(left), side(right)]
}
