import { INT, type } from '../types.js'
import type { Condition, Expression, Query } from './ast.js'
import type { Cursor } from './cursor.js'
import { parseType } from './parse-type.js'

// Expressions and conditions share one recursive descent: after "(a" the parser does not know yet which of them it reads.
// The caller reports a syntax error if it gets the other kind.
type Node = Expression | Condition

export type QueryParser = (cursor: Cursor) => Query

const CONDITIONS: ReadonlySet<string> = new Set(['and', 'or', 'not', 'compare', 'in', 'inQuery', 'between', 'like', 'isNull', 'exists'])
const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '!=', '<', '>', '<=', '>=', '!<', '!>'])
const DATE_FUNCTIONS: ReadonlySet<string> = new Set(['DATEADD', 'DATEDIFF', 'DATEDIFF_BIG', 'DATEPART', 'DATENAME'])
const RESERVED_FUNCTIONS: ReadonlySet<string> = new Set(['COALESCE', 'NULLIF', 'LEFT', 'RIGHT', 'CURRENT_TIMESTAMP', 'CURRENT_USER', 'SYSTEM_USER'])
/** How deep parentheses may nest before the parser gives up. */
const DEPTH = 200

export class ExpressionParser {
  readonly #cursor: Cursor
  readonly #query: QueryParser
  #depth = 0

  constructor (cursor: Cursor, query: QueryParser) {
    this.#cursor = cursor
    this.#query = query
  }

  expression (): Expression {
    const start = this.#cursor.token
    const node = this.#additive()
    if (isCondition(node)) throw this.#cursor.error(start)
    return node
  }

  condition (): Condition {
    const node = this.#or()
    if (!isCondition(node)) throw this.#cursor.error()
    return node
  }

  list (): Expression[] {
    const list = [this.expression()]
    while (this.#cursor.accept(',')) list.push(this.expression())
    return list
  }

  #or (): Node {
    let left = this.#and()
    while (isCondition(left) && this.#cursor.accept('OR')) left = { kind: 'or', left, right: this.#asCondition(this.#and()) }
    return left
  }

  #and (): Node {
    let left = this.#not()
    while (isCondition(left) && this.#cursor.accept('AND')) left = { kind: 'and', left, right: this.#asCondition(this.#not()) }
    return left
  }

  #not (): Node {
    if (this.#cursor.accept('NOT')) return { kind: 'not', operand: this.#asCondition(this.#not()) }
    return this.#predicate()
  }

  #asCondition (node: Node): Condition {
    if (!isCondition(node)) throw this.#cursor.error()
    return node
  }

  #predicate (): Node {
    const cursor = this.#cursor
    if (cursor.accept('EXISTS')) return { kind: 'exists', query: this.#subquery() }
    const left = this.#additive()
    if (isCondition(left)) return left
    if (COMPARISONS.has(cursor.token.word)) {
      const op = cursor.next().word
      const written = op === '!=' ? '<>' : op === '!<' ? '>=' : op === '!>' ? '<=' : op
      return { kind: 'compare', op: written, left, right: this.expression() }
    }
    if (cursor.accept('IS')) {
      const not = cursor.accept('NOT')
      cursor.expect('NULL')
      return negated(not, { kind: 'isNull', operand: left })
    }
    const not = cursor.accept('NOT')
    if (cursor.accept('IN')) return negated(not, this.#in(left))
    if (cursor.accept('BETWEEN')) {
      const low = this.expression()
      cursor.expect('AND')
      return negated(not, { kind: 'between', operand: left, low, high: this.expression() })
    }
    if (cursor.accept('LIKE')) {
      const pattern = this.expression()
      const escape = cursor.accept('ESCAPE') ? this.expression() : null
      return negated(not, { kind: 'like', operand: left, pattern, escape })
    }
    if (not) throw cursor.error()
    return left
  }

  #in (operand: Expression): Condition {
    const cursor = this.#cursor
    if (cursor.peek(1).word === 'SELECT') return { kind: 'inQuery', operand, query: this.#subquery() }
    cursor.expect('(')
    const list = this.list()
    cursor.expect(')')
    return { kind: 'in', operand, list }
  }

  #subquery (): Query {
    this.#cursor.expect('(')
    const query = this.#query(this.#cursor)
    this.#cursor.expect(')')
    return query
  }

