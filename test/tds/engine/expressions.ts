import { SqlError } from '../sql-error.js'
import type { Condition, Expression, Name, Query } from '../sql/ast.js'
import { INT, MAX, common, family, isInteger, isUnicode, type } from '../types.js'
import type { SqlType } from '../types.js'
import { collationOf } from './catalog.js'
import { collate, computed, constant, resolveCollation } from './compiled.js'
import type { Compiled, Environment, OutputColumn, Scope, ScopeColumn, ScopeSource } from './compiled.js'
import { comparable, convert, inRange, overflow, padded } from './convert.js'
import { callDateFunction } from './date-functions.js'
import { callFunction } from './functions.js'

export type QueryCompiler = (query: Query, scope: Scope) => { readonly sql: string, readonly columns: readonly OutputColumn[] }

/** Translates expressions and conditions, with their types. */
export class Expressions {
  readonly env: Environment
  readonly #query: QueryCompiler

  constructor (env: Environment, query: QueryCompiler) {
    this.env = env
    this.#query = query
  }

  expression (node: Expression, scope: Scope): Compiled {
    switch (node.kind) {
      case 'literal': return constant(node.type ?? INT, node.value)
      case 'variable': {
        if (node.name === '@@version') return callFunction('@@VERSION', [], this.env)
        const { type: t, value } = this.env.variable(node.name)
        return constant(t, value)
      }
      case 'column': return this.#column(node.name, scope)
      case 'negate': {
        const operand = this.expression(node.operand, scope)
        if (typeof operand.value === 'bigint') return constant(operand.type, -operand.value)
        if (typeof operand.value === 'string' && operand.type.name === 'decimal') return constant(operand.type, `-${operand.value}`)
        return computed(`-(${operand.sql})`, operand.type)
      }
      case 'arithmetic': return arithmetic(node.op, this.expression(node.left, scope), this.expression(node.right, scope))
      case 'call': return this.#call(node.name, node.args, node.distinct, scope)
      case 'date': return callDateFunction(node.name, node.part, node.args.map((arg) => this.expression(arg, scope)))
      case 'cast': {
        const style = node.style === null ? 0 : Number(this.expression(node.style, scope).value ?? 0)
        return convert(this.expression(node.operand, scope), node.type, true, style)
      }
      case 'case': return this.#case(node, scope)
      case 'collate': {
        const operand = this.expression(node.operand, scope)
        return { ...operand, collation: collationOf(node.collation), label: 'explicit' }
      }
      case 'scalar': {
        const { sql, columns } = this.#query(node.query, scope)
        const [column] = columns
        if (column === undefined || columns.length > 1) {
          throw new SqlError(116, 'Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.')
        }
        return { ...column, sql: `(${sql})`, column: false, value: undefined }
      }
    }
  }

