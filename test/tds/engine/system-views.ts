import type { Name } from '../sql/ast.js'
import { INT, declaration, maxBytes, type } from '../types.js'
import type { SqlType, Value } from '../types.js'
import type { Catalog, Table } from './catalog.js'
import type { OutputColumn } from './compiled.js'
import { toLiteral } from './literal.js'

const SYSNAME = type('nvarchar', 128)
const BIT = type('bit')

type Field = readonly [name: string, type: SqlType, value: Value]

/** The catalog views that setup scripts read, as derived tables of constants. */
export function systemView (name: Name, catalog: Catalog): { sql: string, columns: readonly OutputColumn[] } | undefined {
  const [view = '', schema = ''] = [...name].reverse().map((part) => part.toLowerCase())
  const rows = schema === 'sys' ? sys(view, catalog) : schema === 'information_schema' ? informationSchema(view, catalog) : undefined
  if (rows === undefined) return undefined
  const { example, all } = rows
  const columns = example.map(([column, t]): OutputColumn => ({ name: column, type: t, collation: 'ci', label: 'implicit' }))
  const select = (row: readonly Field[]) => `SELECT ${row.map(([, t, value], i) => `${toLiteral(t, value)} AS c${i}`).join(', ')}`
  // The first SELECT returns no row. It gives an empty view its columns.
  const sql = [`${select(example)} FROM DUAL WHERE FALSE`, ...all.map(select)].join(' UNION ALL ')
  return { sql, columns }
}

interface Rows { readonly example: readonly Field[], readonly all: readonly (readonly Field[])[] }

const NOTHING: Table = { database: '', schema: '', name: '', stored: '', sql: '', id: 0, columns: [], indexes: [], rowId: [], triggers: [] }

function sys (view: string, catalog: Catalog): Rows | undefined {
  const { tables } = catalog
  switch (view) {
    case 'tables': case 'objects': return { example: object(NOTHING, catalog), all: tables.map((table) => object(table, catalog)) }
    case 'schemas': {
      const row = (name: string, i: number): Field[] => [['name', SYSNAME, name], ['schema_id', INT, BigInt(i + 1)]]
      return { example: row('', 0), all: catalog.schemas.map(row) }
    }
    case 'indexes': {
      const row = (table: Table, i: number): Field[] => {
        const index = table.indexes[i]
        return [
          ['object_id', INT, BigInt(table.id)], ['name', SYSNAME, index?.name ?? null], ['index_id', INT, BigInt(i + 1)],
          ['type_desc', SYSNAME, index?.primary === true ? 'CLUSTERED' : 'NONCLUSTERED'],
          ['is_unique', BIT, index?.unique === true ? 1n : 0n], ['is_primary_key', BIT, index?.primary === true ? 1n : 0n]
        ]
      }
      return { example: row(NOTHING, 0), all: tables.flatMap((table) => table.indexes.map((_, i) => row(table, i))) }
    }
    case 'index_columns': {
      const row = (table: Table, i: number, place: number): Field[] => [
        ['object_id', INT, BigInt(table.id)], ['index_id', INT, BigInt(i + 1)], ['key_ordinal', type('tinyint'), BigInt(place + 1)],
        ['column_id', INT, BigInt(table.columns.findIndex(({ name }) => name === table.indexes[i]?.columns[place]) + 1)]
      ]
      return { example: row(NOTHING, 0, 0), all: tables.flatMap((table) => table.indexes.flatMap(({ columns }, i) => columns.map((_, place) => row(table, i, place)))) }
    }
    case 'columns': {
      const row = (table: Table, i: number): Field[] => {
        const column = table.columns[i]
        return [
          ['object_id', INT, BigInt(table.id)], ['name', SYSNAME, column?.name ?? null], ['column_id', INT, BigInt(i + 1)],
          ['max_length', type('smallint'), column === undefined ? null : BigInt(maxBytes(column.type))],
          ['scale', type('tinyint'), BigInt(column?.type.scale ?? 0)],
          ['collation_name', SYSNAME, column === undefined ? null : collationName(column)],
          ['is_nullable', BIT, column?.nullable === true ? 1n : 0n]
        ]
      }
      return { example: row(NOTHING, 0), all: tables.flatMap((table) => table.columns.map((_, i) => row(table, i))) }
    }
    case 'databases': {
      const row: Field[] = [['name', SYSNAME, catalog.database], ['database_id', INT, 5n], ['collation_name', SYSNAME, 'SQL_Latin1_General_CP1_CI_AS']]
      return { example: row, all: [row] }
    }
    default: return undefined
  }
}

function object (table: Table, catalog: Catalog): Field[] {
  const schema = catalog.schemas.findIndex((name) => name.toLowerCase() === table.schema.toLowerCase())
  return [['name', SYSNAME, table.name], ['object_id', INT, BigInt(table.id)], ['schema_id', INT, BigInt(schema + 1)], ['type', type('char', 2), 'U']]
}

function informationSchema (view: string, catalog: Catalog): Rows | undefined {
  const place = (table: Table): Field[] => [
    ['TABLE_CATALOG', SYSNAME, catalog.database], ['TABLE_SCHEMA', SYSNAME, table.schema], ['TABLE_NAME', SYSNAME, table.name]
  ]
  if (view === 'tables') {
    const row = (table: Table): Field[] => [...place(table), ['TABLE_TYPE', SYSNAME, 'BASE TABLE']]
    return { example: row(NOTHING), all: catalog.tables.map(row) }
  }
  if (view !== 'columns') return undefined
  const row = (table: Table, i: number): Field[] => {
    const column = table.columns[i]
    const length = column === undefined || column.type.length === 0 ? null : BigInt(maxBytes(column.type) === -1 ? -1 : column.type.length)
    return [
      ...place(table), ['COLUMN_NAME', SYSNAME, column?.name ?? null], ['ORDINAL_POSITION', INT, BigInt(i + 1)],
      ['IS_NULLABLE', SYSNAME, column?.nullable === true ? 'YES' : 'NO'],
      ['DATA_TYPE', SYSNAME, column === undefined ? null : declaration(column.type).replace(/\(.*/, '')],
      ['CHARACTER_MAXIMUM_LENGTH', INT, length],
      ['DATETIME_PRECISION', type('smallint'), column?.type.name === 'datetime2' ? BigInt(column.type.scale) : null],
      ['COLLATION_NAME', SYSNAME, column === undefined ? null : collationName(column)]
    ]
  }
  return { example: row(NOTHING, 0), all: catalog.tables.flatMap((table) => table.columns.map((_, i) => row(table, i))) }
}

function collationName (column: Table['columns'][number]): string | null {
  return column.type.name.includes('char') ? column.collationName ?? 'SQL_Latin1_General_CP1_CI_AS' : null
}
