import type { ColumnDefinition, Expression, KeyDefinition, Statement } from './ast.js'
import type { QueryParser } from './parse-query.js'
import { parseType } from './parse-type.js'

/** Parses CREATE, ALTER, DROP and TRUNCATE. */
export class SchemaParser {
  readonly #queries: QueryParser

  constructor (queries: QueryParser) { this.#queries = queries }

  create (): Statement {
    const cursor = this.#queries.cursor
    cursor.expect('CREATE')
    if (cursor.accept('TABLE')) return this.#table()
    if (cursor.accept('SCHEMA')) {
      const name = cursor.name()
      if (cursor.accept('AUTHORIZATION')) cursor.name()
      return { kind: 'createSchema', name }
    }
    if (cursor.accept('TRIGGER')) return this.#trigger()
    const unique = cursor.accept('UNIQUE')
    this.#clustered()
    cursor.expect('INDEX')
    const name = cursor.name()
    cursor.expect('ON')
    const table = cursor.path()
    const columns = this.#keyColumns()
    if (cursor.accept('INCLUDE')) cursor.names()
    this.#options()
    return { kind: 'createIndex', name, table, unique, columns }
  }

  drop (): Statement {
    const cursor = this.#queries.cursor
    cursor.expect('DROP')
    if (cursor.accept('INDEX')) {
      const ifExists = cursor.accept('IF', 'EXISTS')
      const name = cursor.name()
      cursor.expect('ON')
      return { kind: 'dropIndex', name, table: cursor.path(), ifExists }
    }
    if (cursor.accept('SCHEMA')) {
      const ifExists = cursor.accept('IF', 'EXISTS')
      return { kind: 'dropSchema', name: cursor.name(), ifExists }
    }
    if (cursor.accept('TRIGGER')) return { kind: 'dropTrigger', name: cursor.path().at(-1) ?? '' }
    cursor.expect('TABLE')
    const ifExists = cursor.accept('IF', 'EXISTS')
    const names = [cursor.path()]
    while (cursor.accept(',')) names.push(cursor.path())
    return { kind: 'dropTable', names, ifExists }
  }

  /** Parses CREATE TRIGGER. The body is the rest of the batch. It is skipped, and never runs. */
  #trigger (): Statement {
    const cursor = this.#queries.cursor
    const name = cursor.path().at(-1) ?? ''
    cursor.expect('ON')
    const table = cursor.path()
    if (!cursor.accept('AFTER') && !cursor.accept('FOR')) cursor.expect('INSTEAD', 'OF')
    const events: string[] = []
    do {
      const event = EVENTS.find((word) => cursor.accept(word))
      if (event === undefined) throw cursor.error()
      events.push(event.toLowerCase())
    } while (cursor.accept(','))
    cursor.expect('AS')
    while (!cursor.done) cursor.next()
    return { kind: 'createTrigger', name, table, events }
  }

  /** Parses ALTER TABLE with one new column, and nothing else. */
  alter (): Statement {
    const cursor = this.#queries.cursor
    cursor.expect('ALTER', 'TABLE')
    const table = cursor.path()
    cursor.expect('ADD')
    return { kind: 'addColumn', table, column: this.#column([]) }
  }

  truncate (): Statement {
    this.#queries.cursor.expect('TRUNCATE', 'TABLE')
    return { kind: 'truncate', table: this.#queries.cursor.path() }
  }

  #table (): Statement {
    const cursor = this.#queries.cursor
    const name = cursor.path()
    const columns: ColumnDefinition[] = []
    const keys: KeyDefinition[] = []
    cursor.expect('(')
    do {
      if (cursor.is(')')) break
      if (cursor.is('CONSTRAINT') || cursor.is('PRIMARY') || cursor.is('UNIQUE') || cursor.is('INDEX')) keys.push(this.#tableKey())
      else columns.push(this.#column(keys))
    } while (cursor.accept(','))
    cursor.expect(')')
    this.#options()
    return { kind: 'createTable', name, columns, keys }
  }

  #tableKey (): KeyDefinition {
    const cursor = this.#queries.cursor
    if (cursor.accept('INDEX')) {
      const name = cursor.name()
      const unique = cursor.accept('UNIQUE')
      this.#clustered()
      return { kind: unique ? 'unique' : 'index', name, columns: this.#keyColumns() }
    }
    const name = cursor.accept('CONSTRAINT') ? cursor.name() : null
    const unique = cursor.accept('UNIQUE')
    if (!unique) cursor.expect('PRIMARY', 'KEY')
    this.#clustered()
    const columns = this.#keyColumns()
    this.#options()
    return { kind: unique ? 'unique' : 'primary', name, columns }
  }

  #column (keys: KeyDefinition[]): ColumnDefinition {
    const cursor = this.#queries.cursor
    const name = cursor.name()
    const t = parseType(cursor, 1)
    let collation: string | null = null
    let nullable: boolean | null = null
    let fallback: Expression | null = null
    for (;;) {
      const constraint = cursor.accept('CONSTRAINT') ? cursor.name() : null
      if (cursor.accept('COLLATE')) {
        collation = cursor.name()
      } else if (cursor.accept('NOT', 'NULL')) {
        nullable = false
      } else if (cursor.accept('NULL')) {
        nullable = true
      } else if (cursor.accept('DEFAULT')) {
        fallback = this.#queries.expressions.expression()
      } else if (cursor.accept('PRIMARY', 'KEY')) {
        this.#clustered()
        this.#options()
        keys.push({ kind: 'primary', name: constraint, columns: [name] })
      } else if (cursor.accept('UNIQUE')) {
        this.#clustered()
        keys.push({ kind: 'unique', name: constraint, columns: [name] })
      } else if (cursor.accept('INDEX')) {
        keys.push({ kind: 'index', name: cursor.name(), columns: [name] })
      } else if (constraint !== null) {
        throw cursor.error()
      } else {
        return { name, type: t, collation, nullable, fallback }
      }
    }
  }

  #clustered (): void {
    if (!this.#queries.cursor.accept('CLUSTERED')) this.#queries.cursor.accept('NONCLUSTERED')
  }

  #keyColumns (): string[] {
    const cursor = this.#queries.cursor
    cursor.expect('(')
    const columns: string[] = []
    do {
      columns.push(cursor.name())
      if (!cursor.accept('ASC')) cursor.accept('DESC')
    } while (cursor.accept(','))
    cursor.expect(')')
    return columns
  }

  /** Skips WITH (FILLFACTOR = 80, ...) ON [PRIMARY] TEXTIMAGE_ON [PRIMARY]. Storage options have no effect here. */
  #options (): void {
    const cursor = this.#queries.cursor
    if (cursor.accept('WITH', '(')) {
      while (!cursor.accept(')')) {
        if (cursor.done) throw cursor.error()
        cursor.next()
      }
    }
    if (cursor.is('ON') && cursor.peek(1).kind === 'quoted') {
      cursor.expect('ON')
      cursor.name()
    }
    if (cursor.accept('TEXTIMAGE_ON')) cursor.name()
  }
}

const EVENTS = ['INSERT', 'UPDATE', 'DELETE']
