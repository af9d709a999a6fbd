import { SqlError } from '../sql-error.js'
import { isUnicode } from '../types.js'
import type { SqlType, Value } from '../types.js'
import type { Catalog, Collation } from './catalog.js'
import { toLiteral } from './literal.js'

/** The collation label of an expression, by T-SQL's rules of collation precedence. */
export type Label = 'default' | 'implicit' | 'explicit'

/** An expression of T-SQL, translated to MariaDB. */
export interface Compiled {
  readonly sql: string
  readonly type: SqlType
  readonly collation: Collation
  readonly label: Label
  /** Whether it is a plain column, which an index may serve. */
  readonly column: boolean
  /** Its value if it is known before the statement runs, else undefined. */
  readonly value: Value | undefined
}

export interface OutputColumn {
  readonly name: string
  readonly type: SqlType
  readonly collation: Collation
  readonly label: Label
}

export interface ScopeColumn extends OutputColumn {
  readonly sql: string
  readonly column: boolean
}

/** A table or a derived table, under the name by which columns refer to it. */
export interface ScopeSource {
  readonly name: string
  readonly schema: string | null
  readonly columns: readonly ScopeColumn[]
}

/** The visible sources, innermost first. */
export interface Scope {
  readonly sources: readonly ScopeSource[]
  readonly parent: Scope | null
}

/** The values that an expression may use besides those of rows. */
export interface Environment {
  readonly catalog: Catalog
  /** The time in UTC, as a MariaDB expression. */
  readonly now: string
  variable (name: string): { readonly type: SqlType, readonly value: Value }
  /** The functions of the session, such as XACT_STATE and ERROR_NUMBER. */
  state (name: string): { readonly type: SqlType, readonly value: Value } | undefined
}

export const EMPTY: Scope = { sources: [], parent: null }

export function constant (t: SqlType, value: Value): Compiled {
  return { sql: toLiteral(t, value), type: t, collation: 'ci', label: 'default', column: false, value }
}

export function computed (sql: string, t: SqlType, like?: Compiled): Compiled {
  return { sql, type: t, collation: like?.collation ?? 'ci', label: like?.label ?? 'default', column: false, value: undefined }
}

export function collate (sql: string, t: SqlType, collation: Collation): string {
  const name = isUnicode(t)
    ? collation === 'bin' ? 'utf8mb4_bin' : 'utf8mb4_uca1400_as_ci'
    : collation === 'bin' ? 'latin1_bin' : 'latin1_general_ci'
  return `(${sql}) COLLATE ${name}`
}

/** The collation of an operation on two texts. */
export function resolveCollation (left: Compiled, right: Compiled, operation = 'equal to'): { collation: Collation, label: Label } {
  const rank = { default: 0, implicit: 1, explicit: 2 }
  if (rank[left.label] > rank[right.label]) return left
  if (rank[right.label] > rank[left.label]) return right
  if (left.collation !== right.collation && left.label !== 'default') {
    const name = (c: Compiled) => c.collation === 'bin' ? 'Latin1_General_100_BIN2' : 'SQL_Latin1_General_CP1_CI_AS'
    throw new SqlError(468, `Cannot resolve the collation conflict between "${name(right)}" and "${name(left)}" in the ${operation} operation.`, 16, 9)
  }
  return left
}
