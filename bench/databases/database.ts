import type { Login } from './login.js'

/** A database server as the benchmark sees it: it makes the tables and counts the statements. */
export interface Database {
  /** What it is and how it is set, for the head of the report. */
  readonly description: string
  /** Makes an empty database (where that is ours to do) with an empty sessions table, and says how to reach it. */
  prepare (application: string): Promise<Login>
  /** How many statements it has been sent since it started. */
  statements (): Promise<number>
  /** How many sessions the table of an application holds. */
  count (application: string): Promise<number>
  /** One statement, for what only one series needs. */
  query (sql: string, values?: readonly unknown[]): Promise<unknown>
  close (): Promise<void>
}
