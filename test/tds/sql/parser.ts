import { SqlError } from '../sql-error.js'
import { type, type SqlType } from '../types.js'
import type { Assignment, CommonTable, Condition, ExecArgument, Expression, Insert, Output, Source, Statement } from './ast.js'
import { Cursor } from './cursor.js'
import { QueryParser } from './parse-query.js'
import { SchemaParser } from './parse-schema.js'
import { parseType } from './parse-type.js'

/** Parses a batch. Throws error 102 or 156 for text that is not T-SQL, and for T-SQL that the front does not know. */
export function parse (sql: string, isBabelfish = false): Statement[] {
  const parser = new StatementParser(new Cursor(sql, isBabelfish))
  return parser.batch()
}

/** The parameter list of sp_executesql: `@t0 char(43), @n int OUTPUT`. */
export function parseDeclarations (text: string): { name: string, type: SqlType, output: boolean }[] {
  const cursor = new Cursor(text)
  const list: { name: string, type: SqlType, output: boolean }[] = []
  if (cursor.done) return list
  do {
    const name = cursor.variable()
    cursor.accept('AS')
    const t = parseType(cursor, 1)
    const output = cursor.accept('OUTPUT') || cursor.accept('OUT')
    list.push({ name, type: t, output })
  } while (cursor.accept(','))
  if (!cursor.done) throw cursor.error()
  return list
}

class StatementParser {
  readonly #cursor: Cursor
  readonly #queries: QueryParser
  readonly #schema: SchemaParser
  #depth = 0

  constructor (cursor: Cursor) {
    this.#cursor = cursor
    this.#queries = new QueryParser(cursor)
    this.#schema = new SchemaParser(this.#queries)
  }

  batch (): Statement[] {
    const statements: Statement[] = []
    this.#semicolons()
    while (!this.#cursor.done) {
      statements.push(this.#statement())
      this.#semicolons()
    }
    return statements
  }

  #semicolons (): void {
    while (this.#cursor.accept(';'));
  }

  #expression (): Expression {
    return this.#queries.expressions.expression()
  }

  #statement (): Statement {
    if (++this.#depth > 100) throw new SqlError(191, 'Some part of your SQL statement is nested too deeply.', 15)
    try {
      return this.#one()
    } finally {
      this.#depth--
    }
  }