  #column (name: Name, scope: Scope): Compiled {
    const { column } = resolveColumn(name, scope)
    return { ...column, value: undefined }
  }

  #call (name: string, args: readonly Expression[], distinct: boolean, scope: Scope): Compiled {
    const compiled = args.map((arg) => this.expression(arg, scope))
    const [first] = compiled
    if (distinct && first !== undefined) return callFunction(name, [{ ...first, sql: `DISTINCT ${first.sql}` }], this.env)
    return callFunction(name, compiled, this.env)
  }

  #case (node: Extract<Expression, { kind: 'case' }>, scope: Scope): Compiled {
    const thens = node.whens.map(({ then }) => this.expression(then, scope))
    const otherwise = node.otherwise === null ? null : this.expression(node.otherwise, scope)
    const all = otherwise === null ? thens : [...thens, otherwise]
    const known = all.filter((c) => c.value !== null)
    const t = known.map((c) => c.type).reduce((a, b) => common(a, b), known[0]?.type ?? INT)
    const branches = node.whens.map(({ when }, i) => {
      const then = thens[i]
      return `WHEN ${this.condition(when, scope)} THEN ${then === undefined ? 'NULL' : convert(then, t).sql}`
    })
    const last = otherwise === null ? '' : ` ELSE ${convert(otherwise, t).sql}`
    return computed(`(CASE ${branches.join(' ')}${last} END)`, t, known.find((c) => c.label !== 'default'))
  }

  condition (node: Condition, scope: Scope): string {
    switch (node.kind) {
      case 'and': return `(${this.condition(node.left, scope)} AND ${this.condition(node.right, scope)})`
      case 'or': return `(${this.condition(node.left, scope)} OR ${this.condition(node.right, scope)})`
      case 'not': return `(NOT ${this.condition(node.operand, scope)})`
      case 'compare': {
        const [left, right] = comparable(this.expression(node.left, scope), this.expression(node.right, scope))
        return `(${left} ${node.op} ${right})`
      }
      case 'between': {
        const operand = this.expression(node.operand, scope)
        const [a, low] = comparable(operand, this.expression(node.low, scope))
        const [b, high] = comparable(operand, this.expression(node.high, scope))
        return `(${a} >= ${low} AND ${b} <= ${high})`
      }
      case 'in': return this.#in(node, scope)
      case 'inQuery': {
        const { sql, columns } = this.#query(node.query, scope)
        const [column] = columns
        if (column === undefined) throw new Error('a query has a column')
        const [left] = comparable(this.expression(node.operand, scope), { ...column, sql: '', column: false, value: undefined })
        return `(${left} IN (${sql}))`
      }
      case 'like': return this.#like(node, scope)
      case 'isNull': return `(${this.expression(node.operand, scope).sql} IS NULL)`
      case 'exists': return `EXISTS (${this.#query(node.query, scope).sql})`
    }
  }

  /** Makes one IN of all elements that are compared in the same way, so that an index serves it. */
  #in (node: Extract<Condition, { kind: 'in' }>, scope: Scope): string {
    const operand = this.expression(node.operand, scope)
    const pairs = node.list.map((element) => comparable(operand, this.expression(element, scope)))
    const left = pairs[0]?.[0] ?? ''
    if (pairs.every(([other]) => other === left)) return `(${left} IN (${pairs.map(([, right]) => right).join(', ')}))`
    return `(${pairs.map(([a, b]) => `${a} = ${b}`).join(' OR ')})`
  }

  #like (node: Extract<Condition, { kind: 'like' }>, scope: Scope): string {
    const pattern = this.expression(node.pattern, scope)
    if (typeof pattern.value === 'string' && pattern.value.includes('[')) {
      throw new SqlError(102, "Incorrect syntax near '['.", 15)
    }
    const [left, right] = comparable(this.expression(node.operand, scope), pattern)
    // T-SQL's LIKE has no default escape character. MariaDB's is the backslash.
    const escape = node.escape === null ? "X'01'" : this.expression(node.escape, scope).sql
    return `(${left} LIKE ${right} ESCAPE ${escape})`
  }

  /** The expression by which ORDER BY sorts. */
  order (c: Compiled): string {
    return family(c.type) === 'text' && !c.column ? collate(c.sql, c.type, c.collation) : c.sql
  }
}

/** Finds the column of a name, in the innermost scope first. */
export function resolveColumn (name: Name, scope: Scope): { column: ScopeColumn, source: ScopeSource } {
  const [column = '', table, schema] = [...name].reverse()
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
  for (let current: Scope | null = scope; current !== null; current = current.parent) {
    const found: { column: ScopeColumn, source: ScopeSource }[] = []
    for (const source of current.sources) {
      if (table !== undefined && !same(source.name, table)) continue
      if (schema !== undefined && schema !== '' && (source.schema === null || !same(source.schema, schema))) continue
      for (const candidate of source.columns) if (same(candidate.name, column)) found.push({ column: candidate, source })
    }
    if (found.length > 1) throw new SqlError(209, `Ambiguous column name '${column}'.`)
    if (found[0] !== undefined) return found[0]
  }
  if (table === undefined) throw new SqlError(207, `Invalid column name '${column}'.`)
  throw new SqlError(4104, `The multi-part identifier "${name.join('.')}" could not be bound.`)
}

