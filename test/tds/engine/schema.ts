import { SqlError } from '../sql-error.js'
import type { ColumnDefinition, KeyDefinition, Name, Statement } from '../sql/ast.js'
import { MAX, isUnicode } from '../types.js'
import type { SqlType } from '../types.js'
import { ROW_ID, collationOf, objectId, quote, schemaMarker, storedName } from './catalog.js'
import type { Catalog, ColumnNote, Table, TableNote, Trigger } from './catalog.js'
import { EMPTY } from './compiled.js'
import type { Environment } from './compiled.js'
import { convert } from './convert.js'
import { Queries } from './queries.js'

export type SchemaStatement = Extract<Statement, { kind: 'createTable' | 'createIndex' | 'dropTable' | 'dropIndex' | 'truncate' | 'addColumn' | 'createSchema' | 'dropSchema' | 'createTrigger' | 'dropTrigger' }>

export function isSchemaStatement (statement: Statement): statement is SchemaStatement {
  return ['createTable', 'createIndex', 'dropTable', 'dropIndex', 'truncate', 'addColumn', 'createSchema', 'dropSchema', 'createTrigger', 'dropTrigger'].includes(statement.kind)
}

/** Returns the MariaDB statements of a schema statement. */
export function compileSchema (statement: SchemaStatement, env: Environment): string[] {
  const { catalog } = env
  switch (statement.kind) {
    case 'createTable': return [createTable(statement, env)]
    case 'createIndex': {
      const table = existing(catalog, statement.table, 1088, `Cannot find the object "${statement.table.join('.')}" because it does not exist or you do not have permissions.`)
      if (indexNamed(table, statement.name) !== undefined) {
        throw new SqlError(1913, `The operation failed because an index or statistics with name '${statement.name}' already exists on table '${statement.table.join('.')}'.`)
      }
      const columns = statement.columns.map((column) => quote(columnName(table, column)))
      return [`CREATE ${statement.unique ? 'UNIQUE ' : ''}INDEX ${quote(statement.name)} ON ${table.sql} (${columns.join(', ')})`]
    }
    case 'dropTable': return statement.names.flatMap((name) => {
      const table = catalog.find(name)
      if (table !== undefined) return [`DROP TABLE ${table.sql}`]
      if (statement.ifExists) return []
      throw cannotDrop('table', name.join('.'))
    })
    case 'dropIndex': {
      const table = catalog.find(statement.table)
      const index = table === undefined ? undefined : indexNamed(table, statement.name)
      if (table !== undefined && index !== undefined) return [`DROP INDEX ${quote(index.key)} ON ${table.sql}`]
      if (statement.ifExists) return []
      throw cannotDrop('index', `${statement.table.join('.')}.${statement.name}`)
    }
    case 'truncate': {
      const table = existing(catalog, statement.table, 4701, `Cannot find the object "${statement.table.join('.')}" because it does not exist or you do not have permissions.`)
      return [`TRUNCATE TABLE ${table.sql}`]
    }
    case 'addColumn': {
      const table = existing(catalog, statement.table, 4902, `Cannot find the object "${statement.table.join('.')}" because it does not exist or you do not have permissions.`)
      if (table.columns.some(({ name }) => name.toLowerCase() === statement.column.name.toLowerCase())) {
        throw new SqlError(2705, `Column names in each table must be unique. Column name '${statement.column.name}' in table '${statement.table.join('.')}' is specified more than once.`)
      }
      return [`ALTER TABLE ${table.sql} ADD COLUMN ${columnDefinition(statement.column, new Queries(env))}`]
    }
    case 'createSchema': {
      if (catalog.hasSchema(statement.name)) throw new SqlError(2714, `There is already an object named '${statement.name}' in the database.`, 16, 6)
      return [`CREATE TABLE ${catalog.sql(schemaMarker(statement.name))} (nothing INT) COMMENT = ${text(statement.name)}`]
    }
    case 'createTrigger': {
      const table = existing(catalog, statement.table, 8197, `The object '${statement.table.join('.')}' does not exist or is invalid for this operation.`)
      return [withTriggers(table, [...table.triggers, { name: statement.name, events: statement.events }])]
    }
    case 'dropTrigger': {
      const table = catalog.tables.find(({ triggers }) => triggers.some(({ name }) => name === statement.name))
      if (table === undefined) throw cannotDrop('trigger', statement.name)
      return [withTriggers(table, table.triggers.filter(({ name }) => name !== statement.name))]
    }
    case 'dropSchema': {
      if (!catalog.hasSchema(statement.name)) {
        if (statement.ifExists) return []
        throw new SqlError(15151, `Cannot drop the schema '${statement.name}', because it does not exist or you do not have permission.`)
      }
      const used = catalog.tables.find((table) => table.schema.toLowerCase() === statement.name.toLowerCase())
      if (used !== undefined) throw new SqlError(3729, `Cannot drop schema '${statement.name}' because it is being referenced by object '${used.name}'.`)
      return [`DROP TABLE ${catalog.sql(schemaMarker(statement.name))}`]
    }
  }
}

