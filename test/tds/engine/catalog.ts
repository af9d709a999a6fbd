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

/** A trigger that is enabled. Its body is not run. */
export interface Trigger {
  readonly name: string
  readonly events: readonly string[]
}

export interface Table {
  /** As clients call it. */
  readonly database: string
  readonly schema: string
  readonly name: string
  /** Of the table in MariaDB: schema and name in lower case, with a dot between. */
  readonly stored: string
  /** The same in a MariaDB statement, with its database. */
  readonly sql: string
  readonly id: number
  readonly columns: readonly TableColumn[]
  readonly indexes: readonly Index[]
  /** The columns that identify a row in MariaDB: the primary key, or {@link ROW_ID}. */
  readonly rowId: readonly string[]
  readonly triggers: readonly Trigger[]
}

/** Stored in MariaDB as the comment of the table, so the catalog outlives the front. */
export interface TableNote {
  readonly schema: string
  readonly name: string
  readonly keys: Readonly<Record<string, { name: string, constraint: boolean }>>
  readonly triggers?: readonly Trigger[]
}
export interface ColumnNote { readonly type: SqlType, readonly collation: string | null }

/** The MariaDB primary key of a table that has no primary key in T-SQL. */
export const ROW_ID = '$row'

/** The name of an empty table that stands for a schema, because MariaDB has no schemas. */
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

/** A schema of a database. */
interface Schema { readonly database: string, readonly name: string }

/** All tables of all databases at one moment, as seen from one of the databases. */
export class Catalog {
  readonly database: string
  readonly #databases: Databases
  readonly #tables: readonly Table[]
  readonly #schemas: readonly Schema[]

  private constructor (database: string, databases: Databases, tables: readonly Table[], schemas: readonly Schema[]) {
    this.database = database
    this.#databases = databases
    this.#tables = tables
    this.#schemas = schemas
  }

  static async load (db: MariaDb, database: string, databases: Databases): Promise<Catalog> {
    const tables: Table[] = []
    const schemas: Schema[] = []
    for (const [name, stored] of databases) {
      const loaded = await loadDatabase(db, name, stored)
      tables.push(...loaded.tables)
      schemas.push(...loaded.schemas.map((schema) => ({ database: name, name: schema })))
    }
    return new Catalog(database, databases, tables, schemas)
  }

  /** The same, as seen from another database. */
  in (database: string): Catalog {
    return new Catalog(database, this.#databases, this.#tables, this.#schemas)
  }

  /** The tables of the current database. */
  get tables (): readonly Table[] {
    return this.#tables.filter((table) => table.database === this.database)
  }

  /** The schemas of the current database. */
  get schemas (): readonly string[] {
    return this.#schemas.filter(({ database }) => database === this.database).map(({ name }) => name)
  }

  /** A name of the current database in a MariaDB statement. */
  sql (stored: string): string {
    return `${quote(this.#databases.get(this.database) ?? this.database)}.${quote(stored)}`
  }

  /** The table of that name. Without a schema it is one of dbo, without a database one of the current one. */
  find (name: Name): Table | undefined {
    const [table = '', schema = 'dbo', database = this.database] = [...name].reverse()
    const stored = storedName(schema === '' ? 'dbo' : schema, table)
    return this.#tables.find((candidate) => candidate.stored === stored && candidate.database.toLowerCase() === database.toLowerCase())
  }

  hasSchema (name: string): boolean {
    return this.schemas.some((schema) => schema.toLowerCase() === name.toLowerCase())
  }
}

/** The databases, as clients call them, and what MariaDB calls them. */
export type Databases = ReadonlyMap<string, string>

async function loadDatabase (db: MariaDb, database: string, stored: string): Promise<{ tables: Table[], schemas: string[] }> {
  const name = `'${stored.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
  const tables = await db.query(`SELECT table_name, table_comment FROM information_schema.tables WHERE table_schema = ${name}`)
  const columns = await db.query(`SELECT table_name, column_name, column_comment, is_nullable FROM information_schema.columns
    WHERE table_schema = ${name} ORDER BY table_name, ordinal_position`)
  const keys = await db.query(`SELECT table_name, index_name, non_unique, column_name FROM information_schema.statistics
    WHERE table_schema = ${name} ORDER BY table_name, index_name, seq_in_index`)
  const list: Table[] = []
  const schemas = ['dbo']
  for (const [table, comment] of tables.rows.map(texts)) {
    if (table.startsWith('$schema.')) schemas.push(comment)
    const note = read<TableNote>(comment)
    if (note === undefined) continue
    const indexes = readIndexes(keys.rows.map(texts).filter(([of]) => of === table), note)
    list.push({
      database,
      schema: note.schema,
      name: note.name,
      stored: table,
      sql: `${quote(stored)}.${quote(table)}`,
      id: objectId(`${stored}.${table}`),
      columns: columns.rows.map(texts).filter(([of]) => of === table).flatMap(readColumn),
      indexes,
      rowId: indexes.find((index) => index.primary)?.columns ?? [ROW_ID],
      triggers: note.triggers ?? []
    })
  }
  return { tables: list, schemas }
}

function readColumn ([, name, comment, nullable]: Row): TableColumn[] {
  const column = read<ColumnNote>(comment)
  if (column === undefined) return []
  return [{ name, type: column.type, collation: collationOf(column.collation), collationName: column.collation, nullable: nullable === 'YES' }]
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
