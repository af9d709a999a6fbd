import { SqlError, deadlock, lockTimeout } from '../sql-error.js'
import type { Catalog, Table } from './catalog.js'
import { isQueryError } from './mariadb.js'

/** A statement was interrupted by an attention, or by the end of its connection. */
export class Cancelled extends Error {}

/** The MariaDB connection is lost, so the client's connection must end. */
export class ConnectionLost extends Error {}

/** Translates an error of MariaDB to the one that SQL Server would report. */
export function translateError (error: unknown, catalog: Catalog, table?: Table): Error {
  if (!isQueryError(error)) return error instanceof Error ? error : new Error(String(error))
  const text = error.message
  const quoted = (pattern: RegExp) => pattern.exec(text)?.[1] ?? '?'
  switch (error.errno) {
    case 1213: return deadlock()
    case 1205: return lockTimeout()
    case 1317: case 3024: case 1969: return new Cancelled(text)
    case 1062: return duplicate(text, table === undefined ? catalog.tables : [table])
    case 1406: {
      const column = quoted(/for column (?:`[^`]*`\.`[^`]*`\.)?[`'](.*?)[`'] at row/)
      return new SqlError(2628, `String or binary data would be truncated in table '${catalog.database}.${table?.schema ?? 'dbo'}.${table?.name ?? '?'}', column '${column}'. Truncated value: ''.`)
    }
    case 1048: case 1364: {
      const column = quoted(/[Cc]olumn '(.*?)'|Field '(.*?)'/)
      return new SqlError(515, `Cannot insert the value NULL into column '${column}', table '${catalog.database}.${table?.schema ?? 'dbo'}.${table?.name ?? '?'}'; column does not allow nulls. INSERT fails.`, 16, 2)
    }
    case 1146: return new SqlError(208, `Invalid object name '${quoted(/Table '[^.]*\.(.*?)'/)}'.`)
    case 1054: return new SqlError(207, `Invalid column name '${quoted(/Unknown column '(.*?)'/)}'.`)
    case 1267: return new SqlError(468, 'Cannot resolve the collation conflict between "Latin1_General_100_BIN2" and "SQL_Latin1_General_CP1_CI_AS" in the equal to operation.', 16, 9)
    case 1264: case 1366: return new SqlError(8115, 'Arithmetic overflow error converting expression to data type int.', 16, 2)
    case 1690: {
      // The translated statement raises this error on purpose, with an EXP that overflows.
      if (!text.includes('exp(')) return new SqlError(8115, 'Arithmetic overflow error converting expression to data type bigint.', 16, 2)
      if (text.includes('710')) return new SqlError(535, 'The datediff function resulted in an overflow. The number of dateparts separating two date/time instances is too large. Try to use datediff with a less precise datepart.', 16, 0)
      return new SqlError(8115, 'Arithmetic overflow error converting expression to data type int.', 16, 2)
    }
    case 1292: return new SqlError(241, 'Conversion failed when converting date and/or time from character string.')
    case 1441: return new SqlError(517, "Adding a value to a 'datetime2' column caused an overflow.")
    case 1365: return new SqlError(8134, 'Divide by zero error encountered.')
    case 1242: return new SqlError(512, 'Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression.')
    case undefined: return new ConnectionLost(text)
    default:
      if (error.fatal) return new ConnectionLost(text)
      return new SqlError(50000, `MariaDB behind the TDS front: ${error.errno} ${text} in ${(error as { sql?: string }).sql?.slice(0, 2000) ?? ''}`)
  }
}

function duplicate (text: string, tables: readonly Table[]): SqlError {
  const [, value = '', key = ''] = /Duplicate entry '([^]*)' for key '(.*?)'$/.exec(text) ?? []
  for (const table of tables) {
    const index = table.indexes.find((candidate) => candidate.key === key)
    if (index === undefined) continue
    const object = `${table.schema}.${table.name}`
    if (!index.constraint) {
      return new SqlError(2601, `Cannot insert duplicate key row in object '${object}' with unique index '${index.name}'. The duplicate key value is (${value}).`, 14)
    }
    const kind = index.primary ? 'PRIMARY KEY' : 'UNIQUE KEY'
    return new SqlError(2627, `Violation of ${kind} constraint '${index.name}'. Cannot insert duplicate key in object '${object}'. The duplicate key value is (${value}).`, 14)
  }
  return new SqlError(2627, `Violation of PRIMARY KEY constraint '${key}'. Cannot insert duplicate key in object. The duplicate key value is (${value}).`, 14)
}
