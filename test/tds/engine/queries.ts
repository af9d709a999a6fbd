import { SqlError } from '../sql-error.js'
import type { CommonTable, Condition, Expression, Name, Order, Output, Query, Select } from '../sql/ast.js'
import { BIGINT, common } from '../types.js'
import type { SqlType } from '../types.js'
import { EMPTY } from './compiled.js'
import type { Compiled, Environment, OutputColumn, Scope, ScopeSource } from './compiled.js'
import { convert } from './convert.js'
import { Expressions } from './expressions.js'
import { Sources } from './sources.js'
import type { CompiledSource, Joined } from './sources.js'

export interface CompiledQuery {
  readonly sql: string
  readonly columns: readonly OutputColumn[]
}

/** The locks that a SELECT without hints takes. */
export type ReadLock = 'none' | 'share'

interface Listed extends OutputColumn { readonly compiled: Compiled }

/** Translates SELECT. */
export class Queries {
  readonly expressions: Expressions
  readonly sources: Sources
  readonly #readLock: ReadLock

  constructor (env: Environment, commonTables: readonly CommonTable[] = [], readLock: ReadLock = 'none') {
    this.expressions = new Expressions(env, (query, scope) => this.query(query, scope))
    this.sources = new Sources(this.expressions, (query, scope) => this.query(query, scope), commonTables)
    this.#readLock = readLock
  }

  /** Translates a query that is a whole statement. Only its rows are locked. */
  statement (query: Query): CompiledQuery {
    return query.kind === 'union' ? this.query(query, EMPTY) : this.#select(query, EMPTY, null, true)
  }

  query (query: Query, scope: Scope, types: readonly SqlType[] | null = null): CompiledQuery {
    if (query.kind === 'select') return this.#select(query, scope, types, false)
    const left = this.query(query.left, scope, types)
    const right = this.query(query.right, scope, types)
    if (left.columns.length !== right.columns.length) {
      throw new SqlError(205, 'All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists.')
    }
    const wanted = types ?? left.columns.map((column, i) => common(column.type, right.columns[i]?.type ?? column.type))
    if (types === null) return this.query(query, scope, wanted)
    const order = query.orderBy.map(({ expression, descending }) => {
      const name = expression.kind === 'column' ? expression.name.at(-1)?.toLowerCase() : undefined
      const at = left.columns.findIndex((column) => column.name.toLowerCase() === name)
      if (at < 0) throw new SqlError(104, 'ORDER BY items must appear in the select list if the statement contains a UNION, INTERSECT or EXCEPT operator.')
      return `c${at}${descending ? ' DESC' : ''}`
    })
    const sql = `(${left.sql}) UNION ${query.all ? 'ALL ' : ''}(${right.sql})${order.length === 0 ? '' : ` ORDER BY ${order.join(', ')}`}`
    return { sql, columns: left.columns.map((column, i) => ({ ...column, type: wanted[i] ?? column.type })) }
  }

