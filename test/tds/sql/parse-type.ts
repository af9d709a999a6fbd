import { SqlError } from '../sql-error.js'
import { MAX, type } from '../types.js'
import type { SqlType, TypeName } from '../types.js'
import type { Cursor } from './cursor.js'

const SYNONYMS: Readonly<Record<string, TypeName>> = {
  integer: 'int', dec: 'decimal', numeric: 'decimal', character: 'char', rowversion: 'binary', timestamp: 'binary'
}
const KNOWN: ReadonlySet<string> = new Set<TypeName>([
  'bit', 'tinyint', 'smallint', 'int', 'bigint', 'float', 'real', 'decimal', 'char', 'varchar', 'nchar', 'nvarchar', 'binary',
  'varbinary', 'date', 'time', 'datetime', 'smalldatetime', 'datetime2', 'datetimeoffset'
])

/** Parses `char(43)`, `varbinary(max)`, `[datetime2](6)`. The default length of text is 1 character, and 30 in a cast. */
export function parseType (cursor: Cursor, defaultLength: number): SqlType {
  const start = cursor.token
  if (cursor.accept('SYSNAME')) return type('nvarchar', 128)
  const word = cursor.name().toLowerCase()
  const name = SYNONYMS[word] ?? word
  if (!KNOWN.has(name)) {
    throw new SqlError(243, `Type ${start.text} is not a defined system type.`, 16, 1, start.line)
  }
  const known = name as TypeName
  const args: number[] = []
  if (cursor.accept('(')) {
    if (cursor.accept('MAX')) args.push(MAX)
    else args.push(cursor.integer())
    if (cursor.accept(',')) args.push(cursor.integer())
    cursor.expect(')')
  }
  const [first] = args
  switch (known) {
    case 'char': case 'varchar': case 'nchar': case 'nvarchar': case 'binary': case 'varbinary': {
      const length = first ?? defaultLength
      if (length === 0) throw new SqlError(1001, `Line ${start.line}: Length or precision specification 0 is invalid.`, 15)
      const most = known.startsWith('n') ? 4000 : 8000
      if (length > most && !(length === MAX && known.includes('var'))) {
        throw new SqlError(131, `The size (${length}) given to the type '${known}' exceeds the maximum allowed for any data type (8000).`, 15)
      }
      return type(known, length)
    }
    case 'time': case 'datetime2': case 'datetimeoffset': {
      if ((first ?? 7) > 7) throw new SqlError(1002, `Line ${start.line}: Specified scale ${first} is invalid.`, 15)
      return type(known, 0, first ?? 7)
    }
    case 'decimal': return type(known, 0, args[1] ?? 0, first ?? 18)
    case 'float': return type((first ?? 53) <= 24 ? 'real' : 'float')
    default:
      if (args.length > 0) throw cursor.error(start)
      return type(known)
  }
}
