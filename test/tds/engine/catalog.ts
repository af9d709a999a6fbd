import { createHash } from 'node:crypto'
import type { Name } from '../sql/ast.js'
import type { SqlType } from '../types.js'
import type { MariaDb } from './mariadb.js'

export type Collation = 'ci' | 'bin'

export interface TableColumn {
  readonly name: string
  readonly type: SqlType
  readonly collation: Collation
  readonly collationName: string | null
  readonly nullable: boolean
}

export interface Index {
  /** As SQL Server knows it. */
  readonly name: string
  /** As MariaDB knows it. */
  readonly key: string
  readonly primary: boolean
  readonly constraint: boolean
  readonly unique: boolean
  readonly columns: readonly string[]
}

export interface Table {
  readonly schema: string
  readonly name: string
  /** Of the table in MariaDB: schema and name in lower case, with a dot between. */
  readonly stored: string
  readonly id: number
  readonly columns: readonly TableColumn[]
  readonly indexes: readonly Index[]
  /** The columns that identify a row in MariaDB: the primary key, or {@link ROW_ID}. */
  readonly rowId: readonly string[]
}

/** Kept in MariaDB as the comment of the table, which is how the catalog outlives the front. */
export interface TableNote { readonly schema: string, readonly name: string, readonly keys: Readonly<Record<string, { name: string, constraint: boolean }>> }
export interface ColumnNote { readonly type: SqlType, readonly collation: string | null }

/** The primary key of a table that has none in T-SQL: a heap. */
export const ROW_ID = '$row'

/** Marks a schema, which MariaDB does not have: an empty table of this name. */
export function schemaMarker (schema: string): string {
  return `$schema.${schema.toLowerCase()}`
}

export function storedName (schema: string, table: string): string {
  return `${schema}.${table}`.toLowerCase()
}

export function quote (name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

export function objectId (stored: string): number {
  return createHash('sha1').update(stored).digest().readUInt32BE() & 0x7fffffff
}

export function collationOf (name: string | null): Collation {
  return name !== null && /_BIN2?$|_CS_/i.test(name) ? 'bin' : 'ci'
}

/** All tables at one moment. */
export class Catalog {
  readonly database: string
  readonly tables: readonly Table[]
  readonly schemas: readonly string[]

  constructor (database: string, tables: readonly Table[], schemas: readonly string[]) {
    this.database = database
    this.tables = tables
    this.schemas = schemas
  }

  static async load (db: MariaDb, database: string): Promise<Catalog> {
    const tables = await db.query('SELECT table_name, table_comment FROM information_schema.tables WHERE table_schema = DATABASE()')
    const columns = await db.query(`SELECT table_name, column_name, column_comment, is_nullable FROM information_schema.columns
      WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position`)
    const keys = await db.query(`SELECT table_name, index_name, non_unique, column_name FROM information_schema.statistics
      WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index`)
    const list: Table[] = []
    const schemas = ['dbo']
    for (const [stored, comment] of tables.rows.map(texts)) {
      if (stored.startsWith('$schema.')) schemas.push(comment)
      const note = read<TableNote>(comment)
      if (note === undefined) continue
      const own = columns.rows.map(texts).filter(([table]) => table === stored)
      const indexes = readIndexes(keys.rows.map(texts).filter(([table]) => table === stored), note)
      const primary = indexes.find((index) => index.primary)
      list.push({
        schema: note.schema,
        name: note.name,
        stored,
        id: objectId(stored),
        columns: own.flatMap(([, name, columnComment, nullable]) => {
          const column = read<ColumnNote>(columnComment)
          if (column === undefined) return []
          return [{ name, type: column.type, collation: collationOf(column.collation), collationName: column.collation, nullable: nullable === 'YES' }]
        }),
        indexes,
        rowId: primary?.columns ?? [ROW_ID]
      })
    }
    return new Catalog(database, list, schemas)
  }

  /** The table of that name, in the schema dbo if none is named. */
  find (name: Name): Table | undefined {
    const [table = '', schema = 'dbo', database = this.database] = [...name].reverse()
    if (database.toLowerCase() !== this.database.toLowerCase()) return undefined
    const stored = storedName(schema === '' ? 'dbo' : schema, table)
    return this.tables.find((candidate) => candidate.stored === stored)
  }

  hasSchema (name: string): boolean {
    return this.schemas.some((schema) => schema.toLowerCase() === name.toLowerCase())
  }
}

type Row = readonly [string, string, string, string]

function texts (row: readonly (Buffer | null)[]): Row {
  const [a, b, c, d] = row.map((field) => field?.toString() ?? '')
  return [a ?? '', b ?? '', c ?? '', d ?? '']
}

function read<T> (json: string): T | undefined {
  return json.startsWith('{') ? JSON.parse(json) as T : undefined
}

function readIndexes (rows: readonly Row[], note: TableNote): Index[] {
  const byKey = new Map<string, Row[]>()
  for (const row of rows) byKey.set(row[1], [...byKey.get(row[1]) ?? [], row])
  const indexes: Index[] = []
  for (const [key, parts] of byKey) {
    if (parts[0]?.[3] === ROW_ID) continue
    const known = note.keys[key]
    indexes.push({
      name: known?.name ?? key,
      key,
      primary: key === 'PRIMARY',
      constraint: known?.constraint ?? false,
      unique: parts[0]?.[2] === '0',
      columns: parts.map((part) => part[3])
    })
  }
  return indexes
}
