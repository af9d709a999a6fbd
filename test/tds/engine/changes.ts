import { SqlError } from '../sql-error.js'
import type { Assignment, CommonTable, Condition, Delete, Expression, Insert, Name, Order, Source, Update } from '../sql/ast.js'
import { family } from '../types.js'
import type { SqlType } from '../types.js'
import { quote } from './catalog.js'
import type { Table, TableColumn } from './catalog.js'
import { EMPTY, collate } from './compiled.js'
import type { Compiled, Environment, OutputColumn, Scope, ScopeColumn, ScopeSource } from './compiled.js'
import { convert } from './convert.js'
import { fromText, toLiteral } from './literal.js'
import { Queries, scopes } from './queries.js'
import type { CompiledQuery } from './queries.js'
import type { CompiledSource } from './sources.js'

/** Translates INSERT to one statement. OUTPUT becomes RETURNING. */
export function compileInsert (insert: Insert, env: Environment): CompiledQuery & { readonly table: Table } {
  const queries = new Queries(env)
  const table = env.catalog.find(insert.table)
  if (table === undefined) throw new SqlError(208, `Invalid object name '${insert.table.join('.')}'.`)
  if (insert.output !== null) refuseTriggers(table, 'insert')
  const columns = insert.columns === null ? table.columns : insert.columns.map((name) => columnOf(table, name))
  const target = `INSERT INTO ${table.sql} (${columns.map((column) => quote(column.name)).join(', ')})`
  const columnError = (more: boolean) => new SqlError(more ? 110 : 109, `There are ${more ? 'fewer' : 'more'} columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.`, 15)
  let body: string
  if (insert.rows !== null) {
    const rows = insert.rows.map((row) => {
      if (row.length !== columns.length) throw columnError(row.length > columns.length)
      const cells = row.map((cell, i) => cell === null ? 'DEFAULT' : assigned(queries.expressions.expression(cell, EMPTY), columns[i]))
      return `(${cells.join(', ')})`
    })
    body = `VALUES ${rows.join(', ')}`
  } else {
    if (insert.query === null) throw new Error('an INSERT has rows or a query')
    const first = queries.query(insert.query, EMPTY)
    if (first.columns.length !== columns.length) throw new SqlError(first.columns.length > columns.length ? 121 : 120, `The select list for the INSERT statement contains ${first.columns.length > columns.length ? 'more' : 'fewer'} items than the insert list. The number of SELECT values must match the number of INSERT columns.`, 15)
    body = new Queries(env).query(insert.query, EMPTY, columns.map((column) => column.type)).sql
  }
  if (insert.output === null) return { table, sql: `${target} ${body}`, columns: [] }
  const inserted: ScopeSource = { name: 'inserted', schema: null, columns: table.columns.map((column) => scopeColumn(column, quote(column.name))) }
  const outputs = queries.outputs(insert.output, { sources: [inserted], parent: null })
  const returning = outputs.map(({ compiled }, i) => `${compiled.sql} AS c${i}`).join(', ')
  return { table, sql: `${target} ${body} RETURNING ${returning}`, columns: outputs }
}

/**
 * UPDATE and DELETE in two statements, because MariaDB has neither UPDATE ... RETURNING nor index hints where they are
 * needed. The first finds and locks the rows, and computes the columns of OUTPUT. The second changes exactly these rows,
 * with the same time as NOW.
 */
export interface Change {
  readonly table: Table
  /** Its rows hold the time, the key of the row, and the columns of OUTPUT. */
  readonly find: string
  readonly columns: readonly OutputColumn[]
  readonly output: boolean
  apply (keys: readonly (readonly (Buffer | null)[])[], now: string): string
}

type Changing = (Update | Delete) & { readonly with: readonly CommonTable[] }

interface Target {
  readonly statement: Changing
  readonly orderBy: readonly Order[]
}