  #additive (): Node {
    return this.#operators(['+', '-', '&', '|', '^'], () => this.#multiplicative())
  }

  #multiplicative (): Node {
    return this.#operators(['*', '/', '%'], () => this.#unary())
  }

  #operators (ops: readonly string[], operand: () => Node): Node {
    let left = operand()
    while (!isCondition(left) && ops.includes(this.#cursor.token.word)) {
      const op = this.#cursor.next().word
      const right = operand()
      if (isCondition(right)) throw this.#cursor.error()
      left = { kind: 'arithmetic', op, left, right }
    }
    return left
  }

  #unary (): Node {
    if (this.#cursor.is('-') || this.#cursor.is('+')) {
      const minus = this.#cursor.next().word === '-'
      const operand = this.#unary()
      if (isCondition(operand)) throw this.#cursor.error()
      return minus ? { kind: 'negate', operand } : operand
    }
    let node = this.#primary()
    while (!isCondition(node) && this.#cursor.accept('COLLATE')) {
      node = { kind: 'collate', operand: node, collation: this.#cursor.name() }
    }
    return node
  }

  #primary (): Node {
    const cursor = this.#cursor
    const token = cursor.token
    switch (token.kind) {
      case 'string': return literal(type('varchar', Math.max(token.text.length, 1)), cursor.next().text)
      case 'nstring': return literal(type('nvarchar', Math.max(token.text.length, 1)), cursor.next().text)
      case 'binary': {
        const hex = cursor.next().text
        const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
        return literal(type('varbinary', Math.max(bytes.length, 1)), bytes)
      }
      case 'number': return number(cursor.next().text)
      case 'variable': return { kind: 'variable', name: cursor.next().text }
      case 'quoted': return { kind: 'column', name: cursor.path() }
      case 'word': return this.#word()
      default: return this.#parenthesis()
    }
  }

  #parenthesis (): Node {
    const cursor = this.#cursor
    if (!cursor.is('(')) throw cursor.error()
    if (cursor.peek(1).word === 'SELECT') return { kind: 'scalar', query: this.#subquery() }
    if (++this.#depth > DEPTH) throw cursor.error()
    cursor.expect('(')
    const node = this.#or()
    cursor.expect(')')
    this.#depth--
    return node
  }

  #word (): Expression {
    const cursor = this.#cursor
    const word = cursor.token.word
    if (cursor.accept('NULL')) return { kind: 'literal', type: null, value: null }
    if (cursor.accept('CASE')) return this.#case()
    if (cursor.accept('CURRENT_TIMESTAMP')) return call('CURRENT_TIMESTAMP', [])
    if (cursor.peek(1).word === '(') {
      if (cursor.accept('CAST', '(') || cursor.accept('TRY_CAST', '(')) return this.#cast()
      if (cursor.accept('CONVERT', '(')) return this.#convert()
      if (cursor.accept('IIF', '(')) return this.#iif()
      if (DATE_FUNCTIONS.has(word)) return this.#dateFunction()
      if (cursor.atName || RESERVED_FUNCTIONS.has(word)) return this.#call()
    }
    return { kind: 'column', name: cursor.path() }
  }

  #cast (): Expression {
    const operand = this.expression()
    this.#cursor.expect('AS')
    const t = parseType(this.#cursor, 30)
    this.#cursor.expect(')')
    return { kind: 'cast', operand, type: t, style: null }
  }

  #convert (): Expression {
    const t = parseType(this.#cursor, 30)
    this.#cursor.expect(',')
    const operand = this.expression()
    const style = this.#cursor.accept(',') ? this.expression() : null
    this.#cursor.expect(')')
    return { kind: 'cast', operand, type: t, style }
  }

  #iif (): Expression {
    const when = this.condition()
    this.#cursor.expect(',')
    const then = this.expression()
    this.#cursor.expect(',')
    const otherwise = this.expression()
    this.#cursor.expect(')')
    return { kind: 'case', whens: [{ when, then }], otherwise }
  }

  #dateFunction (): Expression {
    const cursor = this.#cursor
    const name = cursor.next().word
    cursor.expect('(')
    const part = cursor.name().toLowerCase()
    cursor.expect(',')
    const args = this.list()
    cursor.expect(')')
    return { kind: 'date', name, part, args }
  }

  #call (): Expression {
    const cursor = this.#cursor
    const name = cursor.next().word
    cursor.expect('(')
    if (cursor.accept('*', ')')) return { kind: 'call', name, args: [], star: true, distinct: false }
    const distinct = cursor.accept('DISTINCT')
    const args = cursor.is(')') ? [] : this.list()
    cursor.expect(')')
    return { kind: 'call', name, args, star: false, distinct }
  }

  #case (): Expression {
    const cursor = this.#cursor
    const subject = cursor.is('WHEN') ? null : this.expression()
    const whens: { when: Condition, then: Expression }[] = []
    while (cursor.accept('WHEN')) {
      const when: Condition = subject === null
        ? this.condition()
        : { kind: 'compare', op: '=', left: subject, right: this.expression() }
      cursor.expect('THEN')
      whens.push({ when, then: this.expression() })
    }
    if (whens.length === 0) throw cursor.error()
    const otherwise = cursor.accept('ELSE') ? this.expression() : null
    cursor.expect('END')
    return { kind: 'case', whens, otherwise }
  }
}

function isCondition (node: Node): node is Condition {
  return CONDITIONS.has(node.kind)
}

function negated (not: boolean, operand: Condition): Condition {
  return not ? { kind: 'not', operand } : operand
}

function literal (t: ReturnType<typeof type>, value: string | Buffer): Expression {
  return { kind: 'literal', type: t, value }
}

function call (name: string, args: readonly Expression[]): Expression {
  return { kind: 'call', name, args, star: false, distinct: false }
}

function number (text: string): Expression {
  if (/e/i.test(text)) return { kind: 'literal', type: type('float'), value: Number(text) }
  const [whole = '', fraction = ''] = text.split('.')
  if (!text.includes('.') && Number(whole) <= 0x7fffffff) return { kind: 'literal', type: INT, value: BigInt(whole) }
  const value = fraction === '' ? whole : `${whole === '' ? '0' : whole}.${fraction}`
  return { kind: 'literal', type: type('decimal', 0, fraction.length, Math.max(value.replace('.', '').length, 1)), value }
}
