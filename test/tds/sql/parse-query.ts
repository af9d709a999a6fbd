import type { Alias, Condition, Expression, Order, Output, Query, Select, Source } from './ast.js'
import type { Cursor } from './cursor.js'
import { ExpressionParser } from './parse-expression.js'
import { NOT_SUPPORTED } from '../babelfish.js'
import { SqlError } from '../sql-error.js'

/** Parses SELECT and its clauses. */
export class QueryParser {
  readonly cursor: Cursor
  readonly expressions: ExpressionParser

  constructor (cursor: Cursor) {
    this.cursor = cursor
    this.expressions = new ExpressionParser(cursor, () => this.query())
  }

  query (): Query {
    let left: Query = this.#operand()
    while (this.cursor.accept('UNION')) {
      const all = this.cursor.accept('ALL')
      left = { kind: 'union', all, left, right: this.#operand(), orderBy: [] }
    }
    if (!this.cursor.is('ORDER', 'BY')) return left
    const orderBy = this.#orderBy()
    if (left.kind === 'union') return { ...left, orderBy }
    return { ...left, orderBy, ...this.#page() }
  }

  #operand (): Query {
    if (!this.cursor.is('(')) return this.#select()
    this.cursor.expect('(')
    const query = this.query()
    this.cursor.expect(')')
    return query
  }

  #select (): Select {
    const cursor = this.cursor
    cursor.expect('SELECT')
    const distinct = cursor.accept('DISTINCT')
    if (!distinct) cursor.accept('ALL')
    const top = this.top()
    const columns = this.outputs()
    if (cursor.is('INTO')) throw cursor.error()
    const from = cursor.accept('FROM') ? this.sources() : []
    const where = this.where()
    const groupBy = cursor.accept('GROUP', 'BY') ? this.expressions.list() : []
    const having = cursor.accept('HAVING') ? this.expressions.condition() : null
    return { kind: 'select', distinct, top, columns, from, where, groupBy, having, orderBy: [], offset: null, fetch: null }
  }

  /** Parses TOP (n) and TOP n. PERCENT and WITH TIES are syntax errors here. */
  top (): Expression | null {
    if (!this.cursor.accept('TOP')) return null
    if (!this.cursor.accept('(')) {
      return { kind: 'literal', type: null, value: BigInt(this.cursor.integer()) }
    }
    const top = this.expressions.expression()
    this.cursor.expect(')')
    if (this.cursor.is('PERCENT') || this.cursor.is('WITH', 'TIES')) throw this.cursor.error()
    return top
  }