export function compileChange (original: Changing, env: Environment): Change {
  const { statement, orderBy } = throughCommonTable(original)
  const built = build(statement, env)
  const { target, scope, conditions, queries, order, joined } = built
  const outputs = statement.output === null ? [] : queries.outputs(statement.output, outputScope(statement, built))
  if (statement.output !== null) refuseTriggers(built.table, statement.kind)
  const keys = built.table.rowId.map((column) => `${target.alias}.${quote(column)}`)
  const list = [env.now, ...keys, ...outputs.map(({ compiled }) => compiled.sql)].map((sql, i) => `${sql} AS c${i}`)
  const hints = new Set([...statement.hints, ...target.hints])
  const find = [
    `SELECT ${list.join(', ')} FROM ${queries.from(joined, order, conditions, scope, ' STRAIGHT_JOIN ')}`,
    queries.where(order, conditions, scope),
    orderBy.length === 0 ? '' : `ORDER BY ${orderBy.map((o) => `${queries.expressions.order(queries.expressions.expression(o.expression, scope))}${o.descending ? ' DESC' : ''}`).join(', ')}`,
    statement.top === null ? '' : `LIMIT ${queries.count(statement.top)}`,
    `FOR UPDATE${hints.has('READPAST') ? ' SKIP LOCKED' : hints.has('NOWAIT') ? ' NOWAIT' : ''}`
  ].filter((part) => part !== '').join(' ')
  return {
    table: built.table,
    find,
    columns: outputs,
    output: statement.output !== null,
    apply: (rows, now) => apply(statement, { ...env, now: `TIMESTAMP'${now}'` }, rows)
  }
}

/** Refuses OUTPUT without INTO on a table that has an enabled trigger for the same event. */
function refuseTriggers (table: Table, event: string): void {
  if (!table.triggers.some(({ events }) => events.includes(event))) return
  throw new SqlError(334, `The target table '${table.name}' of the DML statement cannot have any enabled triggers if the statement contains an OUTPUT clause without INTO clause.`)
}

interface Built {
  readonly queries: Queries
  readonly table: Table
  readonly target: CompiledSource
  readonly joined: ReturnType<Queries['sources']['join']>
  /** All sources, the target last: the other sources select its rows. */
  readonly order: readonly CompiledSource[]
  readonly scope: Scope
  readonly conditions: readonly Condition[]
}

function build (statement: Changing, env: Environment): Built {
  const queries = new Queries(env, statement.with)
  const joined = queries.sources.join(statement.from, null)
  const name = statement.target.at(-1)?.toLowerCase()
  const named = env.catalog.find(statement.target)
  const found = joined.sources.find((source) => source.table !== null && (
    (statement.target.length === 1 && source.scope.name.toLowerCase() === name) ||
    (named !== undefined && source.table === named && source.scope.schema !== null)))
  const target = found ?? queries.sources.table(statement.target, null, statement.hints, queries.sources.alias())
  if (target.table === null) throw new Error('a target is a table')
  const order = [...joined.sources.filter((source) => source !== target), target]
  const scope: Scope = { sources: scopes({ ...joined, sources: order }), parent: null }
  const conditions = [...joined.conditions, ...statement.where === null ? [] : [statement.where]]
  return { queries, table: target.table, target, joined, order, scope, conditions }
}

function apply (statement: Changing, env: Environment, rows: readonly (readonly (Buffer | null)[])[]): string {
  const { queries, table, target, joined, order, scope, conditions } = build(statement, env)
  const alias = `${target.alias}.`
  const keys = keyCondition(table, alias, rows)
  if (statement.kind === 'delete') return `DELETE FROM ${table.sql} WHERE ${keyCondition(table, '', rows)}`
  const set = assignments(statement, table, queries, scope).map(({ column, value }) => `${alias}${quote(column.name)} = ${value}`)
  if (order.length === 1 && joined.outer.length === 0) {
    return `UPDATE ${table.sql} AS ${target.alias} SET ${set.join(', ')} WHERE ${keys}`
  }
  const from = queries.from(joined, order, conditions, scope, ' STRAIGHT_JOIN ')
  const where = queries.where(order, conditions, scope)
  return `UPDATE ${from} SET ${set.join(', ')} ${where === '' ? 'WHERE' : `${where} AND`} ${keys}`
}

function assignments (update: Update, table: Table, queries: Queries, scope: Scope): { column: TableColumn, value: string, compiled: Compiled | null }[] {
  const seen = new Set<string>()
  return update.set.map(({ column: name, expression }: Assignment) => {
    const column = columnOf(table, name)
    if (seen.has(column.name)) throw new SqlError(264, `The column name '${name}' is specified more than once in the SET clause or column list of an INSERT.`)
    seen.add(column.name)
    if (expression === null) return { column, value: 'DEFAULT', compiled: null }
    const compiled = convert(queries.expressions.expression(expression, scope), column.type)
    return { column, value: compiled.sql, compiled }
  })
}

