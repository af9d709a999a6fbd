import { SqlError } from '../sql-error.js'
import type { CommonTable, Condition, Expression, Output, Query, Statement } from '../sql/ast.js'
import { parse, parseDeclarations } from '../sql/parser.js'
import { Command } from '../tokens.js'
import type { Column, Reply } from '../tokens.js'
import { INT, MAX, family, type } from '../types.js'
import type { SqlType, Value } from '../types.js'
import { BIN2_COLLATION } from '../wire-types.js'
import { compileChange, compileInsert } from './changes.js'
import { EMPTY } from './compiled.js'
import type { Environment, OutputColumn } from './compiled.js'
import { fromText } from './literal.js'
import { Arguments, runProcedure } from './procedures.js'
import { Queries } from './queries.js'
import { compileSchema, isSchemaStatement } from './schema.js'
import type { Session } from './session.js'

export interface Variable { readonly type: SqlType, readonly value: Value }

/** What follows a statement. */
type Flow = 'next' | 'break' | 'continue' | 'return'

/** The most iterations of a WHILE. */
const ROUNDS = 100_000

/** Runs one batch: its statements, variables, IF and TRY, and the tokens that the client gets for each. */
export class Interpreter {
  readonly #session: Session
  readonly #reply: Reply
  readonly #variables: Map<string, Variable>
  #rowCount = 0
  #lastError = 0
  #caught: SqlError | undefined
  #tries = 0
  #status = 0
  #failed = false
  #beganImplicitly = false

  constructor (session: Session, reply: Reply, variables: ReadonlyMap<string, Variable> = new Map()) {
    this.#session = session
    this.#reply = reply
    this.#variables = new Map(variables)
  }

