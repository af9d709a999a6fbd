import { SqlError } from '../sql-error.js'
import type { CommonTable, Condition, Name, Query, Source } from '../sql/ast.js'
import { INT, common } from '../types.js'
import { quote } from './catalog.js'
import type { Table } from './catalog.js'
import type { Compiled, OutputColumn, Scope, ScopeColumn, ScopeSource } from './compiled.js'
import { convert } from './convert.js'
import { resolveColumn } from './expressions.js'
import type { Expressions, QueryCompiler } from './expressions.js'
import { systemView } from './system-views.js'

/** One item of FROM, translated. */
export interface CompiledSource {
  readonly scope: ScopeSource
  /** Its table, or null for a derived table. */
  readonly table: Table | null
  readonly hints: readonly string[]
  /** Its name in the MariaDB statement. */
  readonly alias: string
  /**
   * A condition that is always true and names a column without an index, or ''. Without it MariaDB may read the whole of an
   * index that covers the query of a small table, and then waits for every locked row in it.
   */
  readonly mention: string
  /** Its text in the MariaDB statement, with an index hint that suits the conditions. */
  sql (conditions: readonly Condition[], scope: Scope): string
}

/** The sources of FROM, and how they are joined. */
export interface Joined {
  readonly sources: readonly CompiledSource[]
  /** The conditions of inner joins. They may as well be in WHERE. */
  readonly conditions: readonly Condition[]
  /** The outer joins, with their conditions. */
  readonly outer: readonly { readonly source: CompiledSource, readonly on: Condition }[]
}

export class Sources {
  readonly #expressions: Expressions
  readonly #query: QueryCompiler
  readonly #common: readonly CommonTable[]
  #aliases = 0

  constructor (expressions: Expressions, query: QueryCompiler, commonTables: readonly CommonTable[]) {
    this.#expressions = expressions
    this.#query = query
    this.#common = commonTables
  }

  alias (): string {
    return `t${++this.#aliases}`
  }

  join (from: readonly Source[], outer: Scope | null): Joined {
    const sources: CompiledSource[] = []
    const conditions: Condition[] = []
    const left: { source: CompiledSource, on: Condition }[] = []
    const add = (source: Source): void => {
      if (source.kind !== 'join') {
        sources.push(this.source(source, outer))
        return
      }
      add(source.left)
      if (source.how === 'LEFT') {
        if (source.right.kind === 'join' || source.on === null) throw new SqlError(102, "Incorrect syntax near 'JOIN'.", 15)
        left.push({ source: this.source(source.right, outer), on: source.on })
        return
      }
      add(source.right)
      if (source.on !== null) conditions.push(source.on)
    }
    for (const source of from) add(source)
    return { sources, conditions, outer: left }
  }

  source (source: Exclude<Source, { kind: 'join' }>, outer: Scope | null): CompiledSource {
    const alias = this.alias()
    if (source.kind === 'derived') return this.#derived(source.query, source.alias.name, source.alias.columns, alias, outer)
    if (source.kind === 'values') return this.#values(source, alias, outer)
    const found = source.name.length === 1
      ? this.#common.find((cte) => cte.alias.name.toLowerCase() === source.name[0]?.toLowerCase())
      : undefined
    if (found !== undefined) return this.#derived(found.query, source.alias ?? found.alias.name, found.alias.columns, alias, null)
    const view = systemView(source.name, this.#expressions.env.catalog)
    if (view !== undefined) {
      return plain(source.alias ?? source.name.at(-1) ?? '', alias, `(${view.sql})`, view.columns)
    }
    return this.table(source.name, source.alias, source.hints, alias)
  }

  table (name: Name, as: string | null, hints: readonly string[], alias: string): CompiledSource {
    const table = this.#expressions.env.catalog.find(name)
    if (table === undefined) throw new SqlError(208, `Invalid object name '${name.join('.')}'.`)
    const columns = table.columns.map((column): ScopeColumn => ({
      name: column.name,
      type: column.type,
      collation: column.collation,
      label: 'implicit',
      sql: `${alias}.${quote(column.name)}`,
      column: true
    }))
    const outside = table.columns.find((column) => !table.indexes.some((index) => index.columns.includes(column.name)))
    const scope: ScopeSource = { name: as ?? table.name, schema: as === null ? table.schema : null, columns }
    return {
      scope,
      table,
      hints,
      alias,
      mention: outside === undefined ? '' : `(${alias}.${quote(outside.name)} IS NULL OR TRUE)`,
      sql: (conditions, within) => {
        const index = servingIndex(table, scope, conditions, within)
        // Without the hint MariaDB reads the whole of a small table, and waits for locked rows that the query does not need.
        return `${table.sql} AS ${alias}${index === undefined ? '' : ` FORCE INDEX (${quote(index)})`}`
      }
    }
  }

  #derived (query: Query, name: string, names: readonly string[], alias: string, outer: Scope | null): CompiledSource {
    const { sql, columns } = this.#query(query, outer ?? { sources: [], parent: null })
    if (names.length > 0 && names.length !== columns.length) throw columnCount(name, columns.length, names.length)
    return plain(name, alias, `(${sql})`, columns.map((column, i) => ({ ...column, name: names[i] ?? column.name })))
  }

