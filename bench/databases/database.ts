import type { Settings } from '../apps/settings.js'

/** What a database has been sent, since it started. */
export interface Counts {
  readonly statements: number
  /** Where the database can tell. */
  readonly parameters?: number
  readonly bytes?: number
}

/** A database server as the benchmark sees it: it makes the tables and counts the statements. */
export interface Database {
  /** What it is and how it is set, for the head of the report. */
  readonly description: string
  /** Its processes on this machine; none if it runs elsewhere. */
  readonly pids: readonly number[]
  /**
   * Makes an empty database with an empty sessions table, and tells the application how to reach it.
   *
   * @param build the root of the build of this package whose schema the table has
   */
  prepare (application: string, build: URL): Promise<Pick<Settings, 'database' | 'mssql'>>
  /** What an application has sent. The benchmark's own statements are not in it. Undefined if that is not known. */
  counts (application: string): Promise<Counts | undefined>
  /** How many sessions the table of an application holds. */
  count (application: string): Promise<number>
  close (): Promise<void>
}

/** The name of an application's database. */
export function databaseOf (application: string): string {
  return `bench_${application.replaceAll('-', '_')}`
}
