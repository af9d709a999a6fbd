import type { SessionStore } from '../../stores/store.js'

/** What `check` has found. */
export interface Finding {
  readonly what: string
  /** good: as it should be. note: it works, and one should know. change: something is wrong. */
  readonly state: 'good' | 'note' | 'change'
  readonly says: string
  /** What to do about it: a statement or a command where there is one. */
  readonly todo?: string
}

/** What is in the table. Sizes are in bytes, times in milliseconds since 1970 UTC. */
export interface Figures {
  readonly live: number
  readonly expired: number
  readonly averageSize: number
  readonly largestSize: number
  readonly totalSize: number
  /** When the first and the last of the live sessions expire; null without one. */
  readonly firstExpiry: number | null
  readonly lastExpiry: number | null
}

/** A database with a table of sessions, as the commands need it. */
export interface Database {
  readonly kind: 'mysql' | 'mssql'
  /** Where it is, without user and password. */
  readonly place: string
  readonly table: string
  /** The store of the plugin on it. Nothing is cleaned up by itself. */
  store (options?: { readonly createTable?: boolean }): SessionStore
  /** What a check finds beyond what the store itself demands. Only after the store has reached the database. */
  inspect (): Promise<readonly Finding[]>
  figures (): Promise<Figures>
  /** How many rows a cleanup would delete now. */
  countExpired (): Promise<number>
  close (): Promise<void>
}