  #values (source: Extract<Source, { kind: 'values' }>, alias: string, outer: Scope | null): CompiledSource {
    const scope = outer ?? { sources: [], parent: null }
    const rows = source.rows.map((row) => row.map((cell) => this.#expressions.expression(cell, scope)))
    const names = source.alias.columns
    const width = rows[0]?.length ?? 0
    if (names.length !== width) throw columnCount(source.alias.name, width, names.length)
    const columns = names.map((name, i) => ({ name, ...commonColumn(rows.map((row) => row[i])) }))
    const selects = rows.map((row) => `SELECT ${row.map((cell, i) => `${convert(cell, columns[i]?.type ?? INT).sql} AS c${i}`).join(', ')}`)
    return plain(source.alias.name, alias, `(${selects.join(' UNION ALL ')})`, columns)
  }
}

/** The common type of a column of VALUES. NULL has no type. */
function commonColumn (cells: readonly (Compiled | undefined)[]): Omit<OutputColumn, 'name'> {
  const known = cells.flatMap((cell) => cell === undefined || cell.value === null ? [] : [cell])
  const all = known.length > 0 ? known : cells.flatMap((cell) => cell === undefined ? [] : [cell])
  const t = all.map((cell) => cell.type).reduce((a, b) => common(a, b), all[0]?.type ?? INT)
  const insisting = known.find((cell) => cell.label !== 'default')
  return { type: t, collation: insisting?.collation ?? 'ci', label: insisting?.label ?? 'default' }
}

function plain (name: string, alias: string, sql: string, columns: readonly OutputColumn[]): CompiledSource {
  const scope: ScopeSource = {
    name,
    schema: null,
    columns: columns.map((column, i) => ({ ...column, sql: `${alias}.c${i}`, column: false }))
  }
  return { scope, table: null, hints: [], alias, mention: '', sql: () => `${sql} AS ${alias}` }
}

function columnCount (name: string, has: number, names: number): SqlError {
  return has > names
    ? new SqlError(8158, `'${name}' has more columns than were specified in the column list.`)
    : new SqlError(8159, `'${name}' has fewer columns than were specified in the column list.`)
}

/** An index whose first column a condition compares. The primary key comes first. */
function servingIndex (table: Table, source: ScopeSource, conditions: readonly Condition[], scope: Scope): string | undefined {
  const compared = new Set<string>()
  const note = (name: Name) => {
    try {
      const resolved = resolveColumn(name, scope)
      if (resolved.source === source) compared.add(resolved.column.name)
    } catch {
      // The translation reports an unknown name.
    }
  }
  const look = (condition: Condition): void => {
    switch (condition.kind) {
      case 'and': look(condition.left); look(condition.right); break
      case 'compare':
        if (condition.op === '<>') break
        if (condition.left.kind === 'column') note(condition.left.name)
        if (condition.right.kind === 'column') note(condition.right.name)
        break
      case 'in': case 'between':
        if (condition.operand.kind === 'column') note(condition.operand.name)
        break
      default:
    }
  }
  for (const condition of conditions) look(condition)
  const usable = table.indexes.filter((index) => index.columns[0] !== undefined && compared.has(index.columns[0]))
  return (usable.find((index) => index.primary) ?? usable[0])?.key
}
