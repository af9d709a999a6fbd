import { createServer } from 'node:net'
import type { AddressInfo, Server as TcpServer } from 'node:net'
import { Connection } from './connection.js'
import type { RecordedStatement } from './connection.js'
import type { MariaDbOptions } from './engine/mariadb.js'
import { Server } from './engine/server.js'
import { Faults } from './faults.js'

export type { RecordedStatement } from './connection.js'
export type { Faults } from './faults.js'

export interface TdsFrontOptions {
  /** The MariaDB behind the front, and a database of its own in it. */
  readonly mariadb: MariaDbOptions
  /** The only login: 'sa' and 'Secret-1' by default. */
  readonly user?: string
  readonly password?: string
  /** What clients call the database. Default: as in MariaDB. */
  readonly database?: string
  /** Further databases of that MariaDB, for USE. Clients call them by the same names. Default: none. */
  readonly moreDatabases?: readonly string[]
  /** READ_COMMITTED_SNAPSHOT of ALTER DATABASE: readers do not wait for writers. Default false, as in SQL Server. */
  readonly readCommittedSnapshot?: boolean
  /** Behaves as Babelfish where that differs from SQL Server, see babelfish.ts. Readers do not wait for writers. Default false. */
  readonly babelfish?: boolean
}

/** What `new mssql.ConnectionPool()` takes. */
export interface MssqlConfig {
  readonly server: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly options: { readonly encrypt: false, readonly trustServerCertificate: true }
}

export interface TdsFront {
  readonly port: number
  /** A connection string for the mssql driver. */
  readonly url: string
  readonly config: MssqlConfig
  /** All requests that arrived, in order. Clear it with `statements.length = 0`. */
  readonly statements: RecordedStatement[]
  readonly faults: Faults
  /** How many clients are logged in. */
  readonly connections: number
  /** Cuts the connection of this number (see RecordedStatement), as a network failure would. */
  dropConnection (connection: number): void
  /** Cuts every connection. */
  dropConnections (): void
  /** Cuts every connection and refuses new ones, until `up()`. */
  down (): Promise<void>
  up (): Promise<void>
  close (): Promise<void>
}

/** Speaks TDS on a port of 127.0.0.1, so that the mssql driver finds a SQL Server there. */
export async function startTdsFront (options: TdsFrontOptions): Promise<TdsFront> {
  const account = { user: options.user ?? 'sa', password: options.password ?? 'Secret-1' }
  const database = options.database ?? options.mariadb.database
  const databases = new Map([[database, options.mariadb.database], ...(options.moreDatabases ?? []).map((name): [string, string] => [name, name])])
  const faults = new Faults()
  const babelfish = options.babelfish ?? false
  const server = new Server(options.mariadb, database, databases, faults, options.readCommittedSnapshot ?? babelfish, babelfish)
  // Rejects here, not at the first login, if MariaDB cannot be reached.
  await server.catalog()
  const statements: RecordedStatement[] = []
  const connections = new Set<Connection>()
  let spid = 50
  const listen = async (port: number): Promise<TcpServer> => {
    const listener = createServer((socket) => {
      const connection = new Connection(socket, server, account, ++spid, (statement) => statements.push(statement))
      connections.add(connection)
      socket.on('close', () => connections.delete(connection))
    })
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject)
      listener.listen(port, '127.0.0.1', () => resolve())
    })
    return listener
  }
  let tcp = await listen(0)
  const { port } = tcp.address() as AddressInfo
  const dropConnections = () => {
    for (const connection of connections) connection.destroy()
  }
  const down = async () => {
    const closed = new Promise<void>((resolve) => tcp.close(() => resolve()))
    dropConnections()
    await closed
  }
  return {
    port,
    url: `Server=127.0.0.1,${port};Database=${database};User Id=${account.user};Password=${account.password};Encrypt=false;TrustServerCertificate=true`,
    config: { server: '127.0.0.1', port, ...account, database, options: { encrypt: false, trustServerCertificate: true } },
    statements,
    faults,
    get connections () { return [...connections].filter((connection) => connection.loggedIn).length },
    dropConnection: (wanted) => {
      for (const connection of connections) if (connection.spid === wanted) connection.destroy()
    },
    dropConnections,
    down,
    up: async () => { tcp = await listen(port) },
    close: async () => {
      await down()
      await server.close()
    }
  }
}
