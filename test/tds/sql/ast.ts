import type { SqlType, Value } from '../types.js'

/** A name of one to four parts: [database.][schema.]table, or [table.]column. */
export type Name = readonly string[]

export type Expression =
  | { readonly kind: 'literal', readonly type: SqlType | null, readonly value: Value }
  | { readonly kind: 'variable', readonly name: string }
  | { readonly kind: 'column', readonly name: Name }
  | { readonly kind: 'negate', readonly operand: Expression }
  | { readonly kind: 'arithmetic', readonly op: string, readonly left: Expression, readonly right: Expression }
  | { readonly kind: 'call', readonly name: string, readonly args: readonly Expression[], readonly star: boolean, readonly distinct: boolean }
  /** DATEADD, DATEDIFF and DATEPART: their first argument is a word. */
  | { readonly kind: 'date', readonly name: string, readonly part: string, readonly args: readonly Expression[] }
  | { readonly kind: 'cast', readonly operand: Expression, readonly type: SqlType, readonly style: Expression | null }
  | { readonly kind: 'case', readonly whens: readonly { readonly when: Condition, readonly then: Expression }[], readonly otherwise: Expression | null }
  | { readonly kind: 'collate', readonly operand: Expression, readonly collation: string }
  | { readonly kind: 'scalar', readonly query: Query }

export type Condition =
  | { readonly kind: 'and' | 'or', readonly left: Condition, readonly right: Condition }
  | { readonly kind: 'not', readonly operand: Condition }
  | { readonly kind: 'compare', readonly op: string, readonly left: Expression, readonly right: Expression }
  | { readonly kind: 'in', readonly operand: Expression, readonly list: readonly Expression[] }
  | { readonly kind: 'inQuery', readonly operand: Expression, readonly query: Query }
  | { readonly kind: 'between', readonly operand: Expression, readonly low: Expression, readonly high: Expression }
  | { readonly kind: 'like', readonly operand: Expression, readonly pattern: Expression, readonly escape: Expression | null }
  | { readonly kind: 'isNull', readonly operand: Expression }
  | { readonly kind: 'exists', readonly query: Query }

export type Output =
  | { readonly kind: 'star', readonly table: Name | null }
  | { readonly kind: 'expression', readonly expression: Expression, readonly name: string }
  /** SELECT @x = ... */
  | { readonly kind: 'assign', readonly variable: string, readonly expression: Expression }

export interface Alias { readonly name: string, readonly columns: readonly string[] }

export type Source =
  | { readonly kind: 'table', readonly name: Name, readonly alias: string | null, readonly hints: readonly string[] }
  | { readonly kind: 'derived', readonly query: Query, readonly alias: Alias }
  | { readonly kind: 'values', readonly rows: readonly (readonly Expression[])[], readonly alias: Alias }
  | { readonly kind: 'join', readonly how: 'INNER' | 'LEFT' | 'CROSS', readonly left: Source, readonly right: Source, readonly on: Condition | null }

export interface Order { readonly expression: Expression, readonly descending: boolean }

export interface Select {
  readonly kind: 'select'
  readonly distinct: boolean
  readonly top: Expression | null
  readonly columns: readonly Output[]
  readonly from: readonly Source[]
  readonly where: Condition | null
  readonly groupBy: readonly Expression[]
  readonly having: Condition | null
  readonly orderBy: readonly Order[]
  readonly offset: Expression | null
  readonly fetch: Expression | null
}

export interface Union { readonly kind: 'union', readonly all: boolean, readonly left: Query, readonly right: Query, readonly orderBy: readonly Order[] }

export type Query = Select | Union

export interface CommonTable { readonly alias: Alias, readonly query: Query }

export interface Assignment { readonly column: string, readonly expression: Expression | null }

export interface Insert {
  readonly kind: 'insert'
  readonly table: Name
  readonly columns: readonly string[] | null
  readonly output: readonly Output[] | null
  /** null is DEFAULT. */
  readonly rows: readonly (readonly (Expression | null)[])[] | null
  readonly query: Query | null
}

export interface Update {
  readonly kind: 'update'
  readonly top: Expression | null
  readonly target: Name
  readonly hints: readonly string[]
  readonly set: readonly Assignment[]
  readonly output: readonly Output[] | null
  readonly from: readonly Source[]
  readonly where: Condition | null
}

export interface Delete {
  readonly kind: 'delete'
  readonly top: Expression | null
  readonly target: Name
  readonly hints: readonly string[]
  readonly output: readonly Output[] | null
  readonly from: readonly Source[]
  readonly where: Condition | null
}

export interface ColumnDefinition {
  readonly name: string
  readonly type: SqlType
  readonly collation: string | null
  readonly nullable: boolean | null
  readonly fallback: Expression | null
}

export interface KeyDefinition { readonly kind: 'primary' | 'unique' | 'index', readonly name: string | null, readonly columns: readonly string[] }

export interface ExecArgument { readonly name: string | null, readonly value: Expression, readonly output: boolean }

export type Statement =
  | { readonly kind: 'query', readonly query: Query, readonly with: readonly CommonTable[] }
  | Insert
  | (Update & { readonly with: readonly CommonTable[] })
  | (Delete & { readonly with: readonly CommonTable[] })
  | { readonly kind: 'createTable', readonly name: Name, readonly columns: readonly ColumnDefinition[], readonly keys: readonly KeyDefinition[] }
  | { readonly kind: 'createIndex', readonly name: string, readonly table: Name, readonly unique: boolean, readonly columns: readonly string[] }
  | { readonly kind: 'dropTable', readonly names: readonly Name[], readonly ifExists: boolean }
  | { readonly kind: 'dropIndex', readonly name: string, readonly table: Name, readonly ifExists: boolean }
  | { readonly kind: 'truncate', readonly table: Name }
  | { readonly kind: 'addColumn', readonly table: Name, readonly column: ColumnDefinition }
  | { readonly kind: 'createSchema', readonly name: string }
  | { readonly kind: 'dropSchema', readonly name: string, readonly ifExists: boolean }
  | { readonly kind: 'createTrigger', readonly name: string, readonly table: Name, readonly events: readonly string[] }
  | { readonly kind: 'dropTrigger', readonly name: string }
  | { readonly kind: 'use', readonly database: string }
  | { readonly kind: 'declare', readonly variables: readonly { readonly name: string, readonly type: SqlType, readonly value: Expression | null }[] }
  | { readonly kind: 'assign', readonly variable: string, readonly expression: Expression }
  | { readonly kind: 'set', readonly option: string, readonly value: string }
  | { readonly kind: 'if', readonly condition: Condition, readonly then: Statement, readonly otherwise: Statement | null }
  | { readonly kind: 'while', readonly condition: Condition, readonly body: Statement }
  | { readonly kind: 'block', readonly statements: readonly Statement[] }
  | { readonly kind: 'try', readonly body: readonly Statement[], readonly handler: readonly Statement[] }
  | { readonly kind: 'begin' | 'commit' | 'rollback' | 'save', readonly name: string | null }
  | { readonly kind: 'exec', readonly procedure: Name, readonly result: string | null, readonly args: readonly ExecArgument[] }
  | { readonly kind: 'execText', readonly text: Expression }
  | { readonly kind: 'waitFor', readonly delay: Expression }
  | { readonly kind: 'return', readonly value: Expression | null }
  | { readonly kind: 'break' | 'continue' }
  | { readonly kind: 'print', readonly value: Expression }
  | { readonly kind: 'raise', readonly number: Expression | null, readonly message: Expression | null, readonly severity: Expression | null }