  #select (select: Select, parent: Scope, types: readonly SqlType[] | null, outermost: boolean): CompiledQuery {
    const joined = this.sources.join(select.from, parent)
    const scope: Scope = { sources: scopes(joined), parent }
    const listed = this.outputs(select.columns, scope).map((column, i): Listed => {
      const t = types?.[i]
      return t === undefined ? column : { ...column, type: t, compiled: convert(column.compiled, t) }
    })
    const parts = [`SELECT ${select.distinct ? 'DISTINCT ' : ''}${listed.map(({ compiled }, i) => `${compiled.sql} AS c${i}`).join(', ')}`]
    const conditions = [...joined.conditions, ...select.where === null ? [] : [select.where]]
    if (joined.sources.length > 0) parts.push(`FROM ${this.from(joined, joined.sources, conditions, scope, ' JOIN ')}`)
    else if (select.where !== null) parts.push('FROM DUAL')
    parts.push(this.where(joined.sources, conditions, scope))
    if (select.groupBy.length > 0) parts.push(`GROUP BY ${select.groupBy.map((e) => this.expressions.order(this.expressions.expression(e, scope))).join(', ')}`)
    if (select.having !== null) parts.push(`HAVING ${this.expressions.condition(select.having, scope)}`)
    if (select.orderBy.length > 0) parts.push(this.#orderBy(select.orderBy, listed, scope))
    if (select.top !== null) parts.push(`LIMIT ${this.count(select.top)}`)
    if (select.offset !== null) {
      const fetch = select.fetch === null ? '18446744073709551615' : this.count(select.fetch)
      parts.push(`LIMIT ${fetch} OFFSET ${this.count(select.offset)}`)
    }
    if (outermost) parts.push(lockClause(joined.sources, this.#readLock))
    return { sql: parts.filter((part) => part !== '').join(' '), columns: listed }
  }

  from (joined: Joined, order: readonly CompiledSource[], conditions: readonly Condition[], scope: Scope, by: string): string {
    const inner = order.map((source) => source.sql(conditions, scope)).join(by)
    const outer = joined.outer.map(({ source, on }) => ` LEFT JOIN ${source.sql([on], scope)} ON ${this.expressions.condition(on, scope)}`)
    return inner + outer.join('')
  }

  where (sources: readonly CompiledSource[], conditions: readonly Condition[], scope: Scope): string {
    if (conditions.length === 0) return ''
    const mentions = sources.map(({ mention }) => mention).filter((mention) => mention !== '')
    const compiled = conditions.map((condition) => this.expressions.condition(condition, scope))
    return `WHERE ${[...compiled, ...mentions].join(' AND ')}`
  }

  /** Evaluates TOP, OFFSET or FETCH before the statement runs. */
  count (expression: Expression): string {
    const { value } = convert(this.expressions.expression(expression, EMPTY), BIGINT)
    if (typeof value !== 'bigint') throw new SqlError(1060, 'The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.', 15)
    if (value < 0n) throw new SqlError(127, 'A TOP N or FETCH rowcount value may not be negative.', 15)
    return String(value)
  }

  /** The columns of a select list. * is expanded. */
  outputs (outputs: readonly Output[], scope: Scope): Listed[] {
    return outputs.flatMap((output) => this.#output(output, scope))
  }

  #output (output: Output, scope: Scope): Listed[] {
    switch (output.kind) {
      case 'star': return stars(output.table, scope)
      case 'assign': throw new SqlError(141, 'A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations.', 15)
      case 'expression': {
        const compiled = this.expressions.expression(output.expression, scope)
        return [{ name: output.name, type: compiled.type, collation: compiled.collation, label: compiled.label, compiled }]
      }
    }
  }

  #orderBy (orders: readonly Order[], listed: readonly Listed[], scope: Scope): string {
    const terms = orders.map(({ expression, descending }) => {
      const compiled = this.#ordered(expression, listed) ?? this.expressions.expression(expression, scope)
      return `${this.expressions.order(compiled)}${descending ? ' DESC' : ''}`
    })
    return `ORDER BY ${terms.join(', ')}`
  }

  /** The expression of a name or of a position in the select list. */
  #ordered (expression: Expression, listed: readonly Listed[]): Compiled | undefined {
    if (expression.kind === 'literal' && typeof expression.value === 'bigint') {
      const at = listed[Number(expression.value) - 1]
      if (at === undefined) throw new SqlError(108, `The ORDER BY position number ${expression.value} is out of range of the number of items in the select list.`, 15)
      return at.compiled
    }
    if (expression.kind !== 'column' || expression.name.length !== 1) return undefined
    const name = expression.name[0]?.toLowerCase()
    return listed.find((column) => column.name.toLowerCase() === name)?.compiled
  }
}

export function scopes (joined: Joined): ScopeSource[] {
  return [...joined.sources, ...joined.outer.map(({ source }) => source)].map((source) => source.scope)
}

function stars (table: Name | null, scope: Scope): Listed[] {
  const wanted = table?.[0]?.toLowerCase()
  const sources = scope.sources.filter((source) => wanted === undefined || source.name.toLowerCase() === wanted)
  if (sources.length === 0) throw new SqlError(107, `The column prefix '${table?.[0] ?? ''}' does not match with a table name or alias name used in the query.`, 15)
  return sources.flatMap((source) => source.columns.map((column): Listed => ({ ...column, compiled: { ...column, value: undefined } })))
}

/** Translates table hints and the isolation level to MariaDB's locking clause. */
export function lockClause (sources: readonly CompiledSource[], readLock: ReadLock): string {
  const tables = sources.filter((source) => source.table !== null)
  const hints = new Set(tables.flatMap((source) => source.hints))
  const has = (...names: readonly string[]) => names.some((name) => hints.has(name))
  if (tables.length === 0 || has('NOLOCK', 'READUNCOMMITTED', 'SNAPSHOT')) return ''
  const wait = has('READPAST') ? ' SKIP LOCKED' : has('NOWAIT') ? ' NOWAIT' : ''
  if (has('UPDLOCK', 'XLOCK', 'TABLOCKX')) return `FOR UPDATE${wait}`
  return readLock === 'share' || wait !== '' || has('HOLDLOCK', 'SERIALIZABLE', 'REPEATABLEREAD') ? `LOCK IN SHARE MODE${wait}` : ''
}