  outputs (): Output[] {
    const outputs = [this.#output()]
    while (this.cursor.accept(',')) outputs.push(this.#output())
    return outputs
  }

  #output (): Output {
    const cursor = this.cursor
    if (cursor.accept('*')) return { kind: 'star', table: null }
    if (cursor.token.kind === 'variable' && !cursor.token.text.startsWith('@@') && cursor.peek(1).word === '=') {
      const variable = cursor.variable()
      cursor.expect('=')
      return { kind: 'assign', variable, expression: this.expressions.expression() }
    }
    if (cursor.atName && cursor.peek(1).word === '=') {
      const name = cursor.name()
      cursor.expect('=')
      return { kind: 'expression', expression: this.expressions.expression(), name }
    }
    if (cursor.atName && cursor.peek(1).word === '.' && cursor.peek(2).word === '*') {
      const table = [cursor.name()]
      cursor.expect('.', '*')
      return { kind: 'star', table }
    }
    const expression = this.expressions.expression()
    const own = expression.kind === 'column' ? expression.name.at(-1) ?? '' : ''
    if (cursor.accept('AS')) {
      if (cursor.token.kind === 'string') return { kind: 'expression', expression, name: cursor.next().text }
      return { kind: 'expression', expression, name: cursor.name() }
    }
    if (cursor.atName) return { kind: 'expression', expression, name: cursor.name() }
    return { kind: 'expression', expression, name: own }
  }

  where (): Condition | null {
    return this.cursor.accept('WHERE') ? this.expressions.condition() : null
  }

  sources (): Source[] {
    const sources = [this.#joined()]
    while (this.cursor.accept(',')) sources.push(this.#joined())
    return sources
  }

  #joined (): Source {
    const cursor = this.cursor
    let left = this.#source()
    for (;;) {
      if (cursor.accept('CROSS', 'JOIN')) {
        left = { kind: 'join', how: 'CROSS', left, right: this.#source(), on: null }
        continue
      }
      const inner = cursor.accept('JOIN') || cursor.accept('INNER', 'JOIN')
      if (!inner && !cursor.accept('LEFT', 'JOIN') && !cursor.accept('LEFT', 'OUTER', 'JOIN')) return left
      const right = this.#source()
      cursor.expect('ON')
      left = { kind: 'join', how: inner ? 'INNER' : 'LEFT', left, right, on: this.expressions.condition() }
    }
  }

  #source (): Source {
    const cursor = this.cursor
    if (!cursor.is('(')) {
      const name = cursor.path()
      // Hints may stand before the alias, in the old style, or after it.
      const alias = cursor.accept('AS') ? cursor.name() : cursor.atName ? cursor.name() : null
      return { kind: 'table', name, alias, hints: this.hints() }
    }
    cursor.expect('(')
    if (cursor.accept('VALUES')) {
      const rows = [this.#row()]
      while (cursor.accept(',')) rows.push(this.#row())
      cursor.expect(')')
      if (rows.length > 0 && rows.some((row) => row.length !== rows[0]?.length)) throw cursor.error()
      return { kind: 'values', rows, alias: this.#alias() }
    }
    if (cursor.is('SELECT')) {
      const query = this.query()
      cursor.expect(')')
      return { kind: 'derived', query, alias: this.#alias() }
    }
    const source = this.#joined()
    cursor.expect(')')
    return source
  }

  #row (): Expression[] {
    this.cursor.expect('(')
    const row = this.expressions.list()
    this.cursor.expect(')')
    return row
  }

  #alias (): Alias {
    this.cursor.accept('AS')
    const name = this.cursor.name()
    return { name, columns: this.cursor.is('(') ? this.cursor.names() : [] }
  }

  /** Parses WITH (UPDLOCK, ROWLOCK, INDEX(...)). The hints become upper case. The index that INDEX names is ignored. */
  hints (): string[] {
    const cursor = this.cursor
    if (!cursor.accept('WITH', '(')) return []
    if (cursor.isBabelfish) throw new SqlError(NOT_SUPPORTED, '\'TABLE HINT\' is not currently supported in Babelfish')
    const hints: string[] = []
    do {
      hints.push(cursor.next().word)
      if (cursor.is('(')) cursor.names()
    } while (cursor.accept(',') || (!cursor.is(')') && !cursor.done))
    cursor.expect(')')
    if (hints.some((hint) => !HINTS.has(hint))) throw cursor.error()
    return hints
  }

  #orderBy (): Order[] {
    this.cursor.expect('ORDER', 'BY')
    const orders: Order[] = []
    do {
      const expression = this.expressions.expression()
      const descending = this.cursor.accept('DESC')
      if (!descending) this.cursor.accept('ASC')
      orders.push({ expression, descending })
    } while (this.cursor.accept(','))
    return orders
  }

  #page (): { offset: Expression | null, fetch: Expression | null } {
    const cursor = this.cursor
    if (!cursor.accept('OFFSET')) return { offset: null, fetch: null }
    const offset = this.expressions.expression()
    if (!cursor.accept('ROWS')) cursor.expect('ROW')
    if (!cursor.accept('FETCH')) return { offset, fetch: null }
    if (!cursor.accept('NEXT')) cursor.expect('FIRST')
    const fetch = this.expressions.expression()
    if (!cursor.accept('ROWS')) cursor.expect('ROW')
    cursor.expect('ONLY')
    return { offset, fetch }
  }
}

const HINTS: ReadonlySet<string> = new Set([
  'UPDLOCK', 'XLOCK', 'HOLDLOCK', 'SERIALIZABLE', 'ROWLOCK', 'PAGLOCK', 'TABLOCK', 'TABLOCKX', 'READPAST', 'NOLOCK',
  'READUNCOMMITTED', 'READCOMMITTED', 'READCOMMITTEDLOCK', 'REPEATABLEREAD', 'SNAPSHOT', 'NOWAIT', 'FORCESEEK', 'FORCESCAN', 'INDEX'
])