function createTable (statement: Extract<SchemaStatement, { kind: 'createTable' }>, env: Environment): string {
  const { catalog } = env
  const [name = '', schema = 'dbo'] = [...statement.name].reverse()
  if (!catalog.hasSchema(schema)) {
    throw new SqlError(2760, `The specified schema name "${schema}" either does not exist or you do not have permission to use it.`)
  }
  if (catalog.find(statement.name) !== undefined) {
    throw new SqlError(2714, `There is already an object named '${name}' in the database.`, 16, 6)
  }
  const stored = storedName(schema, name)
  const names: Record<string, { name: string, constraint: boolean }> = {}
  const find = (wanted: string) => {
    const column = statement.columns.find((candidate) => candidate.name.toLowerCase() === wanted.toLowerCase())
    if (column === undefined) throw new SqlError(1911, `Column name '${wanted}' does not exist in the target table or view.`)
    return column.name
  }
  const primary = statement.keys.find((key) => key.kind === 'primary')
  const primaryColumns = new Set(primary?.columns.map(find))
  const queries = new Queries(env)
  const parts = statement.columns.map((column) => columnDefinition(primaryColumns.has(column.name) ? { ...column, nullable: false } : column, queries))
  if (primary === undefined) parts.push(`${quote(ROW_ID)} BIGINT UNSIGNED NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY`)
  for (const key of statement.keys) parts.push(keyDefinition(key, name, stored, key.columns.map(find), names))
  const note: TableNote = { schema: catalog.schemas.find((s) => s.toLowerCase() === schema.toLowerCase()) ?? schema, name, keys: names }
  return `CREATE TABLE ${catalog.sql(stored)} (${parts.join(', ')}) ENGINE = InnoDB, COMMENT = ${text(JSON.stringify(note))}`
}

function columnDefinition (column: ColumnDefinition, queries: Queries): string {
  const note: ColumnNote = { type: column.type, collation: column.collation }
  const fallback = column.fallback === null ? '' : ` DEFAULT (${convert(queries.expressions.expression(column.fallback, EMPTY), column.type).sql})`
  return `${quote(column.name)} ${storedType(column.type, column.collation)} ${column.nullable === false ? 'NOT NULL' : 'NULL'}${fallback} COMMENT ${text(JSON.stringify(note))}`
}

/** Keeps the triggers in the comment of the table. */
function withTriggers (table: Table, triggers: readonly Trigger[]): string {
  const named = table.indexes.filter(({ constraint }) => constraint).map(({ key, name, constraint }): [string, { name: string, constraint: boolean }] => [key, { name, constraint }])
  const note: TableNote = { schema: table.schema, name: table.name, keys: Object.fromEntries(named), triggers }
  return `ALTER TABLE ${table.sql} COMMENT = ${text(JSON.stringify(note))}`
}

function keyDefinition (key: KeyDefinition, table: string, stored: string, columns: readonly string[], names: Record<string, { name: string, constraint: boolean }>): string {
  const list = `(${columns.map(quote).join(', ')})`
  const suffix = objectId(stored).toString(16).toUpperCase().padStart(8, '0')
  if (key.kind === 'index') return `KEY ${quote(key.name ?? columns.join('_'))} ${list}`
  const name = key.name ?? `${key.kind === 'primary' ? 'PK' : 'UQ'}__${table}__${suffix}`
  names[key.kind === 'primary' ? 'PRIMARY' : name] = { name, constraint: true }
  return key.kind === 'primary' ? `PRIMARY KEY ${list}` : `UNIQUE KEY ${quote(name)} ${list}`
}

function storedType (t: SqlType, collation: string | null): string {
  const binary = collationOf(collation) === 'bin'
  const charset = isUnicode(t)
    ? ` CHARACTER SET utf8mb4 COLLATE ${binary ? 'utf8mb4_bin' : 'utf8mb4_uca1400_as_ci'}`
    : ` CHARACTER SET latin1 COLLATE ${binary ? 'latin1_bin' : 'latin1_general_ci'}`
  switch (t.name) {
    case 'char': case 'nchar': return `${t.length > 255 ? 'VARCHAR' : 'CHAR'}(${t.length})${charset}`
    case 'varchar': case 'nvarchar': return `${t.length === MAX ? 'LONGTEXT' : `VARCHAR(${t.length})`}${charset}`
    case 'binary': return `${t.length > 255 ? 'VARBINARY' : 'BINARY'}(${t.length})`
    case 'varbinary': return t.length === MAX ? 'LONGBLOB' : `VARBINARY(${t.length})`
    case 'bit': return 'TINYINT(1)'
    case 'tinyint': return 'TINYINT UNSIGNED'
    case 'smallint': return 'SMALLINT'
    case 'int': return 'INT'
    case 'bigint': return 'BIGINT'
    case 'float': return 'DOUBLE'
    case 'real': return 'FLOAT'
    case 'decimal': return `DECIMAL(${t.precision},${t.scale})`
    case 'date': return 'DATE'
    case 'time': return `TIME(${Math.min(t.scale, 6)})`
    case 'datetime': return 'DATETIME(3)'
    case 'smalldatetime': return 'DATETIME(0)'
    case 'datetime2': case 'datetimeoffset': return `DATETIME(${Math.min(t.scale, 6)})`
  }
}

function existing (catalog: Catalog, name: Name, number: number, message: string): Table {
  const table = catalog.find(name)
  if (table === undefined) throw new SqlError(number, message)
  return table
}

function indexNamed (table: Table, name: string) {
  return table.indexes.find((index) => index.name.toLowerCase() === name.toLowerCase())
}

function columnName (table: Table, name: string): string {
  const column = table.columns.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase())
  if (column === undefined) throw new SqlError(1911, `Column name '${name}' does not exist in the target table or view.`)
  return column.name
}

function cannotDrop (kind: string, name: string): SqlError {
  return new SqlError(3701, `Cannot drop the ${kind} '${name}', because it does not exist or you do not have permission.`, 11, 5)
}

function text (value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