const ARITHMETIC: Readonly<Record<string, string>> = { '+': '+', '-': '-', '*': '*', '%': '%', '&': '&', '|': '|', '^': '^', '/': '/' }

function arithmetic (op: string, left: Compiled, right: Compiled): Compiled {
  const t = left.value === null ? right.type : right.value === null ? left.type : common(left.type, right.type)
  switch (family(t)) {
    case 'text': return concatenate(op, left, right, t)
    case 'binary':
      if (op !== '+') throw noOperator(op, t)
      return computed(`CONCAT(${left.sql}, ${right.sql})`, type('varbinary', sum(left.type, right.type)))
    case 'time': throw noOperator(op, t)
    default: return calculate(op, left, right, t)
  }
}

function sum (a: SqlType, b: SqlType): number {
  return a.length === MAX || b.length === MAX ? MAX : Math.min(a.length + b.length, 8000)
}

function concatenate (op: string, left: Compiled, right: Compiled, t: SqlType): Compiled {
  if (op !== '+') throw noOperator(op, t)
  const result = type(isUnicode(t) ? 'nvarchar' : 'varchar', sum(left.type, right.type))
  const side = (c: Compiled) => padded(family(c.type) === 'text' && isUnicode(c.type) === isUnicode(t) ? c : convert(c, { ...result, length: MAX }))
  return { ...computed(`CONCAT(${side(left)}, ${side(right)})`, result), ...resolveCollation(left, right, 'add'), sql: `CONCAT(${side(left)}, ${side(right)})`, type: result, column: false, value: undefined }
}

function calculate (op: string, left: Compiled, right: Compiled, t: SqlType): Compiled {
  const [a, b] = [convert(left, t), convert(right, t)]
  if (!isInteger(t)) return computed(`(${a.sql} ${ARITHMETIC[op]} ${b.sql})`, t)
  const result = t.name === 'bit' ? INT : t
  if (typeof a.value === 'bigint' && typeof b.value === 'bigint') {
    const value = fold(op, a.value, b.value)
    if (value !== undefined) {
      const [low, high] = result.name === 'bigint' ? [-(2n ** 63n), 2n ** 63n - 1n] : [-2147483648n, 2147483647n]
      if (value < low || value > high) throw overflow(result)
      return constant(result, value)
    }
  }
  // T-SQL divides integers without a remainder. MariaDB's bit operators are unsigned.
  const sql = op === '/' ? `(${a.sql} DIV ${b.sql})` : `(${a.sql} ${ARITHMETIC[op]} ${b.sql})`
  if (op === '&' || op === '|' || op === '^') return computed(`CAST(${sql} AS SIGNED)`, result)
  // The check doubles the expression, so only small ones are checked.
  return computed(result.name === 'int' && op !== '/' && op !== '%' && sql.length < 300 ? inRange(sql, result) : sql, result)
}

function fold (op: string, a: bigint, b: bigint): bigint | undefined {
  switch (op) {
    case '+': return a + b
    case '-': return a - b
    case '*': return a * b
    case '/': if (b === 0n) throw new SqlError(8134, 'Divide by zero error encountered.'); return a / b
    case '%': if (b === 0n) throw new SqlError(8134, 'Divide by zero error encountered.'); return a % b
    case '&': return a & b
    case '|': return a | b
    case '^': return a ^ b
    default: return undefined
  }
}

function noOperator (op: string, t: SqlType): SqlError {
  const verb: Readonly<Record<string, string>> = { '+': 'add', '-': 'subtract', '*': 'multiply', '/': 'divide', '%': 'modulo' }
  return new SqlError(8117, `Operand data type ${t.name} is invalid for ${verb[op] ?? op} operator.`)
}