  #one (): Statement {
    const cursor = this.#cursor
    switch (cursor.token.word) {
      case 'SELECT': case '(': return this.#select([])
      case 'WITH': return this.#with()
      case 'INSERT': return this.#insert()
      case 'UPDATE': return this.#update([])
      case 'DELETE': return this.#delete([])
      case 'MERGE': return this.#merge()
      case 'CREATE': return this.#schema.create()
      case 'DROP': return this.#schema.drop()
      case 'TRUNCATE': return this.#schema.truncate()
      case 'ALTER': return this.#schema.alter()
      case 'USE': cursor.next(); return { kind: 'use', database: cursor.name() }
      case 'DECLARE': return this.#declare()
      case 'SET': return this.#set()
      case 'IF': return this.#if()
      case 'WHILE': return this.#while()
      case 'BEGIN': return this.#begin()
      case 'COMMIT': case 'ROLLBACK': case 'SAVE': return this.#transaction()
      case 'EXEC': case 'EXECUTE': return this.#exec()
      case 'WAITFOR': {
        cursor.expect('WAITFOR', 'DELAY')
        return { kind: 'waitFor', delay: this.#expression() }
      }
      case 'RETURN': {
        cursor.next()
        const bare = cursor.done || cursor.is(';') || cursor.is('END') || cursor.is('ELSE')
        return { kind: 'return', value: bare ? null : this.#expression() }
      }
      case 'BREAK': case 'CONTINUE': return { kind: cursor.next().word === 'BREAK' ? 'break' : 'continue' }
      case 'PRINT': cursor.next(); return { kind: 'print', value: this.#expression() }
      case 'RAISERROR': return this.#raiseError()
      case 'THROW': return this.#throw()
      default: throw cursor.error()
    }
  }

  #select (ctes: readonly CommonTable[]): Statement {
    const query = this.#queries.query()
    this.#option()
    return { kind: 'query', query, with: ctes }
  }

  /** Skips OPTION (RECOMPILE, MAXDOP 1): the front has no optimizer that it could advise. */
  #option (): void {
    if (!this.#cursor.accept('OPTION', '(')) return
    let depth = 1
    while (depth > 0) {
      if (this.#cursor.done) throw this.#cursor.error()
      const word = this.#cursor.next().word
      if (word === '(') depth++
      if (word === ')') depth--
    }
  }

  #with (): Statement {
    const cursor = this.#cursor
    cursor.expect('WITH')
    const ctes: CommonTable[] = []
    do {
      const name = cursor.name()
      const columns = cursor.is('(') ? cursor.names() : []
      cursor.expect('AS', '(')
      const query = this.#queries.query()
      cursor.expect(')')
      ctes.push({ alias: { name, columns }, query })
    } while (cursor.accept(','))
    if (cursor.is('SELECT')) return this.#select(ctes)
    if (cursor.is('UPDATE')) return this.#update(ctes)
    if (cursor.is('DELETE')) return this.#delete(ctes)
    throw cursor.error()
  }

  #insert (): Insert {
    const cursor = this.#cursor
    cursor.expect('INSERT')
    cursor.accept('INTO')
    const table = cursor.path()
    this.#queries.hints()
    const columns = cursor.is('(') && cursor.peek(1).word !== 'SELECT' ? cursor.names() : null
    const output = this.#output()
    if (cursor.accept('DEFAULT', 'VALUES')) return { kind: 'insert', table, columns: [], output, rows: [[]], query: null }
    if (!cursor.accept('VALUES')) {
      const query = this.#queries.query()
      this.#option()
      return { kind: 'insert', table, columns, output, rows: null, query }
    }
    const rows: (Expression | null)[][] = []
    do {
      cursor.expect('(')
      const row: (Expression | null)[] = []
      do row.push(cursor.accept('DEFAULT') ? null : this.#expression())
      while (cursor.accept(','))
      cursor.expect(')')
      rows.push(row)
    } while (cursor.accept(','))
    if (rows.length > 1000) {
      throw new SqlError(10738, 'The number of row value expressions in the INSERT statement exceeds the maximum allowed number of 1000 row values.', 15)
    }
    this.#option()
    return { kind: 'insert', table, columns, output, rows, query: null }
  }

  #output (): Output[] | null {
    if (!this.#cursor.accept('OUTPUT')) return null
    const output = this.#queries.outputs()
    if (this.#cursor.is('INTO')) throw this.#cursor.error()
    return output
  }

  #update (ctes: readonly CommonTable[]): Statement {
    const cursor = this.#cursor
    cursor.expect('UPDATE')
    const top = this.#queries.top()
    const target = cursor.path()
    const hints = this.#queries.hints()
    cursor.expect('SET')
    const set: Assignment[] = []
    do set.push(this.#assignment())
    while (cursor.accept(','))
    const output = this.#output()
    const from: Source[] = cursor.accept('FROM') ? this.#queries.sources() : []
    const where = this.#queries.where()
    this.#option()
    return { kind: 'update', top, target, hints, set, output, from, where, with: ctes }
  }

  #assignment (): Assignment {
    const cursor = this.#cursor
    const name = cursor.path()
    const column = name.at(-1) ?? ''
    if (cursor.is('+=') || cursor.is('-=')) {
      const op = cursor.next().word.charAt(0)
      return { column, expression: { kind: 'arithmetic', op, left: { kind: 'column', name }, right: this.#expression() } }
    }
    cursor.expect('=')
    return { column, expression: cursor.accept('DEFAULT') ? null : this.#expression() }
  }

  #delete (ctes: readonly CommonTable[]): Statement {
    const cursor = this.#cursor
    cursor.expect('DELETE')
    const top = this.#queries.top()
    cursor.accept('FROM')
    const target = cursor.path()
    const hints = this.#queries.hints()
    const output = this.#output()
    const from: Source[] = cursor.accept('FROM') ? this.#queries.sources() : []
    const where = this.#queries.where()
    this.#option()
    return { kind: 'delete', top, target, hints, output, from, where, with: ctes }
  }

  /** MERGE in one form: that of SCS's mssqlstore, which updates the row of a key, or inserts it. Here these are two statements in a transaction. */
  #merge (): Statement {
    const start = this.#cursor.token
    const upsert = this.#cursor.isBabelfish ? undefined : this.#upsert()
    if (upsert === undefined) throw this.#cursor.error(start)
    const { target, hints, column, key, set, columns, row } = upsert
    const where: Condition = { kind: 'compare', op: '=', left: { kind: 'column', name: [column] }, right: key }
    const noRow: Condition = { kind: 'compare', op: '=', left: { kind: 'variable', name: '@@rowcount' }, right: { kind: 'literal', type: type('int'), value: 0n } }
    const insert: Statement = { kind: 'insert', table: target, columns, output: null, rows: [row], query: null }
    return {
      kind: 'block',
      statements: [
        { kind: 'begin', name: null },
        { kind: 'update', top: null, target, hints, set, output: null, from: [], where, with: [] },
        { kind: 'if', condition: noRow, then: insert, otherwise: null },
        { kind: 'commit', name: null }
      ]
    }
  }

  /** MERGE INTO table AS t USING (VALUES (key)) AS s (column) ON (t.column = s.column), with both WHEN. Undefined for any other form. */
  #upsert () {
    const cursor = this.#cursor
    cursor.expect('MERGE')
    cursor.accept('INTO')
    if (!cursor.atName) return undefined
    const target = cursor.path()
    const hints = this.#queries.hints()
    if (!cursor.accept('AS') || !cursor.atName) return undefined
    cursor.name()
    if (!cursor.accept('USING', '(', 'VALUES', '(')) return undefined
    const key = this.#expression()
    cursor.expect(')', ')', 'AS')
    cursor.name()
    cursor.names()
    cursor.expect('ON', '(')
    const column = cursor.path().at(-1) ?? ''
    cursor.expect('=')
    cursor.path()
    cursor.expect(')', 'WHEN', 'MATCHED', 'THEN', 'UPDATE', 'SET')
    const set: Assignment[] = []
    do set.push(this.#assignment())
    while (cursor.accept(','))
    cursor.expect('WHEN', 'NOT', 'MATCHED', 'THEN', 'INSERT')
    const columns = cursor.names()
    cursor.expect('VALUES', '(')
    const row: Expression[] = []
    do row.push(this.#expression())
    while (cursor.accept(','))
    cursor.expect(')')
    return cursor.is(';') ? { target, hints, column, key, set, columns, row } : undefined
  }

  #declare (): Statement {
    const cursor = this.#cursor
    cursor.expect('DECLARE')
    const variables: { name: string, type: SqlType, value: Expression | null }[] = []
    do {
      const name = cursor.variable()
      cursor.accept('AS')
      const t = parseType(cursor, 1)
      variables.push({ name, type: t, value: cursor.accept('=') ? this.#expression() : null })
    } while (cursor.accept(','))
    return { kind: 'declare', variables }
  }

  #set (): Statement {
    const cursor = this.#cursor
    cursor.expect('SET')
    if (cursor.token.kind === 'variable') {
      const variable = cursor.variable()
      const op = cursor.is('+=') || cursor.is('-=') ? cursor.next().word.charAt(0) : null
      if (op === null) cursor.expect('=')
      const expression = this.#expression()
      if (op === null) return { kind: 'assign', variable, expression }
      return { kind: 'assign', variable, expression: { kind: 'arithmetic', op, left: { kind: 'variable', name: variable }, right: expression } }
    }
    if (cursor.accept('TRANSACTION', 'ISOLATION', 'LEVEL')) {
      const level = LEVELS.find((words) => cursor.accept(...words.split(' ')))
      if (level === undefined) throw cursor.error()
      return { kind: 'set', option: 'ISOLATION', value: level }
    }
    const option = cursor.next().word
    if (!OPTIONS.has(option)) throw cursor.error()
    const value = `${cursor.accept('-') ? '-' : ''}${cursor.next().text}`
    return { kind: 'set', option, value: value.toUpperCase() }
  }

  #if (): Statement {
    const cursor = this.#cursor
    cursor.expect('IF')
    const condition = this.#queries.expressions.condition()
    this.#semicolons()
    const then = this.#statement()
    // T-SQL allows "IF a b; ELSE c": the semicolon ends b.
    if (cursor.is(';', 'ELSE')) cursor.expect(';')
    return { kind: 'if', condition, then, otherwise: cursor.accept('ELSE') ? this.#statement() : null }
  }

  #while (): Statement {
    this.#cursor.expect('WHILE')
    const condition = this.#queries.expressions.condition()
    return { kind: 'while', condition, body: this.#statement() }
  }

  #begin (): Statement {
    const cursor = this.#cursor
    cursor.expect('BEGIN')
    if (cursor.accept('TRY')) {
      const body = this.#until('END', 'TRY')
      cursor.expect('BEGIN', 'CATCH')
      return { kind: 'try', body, handler: this.#until('END', 'CATCH') }
    }
    if (cursor.accept('TRAN') || cursor.accept('TRANSACTION')) return { kind: 'begin', name: this.#transactionName() }
    const statements = this.#until('END')
    if (statements.length === 0) throw cursor.error(cursor.peek(-1))
    return { kind: 'block', statements }
  }

  #until (...words: readonly string[]): Statement[] {
    const statements: Statement[] = []
    this.#semicolons()
    while (!this.#cursor.accept(...words)) {
      if (this.#cursor.done) throw this.#cursor.error()
      statements.push(this.#statement())
      this.#semicolons()
    }
    return statements
  }

  #transaction (): Statement {
    const cursor = this.#cursor
    const word = cursor.next().word
    if (!cursor.accept('TRAN') && !cursor.accept('TRANSACTION')) cursor.accept('WORK')
    const name = this.#transactionName()
    return { kind: word === 'COMMIT' ? 'commit' : word === 'ROLLBACK' ? 'rollback' : 'save', name }
  }

  #transactionName (): string | null {
    if (this.#cursor.token.kind === 'variable') return this.#cursor.next().text
    return this.#cursor.atName ? this.#cursor.name() : null
  }

  #exec (): Statement {
    const cursor = this.#cursor
    cursor.next()
    if (cursor.accept('(')) {
      const text = this.#expression()
      cursor.expect(')')
      return { kind: 'execText', text }
    }
    let result: string | null = null
    if (cursor.token.kind === 'variable' && cursor.peek(1).word === '=') {
      result = cursor.variable()
      cursor.expect('=')
    }
    const procedure = cursor.path()
    const args: ExecArgument[] = []
    if (!cursor.done && !cursor.is(';') && this.#atArgument()) {
      do args.push(this.#argument())
      while (cursor.accept(','))
    }
    return { kind: 'exec', procedure, result, args }
  }

  #atArgument (): boolean {
    const { kind, word } = this.#cursor.token
    return kind === 'variable' || kind === 'string' || kind === 'nstring' || kind === 'number' || kind === 'binary' ||
      word === '-' || word === 'NULL'
  }

  #argument (): ExecArgument {
    const cursor = this.#cursor
    let name: string | null = null
    if (cursor.token.kind === 'variable' && cursor.peek(1).word === '=') {
      name = cursor.variable()
      cursor.expect('=')
    }
    // A bare word is a string here: @LockMode = Exclusive.
    const value: Expression = cursor.atName
      ? { kind: 'literal', type: { name: 'nvarchar', length: 128, scale: 0, precision: 0 }, value: cursor.name() }
      : this.#expression()
    return { name, value, output: cursor.accept('OUTPUT') || cursor.accept('OUT') }
  }

  #raiseError (): Statement {
    const cursor = this.#cursor
    cursor.expect('RAISERROR', '(')
    const message = this.#expression()
    cursor.expect(',')
    const severity = this.#expression()
    while (cursor.accept(',')) this.#expression()
    cursor.expect(')')
    if (cursor.accept('WITH')) do cursor.name(); while (cursor.accept(','))
    return { kind: 'raise', number: null, message, severity }
  }

  #throw (): Statement {
    this.#cursor.expect('THROW')
    if (this.#cursor.done || this.#cursor.is(';') || this.#cursor.is('END')) {
      return { kind: 'raise', number: null, message: null, severity: null }
    }
    const number = this.#expression()
    this.#cursor.expect(',')
    const message = this.#expression()
    this.#cursor.expect(',')
    this.#expression()
    return { kind: 'raise', number, message, severity: null }
  }
}

const LEVELS = ['READ UNCOMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE', 'SNAPSHOT']

/** The session keeps the options that have an effect here. Drivers set the other ones, which have none. */
const OPTIONS: ReadonlySet<string> = new Set([
  'NOCOUNT', 'XACT_ABORT', 'LOCK_TIMEOUT', 'ANSI_NULLS', 'ANSI_NULL_DFLT_ON', 'ANSI_PADDING', 'ANSI_WARNINGS', 'ARITHABORT',
  'CONCAT_NULL_YIELDS_NULL', 'CURSOR_CLOSE_ON_COMMIT', 'DATEFIRST', 'DATEFORMAT', 'IMPLICIT_TRANSACTIONS', 'LANGUAGE',
  'NUMERIC_ROUNDABORT', 'QUOTED_IDENTIFIER', 'TEXTSIZE', 'DEADLOCK_PRIORITY', 'ROWCOUNT'
])
