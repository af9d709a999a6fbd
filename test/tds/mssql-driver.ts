import { createRequire } from 'node:module'

// The mssql package has no types of its own; these are the parts that the front's tests use.
export interface MssqlResult {
  readonly recordset: readonly Readonly<Record<string, unknown>>[]
  readonly recordsets: readonly (readonly Readonly<Record<string, unknown>>[])[]
  readonly rowsAffected: readonly number[]
  readonly returnValue?: number
  readonly output: Readonly<Record<string, unknown>>
}

export interface MssqlRequest {
  readonly overrides: { requestTimeout?: number }
  input (name: string, type: unknown, value?: unknown): MssqlRequest
  output (name: string, type: unknown): MssqlRequest
  query (sql: string): Promise<MssqlResult>
  batch (sql: string): Promise<MssqlResult>
  execute (procedure: string): Promise<MssqlResult>
  cancel (): void
}

export interface MssqlPool {
  readonly size: number
  /** How many of its connections are in use. */
  readonly borrowed: number
  /** How many requests wait for one. */
  readonly pending: number
  connect (): Promise<MssqlPool>
  close (): Promise<void>
  request (): MssqlRequest
  on (event: 'error', listener: (error: Error) => void): void
  listenerCount (event: 'error'): number
}

export interface MssqlTransaction {
  begin (isolation?: number): Promise<void>
  commit (): Promise<void>
  rollback (): Promise<void>
}

export interface MssqlPrepared {
  input (name: string, type: unknown): void
  prepare (sql: string): Promise<void>
  execute (values: Readonly<Record<string, unknown>>): Promise<MssqlResult>
  unprepare (): Promise<void>
}

type TypeOf = (...args: readonly number[]) => unknown

export interface Mssql {
  readonly ConnectionPool: (new (config: unknown) => MssqlPool) & { parseConnectionString (url: string): object }
  readonly Transaction: new (pool: MssqlPool) => MssqlTransaction
  readonly Request: new (parent: MssqlPool | MssqlTransaction) => MssqlRequest
  readonly PreparedStatement: new (parent: MssqlPool | MssqlTransaction) => MssqlPrepared
  readonly ISOLATION_LEVEL: Readonly<Record<string, number>>
  readonly MAX: number
  readonly Char: TypeOf
  readonly VarChar: TypeOf
  readonly NChar: TypeOf
  readonly NVarChar: TypeOf
  readonly VarBinary: TypeOf
  readonly Binary: TypeOf
  readonly Int: TypeOf
  readonly BigInt: TypeOf
  readonly Bit: TypeOf
  readonly Float: TypeOf
  readonly Decimal: TypeOf
  readonly DateTime: TypeOf
  readonly DateTime2: TypeOf
  readonly DateTimeOffset: TypeOf
  readonly Date: TypeOf
}

/** The unmodified driver. */
export const mssql = createRequire(import.meta.url)('mssql') as Mssql

/** The number of the server's error, or the code of the driver's error. */
export async function failure (work: Promise<unknown>): Promise<number | string> {
  try {
    await work
  } catch (error) {
    const { number, code } = error as { number?: number, code?: string }
    return number ?? code ?? String(error)
  }
  return 'no error'
}