  get failed (): boolean { return this.#failed }
  /** Whether it began a transaction that IMPLICIT_TRANSACTIONS calls for. */
  get beganImplicitly (): boolean { return this.#beganImplicitly }
  get status (): number { return this.#status }
  get variables (): ReadonlyMap<string, Variable> { return this.#variables }

  async run (sql: string): Promise<void> {
    try {
      await this.#session.applyClock()
      // Setup scripts look at the catalog, which another connection may have changed without this front.
      if (/\b(object_id|col_length|sys|information_schema)\b/i.test(sql)) this.#session.server.forgetCatalog()
      await this.#list(parse(sql, this.#session.server.babelfish))
    } catch (error) {
      if (!(error instanceof SqlError)) throw error
      await this.#report(error)
    }
  }

  async #list (statements: readonly Statement[]): Promise<Flow> {
    for (const statement of statements) {
      const flow = await this.#step(statement)
      if (flow !== 'next') return flow
    }
    return 'next'
  }

  /** Runs a statement. Reports its error to the client, unless a TRY catches it. */
  async #step (statement: Statement): Promise<Flow> {
    try {
      const flow = await this.#execute(statement)
      if (statement.kind !== 'if' && statement.kind !== 'block') this.#lastError = 0
      return flow
    } catch (error) {
      if (!(error instanceof SqlError) || this.#tries > 0) throw error
      await this.#report(error)
      return error.endsBatch || this.#session.settings.xactAbort ? 'return' : 'next'
    }
  }

  async #report (error: SqlError): Promise<void> {
    this.#failed = true
    this.#lastError = error.number
    this.#status = error.number
    this.#rowCount = 0
    this.#reply.error(error)
    await this.#endTransaction(error)
    if (!error.endsBatch) this.#reply.info(3621, 'The statement has been terminated.')
    this.#reply.done(Command.none, null, true)
  }

  async #endTransaction (error: SqlError): Promise<void> {
    const compiling = error.severity === 15
    if (error.endsTransaction || (this.#session.settings.xactAbort && !compiling)) await this.#session.undo(this.#reply)
  }

  async #execute (statement: Statement): Promise<Flow> {
    await this.#beginImplicitly(statement)
    if (isSchemaStatement(statement)) {
      await this.#schema(statement)
      return 'next'
    }
    switch (statement.kind) {
      case 'query': await this.#query(statement.query, statement.with); return 'next'
      case 'insert': case 'update': case 'delete': await this.#change(statement); return 'next'
      case 'declare':
        for (const { name, type: t, value } of statement.variables) {
          if (this.#variables.has(name)) throw new SqlError(134, `The variable name '${name}' has already been declared. Variable names must be unique within a query batch or stored procedure.`, 15)
          this.#variables.set(name, { type: t, value: null })
          if (value !== null) await this.#assign(name, value)
        }
        return 'next'
      case 'assign': await this.#assign(statement.variable, statement.expression); return 'next'
      case 'use': await this.#session.use(statement.database, this.#reply); return 'next'
      case 'set': await this.#set(statement.option, statement.value); return 'next'
      case 'if':
        if (await this.#holds(statement.condition)) return await this.#step(statement.then)
        return statement.otherwise === null ? 'next' : await this.#step(statement.otherwise)
      case 'while': return await this.#while(statement.condition, statement.body)
      case 'block': return await this.#list(statement.statements)
      case 'try': return await this.#try(statement.body, statement.handler)
      case 'begin': await this.#session.begin(this.#reply); return 'next'
      case 'commit': await this.#session.commit(this.#reply); return 'next'
      case 'rollback':
        if (statement.name !== null && await this.#rollbackTo(statement.name)) return 'next'
        await this.#session.rollback(this.#reply)
        return 'next'
      case 'save': await this.#session.run(`SAVEPOINT \`s_${(statement.name ?? '').replaceAll('`', '')}\``); return 'next'
      case 'exec': return await this.#exec(statement)
      case 'execText': {
        const text = await this.#value(statement.text, type('nvarchar', 4000))
        const inner = new Interpreter(this.#session, this.#reply)
        await inner.run(String(text ?? ''))
        return 'next'
      }
      case 'waitFor': await this.#session.sleep(delayOf(String(await this.#value(statement.delay, type('varchar', 30))))); return 'next'
      case 'return':
        if (statement.value !== null) this.#status = Number(await this.#value(statement.value, INT) ?? 0)
        return 'return'
      case 'break': case 'continue': return statement.kind
      case 'print': this.#reply.info(0, String(await this.#value(statement.value, type('nvarchar', 4000)))); return 'next'
      case 'raise': throw await this.#raised(statement)
    }
  }

  /** With IMPLICIT_TRANSACTIONS ON: a statement that touches a table, or begins a transaction, begins one before. */
  async #beginImplicitly (statement: Statement): Promise<void> {
    if (!this.#session.settings.implicitTransactions || this.#session.transactions > 0) return
    const touches = statement.kind === 'query'
      ? statement.query.kind === 'union' || statement.query.from.length > 0
      : isSchemaStatement(statement) || ['insert', 'update', 'delete', 'begin'].includes(statement.kind)
    if (!touches) return
    await this.#session.begin(this.#reply)
    this.#beganImplicitly = true
  }

  async #query (query: Query, ctes: readonly CommonTable[]): Promise<void> {
    if (query.kind === 'select' && query.columns.some((column) => column.kind === 'assign')) {
      await this.#select(query.columns, query, ctes)
      return
    }
    const { sql, columns } = await this.#compile((env) => new Queries(env, ctes, this.#session.readLock).statement(query))
    const { rows } = await this.#session.run(sql)
    const limited = this.#limited(rows)
    const { textSize } = this.#session.settings
    this.#rows(columns, limited, 0, (value, { length }) => length === MAX && value !== null && typeof value !== 'bigint' && typeof value !== 'number' ? cut(value, textSize) : value)
    this.#done(Command.select, limited.length, true)
  }

  /** Runs SELECT @x = a, @y = b FROM .... The last row wins. Without a row the variables keep their values. */
  async #select (columns: readonly Output[], query: Extract<Query, { kind: 'select' }>, ctes: readonly CommonTable[]): Promise<void> {
    const assignments = columns.map((column) => {
      if (column.kind !== 'assign') throw new SqlError(141, 'A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations.', 15)
      return { name: column.variable, type: this.#variable(column.variable).type, expression: column.expression }
    })
    const cast = { ...query, columns: assignments.map(({ type: t, expression }): Output => ({ kind: 'expression', name: '', expression: { kind: 'cast', operand: expression, type: t, style: null } })) }
    const { sql } = await this.#compile((env) => new Queries(env, ctes, this.#session.readLock).statement(cast))
    const { rows } = await this.#session.run(sql)
    const last = rows.at(-1)
    assignments.forEach(({ name, type: t }, i) => {
      if (last !== undefined) this.#variables.set(name, { type: t, value: fromText(t, last[i] ?? null) })
    })
    this.#done(Command.select, rows.length)
  }

  /** SET ROWCOUNT */
  #limited<T> (rows: readonly T[]): readonly T[] {
    const { rowCount } = this.#session.settings
    return rowCount > 0 ? rows.slice(0, rowCount) : rows
  }

  async #change (statement: Extract<Statement, { kind: 'insert' | 'update' | 'delete' }>): Promise<void> {
    if (statement.kind === 'insert') {
      const limited = statement.rows === null ? statement : { ...statement, rows: this.#limited(statement.rows) }
      const insert = await this.#compile((env) => compileInsert(limited, env))
      const { rows, affected } = await this.#session.run(insert.sql, insert.table)
      if (statement.output !== null) this.#rows(insert.columns, rows, 0)
      this.#changed(Command.insert, affected, statement.output !== null)
      return
    }
    const change = await this.#compile((env) => compileChange(statement, env))
    const found = await this.#session.atomically(async () => {
      const { rows } = await this.#session.run(change.find, change.table)
      const distinct = this.#limited(firstOfEach(rows, change.table.rowId.length))
      const now = distinct[0]?.[0]?.toString()
      if (now !== undefined) {
        const keys = distinct.map((row) => row.slice(1, 1 + change.table.rowId.length))
        await this.#session.run(change.apply(keys, now), change.table)
      }
      return distinct
    })
    if (change.output) this.#rows(change.columns, found, 1 + change.table.rowId.length)
    this.#changed(statement.kind === 'update' ? Command.update : Command.delete, found.length, change.output)
  }

  #changed (command: number, count: number, withRows: boolean): void {
    this.#done(command, withRows && this.#session.server.babelfish ? 0 : count, withRows)
  }

  async #schema (statement: Parameters<typeof compileSchema>[0]): Promise<void> {
    if (statement.kind === 'truncate' && this.#session.transactions > 0) {
      await this.#change({ kind: 'delete', top: null, target: statement.table, hints: [], output: null, from: [], where: null, with: [] })
      return
    }
    if (this.#session.transactions > 0) {
      throw new SqlError(226, 'CREATE and DROP are not allowed within a multi-statement transaction by the TDS front: MariaDB would commit it.')
    }
    this.#session.server.forgetCatalog()
    try {
      for (const sql of await this.#compile((env) => compileSchema(statement, env))) await this.#session.run(sql)
    } finally {
      this.#session.server.forgetCatalog()
    }
  }

  #rows (columns: readonly OutputColumn[], rows: readonly (readonly (Buffer | null)[])[], from: number, shown = (value: Value, _type: SqlType) => value): void {
    this.#reply.columns(columns.map((column): Column => ({
      name: column.name,
      type: column.type,
      collation: family(column.type) === 'text' && column.collation === 'bin' ? BIN2_COLLATION : undefined
    })))
    for (const row of rows) this.#reply.row(columns.map((column, i) => shown(fromText(column.type, row[from + i] ?? null), column.type)))
  }

  /** Ends a statement. NOCOUNT leaves out a DONE token that would only carry a count. */
  #done (command: number, count: number, withRows = false): void {
    this.#rowCount = count
    if (!this.#session.settings.noCount) this.#reply.done(command, count)
    else if (withRows) this.#reply.done(command, null)
  }

  /** Compiles. Compiles again with a fresh catalog if a name was not found. */
  async #compile<T> (compile: (env: Environment) => T): Promise<T> {
    try {
      return compile(await this.#environment(false))
    } catch (error) {
      if (!(error instanceof SqlError) || (error.number !== 208 && error.number !== 207)) throw error
      return compile(await this.#environment(true))
    }
  }

  async #environment (fresh: boolean): Promise<Environment> {
    return {
      catalog: await this.#session.catalog(fresh),
      now: 'UTC_TIMESTAMP(6)',
      variable: (name) => this.#global(name) ?? this.#variable(name),
      state: (name) => this.#state(name)
    }
  }

  #variable (name: string): Variable {
    const variable = this.#variables.get(name)
    if (variable === undefined) throw new SqlError(137, `Must declare the scalar variable "${name}".`, 15, 2)
    return variable
  }

  #global (name: string): Variable | undefined {
    const int = (n: number): Variable => ({ type: INT, value: BigInt(n) })
    switch (name) {
      case '@@rowcount': return int(this.#rowCount)
      case '@@error': return int(this.#lastError)
      case '@@trancount': return int(this.#session.transactions)
      case '@@lock_timeout': return int(this.#session.settings.lockTimeout)
      case '@@nestlevel': return int(0)
      case '@@textsize': return int(this.#session.settings.textSize)
      case '@@options': return int(this.#session.options)
      case '@@spid': return { type: type('smallint'), value: BigInt(this.#session.spid) }
      case '@@servername': return { type: type('nvarchar', 128), value: 'tds-front' }
      default: return undefined
    }
  }

  #state (name: string): Variable | undefined {
    const int = (n: number | undefined): Variable => ({ type: INT, value: n === undefined ? null : BigInt(n) })
    switch (name) {
      case 'XACT_STATE': return { type: type('smallint'), value: this.#session.transactions > 0 ? 1n : 0n }
      case 'ROWCOUNT_BIG': return { type: type('bigint'), value: BigInt(this.#rowCount) }
      case 'ERROR_NUMBER': return int(this.#caught?.number)
      case 'ERROR_SEVERITY': return int(this.#caught?.severity)
      case 'ERROR_STATE': return int(this.#caught?.state)
      case 'ERROR_MESSAGE': return { type: type('nvarchar', 4000), value: this.#caught?.message ?? null }
      default: return undefined
    }
  }

  async #value (expression: Expression, t: SqlType): Promise<Value> {
    const compiled = await this.#compile((env) => new Queries(env).expressions.expression({ kind: 'cast', operand: expression, type: t, style: null }, EMPTY))
    if (compiled.value !== undefined) return compiled.value
    const { rows } = await this.#session.run(`SELECT ${compiled.sql}`)
    return fromText(t, rows[0]?.[0] ?? null)
  }

  async #assign (name: string, expression: Expression): Promise<void> {
    const { type: t } = this.#variable(name)
    this.#variables.set(name, { type: t, value: await this.#value(expression, t) })
  }

  async #holds (condition: Condition): Promise<boolean> {
    const sql = await this.#compile((env) => new Queries(env).expressions.condition(condition, EMPTY))
    const { rows } = await this.#session.run(`SELECT ${sql}`)
    return rows[0]?.[0]?.toString() === '1'
  }

  async #set (option: string, value: string): Promise<void> {
    const on = value === 'ON'
    switch (option) {
      case 'NOCOUNT': await this.#session.set({ noCount: on }); break
      case 'XACT_ABORT': await this.#session.set({ xactAbort: on }); break
      case 'IMPLICIT_TRANSACTIONS': await this.#session.set({ implicitTransactions: on }); break
      case 'ROWCOUNT': await this.#session.set({ rowCount: this.#number(value) }); break
      case 'TEXTSIZE': await this.#session.set({ textSize: this.#number(value) || 4096 }); break
      case 'ISOLATION': await this.#session.set({ isolation: value }); break
      case 'LOCK_TIMEOUT': await this.#session.set({ lockTimeout: this.#number(value) }); break
      default:
    }
  }

  #number (value: string): number {
    const number = value.startsWith('@') ? Number(this.#variable(value.toLowerCase()).value) : Number(value)
    if (!Number.isInteger(number)) throw new SqlError(102, `Incorrect syntax near '${value}'.`, 15)
    return number
  }

  async #while (condition: Condition, body: Statement): Promise<Flow> {
    for (let round = 0; round < ROUNDS; round++) {
      if (!await this.#holds(condition)) return 'next'
      const flow = await this.#step(body)
      if (flow === 'break') return 'next'
      if (flow === 'return') return flow
    }
    throw new SqlError(50000, `A WHILE of the TDS front ends after ${ROUNDS} rounds.`)
  }

  async #try (body: readonly Statement[], handler: readonly Statement[]): Promise<Flow> {
    this.#tries++
    try {
      return await this.#list(body)
    } catch (error) {
      if (!(error instanceof SqlError)) throw error
      await this.#endTransaction(error)
      this.#lastError = error.number
      this.#caught = error
    } finally {
      this.#tries--
    }
    try {
      return await this.#list(handler)
    } finally {
      this.#caught = undefined
    }
  }

  async #raised (statement: Extract<Statement, { kind: 'raise' }>): Promise<SqlError> {
    if (statement.message === null) {
      return this.#caught ?? new SqlError(10704, 'To rethrow an error, a THROW statement must be used inside a CATCH block.', 15)
    }
    const message = String(await this.#value(statement.message, type('nvarchar', 2048)))
    if (statement.number !== null) return new SqlError(Number(await this.#value(statement.number, INT)), message)
    return new SqlError(50000, message, statement.severity === null ? 16 : Number(await this.#value(statement.severity, INT)))
  }

  async #rollbackTo (name: string): Promise<boolean> {
    try {
      await this.#session.run(`ROLLBACK TO SAVEPOINT \`s_${name.replaceAll('`', '')}\``)
      return true
    } catch {
      return false
    }
  }

  async #exec (statement: Extract<Statement, { kind: 'exec' }>): Promise<Flow> {
    const name = statement.procedure.at(-1) ?? ''
    const args: { name: string, value: Value }[] = []
    for (const arg of statement.args) {
      const { type: t } = arg.value.kind === 'variable' ? this.#global(arg.value.name) ?? this.#variable(arg.value.name) : { type: arg.value.kind === 'literal' ? arg.value.type ?? INT : INT }
      args.push({ name: arg.name ?? '', value: await this.#value(arg.value, t) })
    }
    if (name.toLowerCase() === 'sp_executesql') {
      await this.#executeSql(new Arguments(args), args)
      return 'next'
    }
    const status = await runProcedure(name, new Arguments(args), this.#session)
    if (status === undefined) throw new SqlError(2812, `Could not find stored procedure '${statement.procedure.join('.')}'.`, 16, 62)
    if (statement.result !== null) this.#variables.set(statement.result, { ...this.#variable(statement.result), value: BigInt(status) })
    return 'next'
  }

  async #executeSql (named: Arguments, args: readonly { name: string, value: Value }[]): Promise<void> {
    const declarations = parseDeclarations(named.text('@params', 1, ''))
    const variables = new Map(declarations.map(({ name, type: t }, i): [string, Variable] => {
      const value = args.find((arg) => arg.name === name)?.value ?? args.filter((arg) => arg.name === '')[i + 2]?.value ?? null
      return [name, { type: t, value }]
    }))
    const inner = new Interpreter(this.#session, this.#reply, variables)
    await inner.run(named.text('@stmt', 0, named.text('@statement', 0, '')))
  }
}

/** The first of the rows for each key: a row of the target changes once, however many rows it is joined with. */
function firstOfEach (rows: readonly (readonly (Buffer | null)[])[], keys: number): (readonly (Buffer | null)[])[] {
  const seen = new Set<string>()
  return rows.filter((row) => {
    const key = row.slice(1, 1 + keys).map((field) => field?.toString('hex') ?? '').join(',')
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

/** The first bytes of a value. */
function cut (value: string | Buffer, bytes: number): string | Buffer {
  return typeof value === 'string' ? value.slice(0, bytes) : value.subarray(0, bytes)
}

/** '00:00:05.250' */
function delayOf (text: string): number {
  const match = /^(\d+):(\d+)(?::(\d+)(?:\.(\d+))?)?$/.exec(text.trim())
  if (match === null) throw new SqlError(148, `Incorrect time syntax in time string '${text}' used with WAITFOR.`, 15)
  const [, hours = '0', minutes = '0', seconds = '0', fraction = '0'] = match
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000 + Number(`0.${fraction}`) * 1000
}