/** The scope of OUTPUT: the sources, and the target before (deleted) and after (inserted) the change. */
function outputScope (statement: Changing, { queries, table, target, scope }: Built): Scope {
  const before = table.columns.map((column) => scopeColumn(column, `${target.alias}.${quote(column.name)}`))
  const sources: ScopeSource[] = [{ name: 'deleted', schema: null, columns: before }]
  if (statement.kind === 'update') {
    const changed = assignments(statement, table, queries, scope)
    const after = table.columns.map((column, i): ScopeColumn => {
      const set = changed.find((assignment) => assignment.column === column)
      const old = before[i]
      if (old === undefined) throw new Error('both lists are of the same columns')
      if (set === undefined) return old
      const value = set.compiled === null ? `DEFAULT(${old.sql})` : set.compiled.sql
      const exact = column.type.name === 'datetime2' ? `CAST(${value} AS DATETIME(${Math.min(column.type.scale, 6)}))` : value
      return { ...old, sql: exact, column: false }
    })
    sources.push({ name: 'inserted', schema: null, columns: after })
  }
  const others = scope.sources.filter((source) => source !== target.scope)
  return { sources: [...sources, ...others], parent: null }
}

function keyCondition (table: Table, prefix: string, rows: readonly (readonly (Buffer | null)[])[]): string {
  const columns = table.rowId.map((name) => ({ name: `${prefix}${quote(name)}`, column: table.columns.find((c) => c.name === name) }))
  const literals = rows.map((row) => columns.map(({ column }, i) => {
    const t: SqlType | undefined = column?.type
    const bytes = row[i] ?? null
    if (t === undefined || column === undefined) return bytes?.toString() ?? 'NULL'
    const literal = toLiteral(t, fromText(t, bytes))
    return family(t) === 'text' ? collate(literal, t, column.collation) : literal
  }))
  if (columns.length === 1) return `${columns[0]?.name ?? ''} IN (${literals.map(([literal]) => literal ?? 'NULL').join(', ')})`
  return `(${literals.map((row) => `(${row.map((literal, i) => `${columns[i]?.name ?? ''} = ${literal}`).join(' AND ')})`).join(' OR ')})`
}

function columnOf (table: Table, name: string): TableColumn {
  const column = table.columns.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase())
  if (column === undefined) throw new SqlError(207, `Invalid column name '${name}'.`)
  return column
}

function assigned (value: Compiled, column: TableColumn | undefined): string {
  if (column === undefined) throw new Error('the number of columns was checked')
  return convert(value, column.type).sql
}

function scopeColumn (column: TableColumn, sql: string): ScopeColumn {
  return { name: column.name, type: column.type, collation: column.collation, label: 'implicit', sql, column: true }
}

/** Turns WITH e AS (SELECT TOP (n) ... ORDER BY ...) DELETE FROM e into a change of the table that e selects from. */
function throughCommonTable (statement: Changing): Target {
  const name = statement.target.length === 1 ? statement.target[0]?.toLowerCase() : undefined
  const cte = statement.with.find((candidate) => candidate.alias.name.toLowerCase() === name)
  if (cte === undefined) return { statement, orderBy: [] }
  const { query } = cte
  const [source] = query.kind === 'select' ? query.from : []
  if (query.kind !== 'select' || source?.kind !== 'table' || query.from.length !== 1 || query.groupBy.length > 0 || statement.from.length > 0) {
    throw new SqlError(102, `Incorrect syntax near '${cte.alias.name}'.`, 15)
  }
  const from: Source[] = [{ ...source, alias: cte.alias.name }]
  const where = both(query.where, statement.where)
  const top: Expression | null = query.top ?? statement.top
  const target: Name = [cte.alias.name]
  const inner = source.alias ?? source.name.at(-1)
  return {
    statement: { ...statement, target, from, where: where === null ? null : renamed(where, inner, cte.alias.name), top, hints: [...statement.hints, ...source.hints] },
    orderBy: renamed(query.orderBy, inner, cte.alias.name)
  }
}

function both (a: Condition | null, b: Condition | null): Condition | null {
  return a === null ? b : b === null ? a : { kind: 'and', left: a, right: b }
}

/** Renames the table in the columns of a common table expression. */
function renamed<T> (node: T, from: string | undefined, to: string): T {
  if (Array.isArray(node)) return node.map((part: unknown) => renamed(part, from, to)) as T
  if (typeof node !== 'object' || node === null || Buffer.isBuffer(node)) return node
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, renamed(value as unknown, from, to)])) as T & { kind?: unknown, name?: unknown }
  if (copy.kind === 'column' && Array.isArray(copy.name) && copy.name.length > 1) {
    const parts = copy.name as string[]
    if (parts.at(-2)?.toLowerCase() === from?.toLowerCase()) copy.name = [to, parts.at(-1)]
  }
  return copy
}
