import { SqlError } from './sql-error.js'

/*
 * Where Babelfish, PostgreSQL with SQL Server's protocol, differs from SQL Server in a way that a store may meet. Table hints
 * (with escape_hatch_table_hints = strict) and MERGE are errors. A statement with OUTPUT reports no count. Readers do not
 * wait for writers. A name with a closing bracket in it cannot be parsed. Most errors have one number and PostgreSQL's words.
 */

/** The number of errors that SQL Server does not have. */
export const NOT_SUPPORTED = 33557097

/** The front's errors that keep SQL Server's number on Babelfish, by its list of mapped errors. */
const MAPPED = new Set([102, 266, 512, 515, 517, 1205, 2627, 2714, 3701, 3902, 3903, 8003, 8115, 8134, 8179, 18456])

export function asBabelfish ({ number, message, severity }: SqlError): SqlError {
  const unmapped = (text: string) => new SqlError(NOT_SUPPORTED, text, severity)
  const object = /'(?:[^'.]*\.)*([^'.]*)'/.exec(message)?.[1] ?? '?'
  switch (number) {
    case 208: return unmapped(`relation "${object}" does not exist`)
    case 229: return unmapped(`permission denied for table ${object}`)
    case 1205: return new SqlError(1205, 'deadlock detected', 13)
    case 1222: return unmapped('canceling statement due to lock timeout')
    case 2601: case 2627: return new SqlError(2627, 'duplicate key value violates unique constraint "sessions_pkey"', 14)
    case 2628: return new SqlError(8152, 'value too long for type character(43)', 16)
    case 3960: return unmapped('could not serialize access due to concurrent update')
    default: return MAPPED.has(number) ? new SqlError(number, message, severity) : unmapped(message)
  }
}
