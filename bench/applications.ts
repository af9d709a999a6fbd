/** One of the applications that are measured side by side. */
export interface Application {
  readonly name: string
  readonly title: string
  /** Where its sessions are. */
  readonly store: 'mysql' | 'mssql' | 'memory' | 'none'
  /** Its module in apps/, or undefined for the one in Go. */
  readonly module?: string
  /** Its own settings. */
  readonly settings?: Readonly<Record<string, unknown>>
}

export const applications: readonly Application[] = [
  { name: 'ceiling', title: 'Fastify without sessions (ceiling)', store: 'none', module: 'ceiling' },
  { name: 'ours', title: 'fastify-sql-sessions', store: 'mysql', module: 'ours-mysql' },
  { name: 'scs', title: 'SCS in Go + mysqlstore', store: 'mysql' },
  // The driver's own switch that saves it preparing each statement anew: what SCS can do at best.
  { name: 'scs-interpolated', title: 'SCS in Go + mysqlstore, interpolateParams', store: 'mysql', settings: { interpolate: true } },
  { name: 'fastify-session', title: '@fastify/session + express-mysql-session', store: 'mysql', module: 'fastify-session-mysql' },
  { name: 'express-session', title: 'express-session + express-mysql-session', store: 'mysql', module: 'express-session' },
  { name: 'ours-memory', title: 'fastify-sql-sessions, memory', store: 'memory', module: 'ours-memory' },
  { name: 'fastify-session-memory', title: '@fastify/session, memory', store: 'memory', module: 'fastify-session-memory' },
  { name: 'ours-mssql', title: 'fastify-sql-sessions, SQL Server', store: 'mssql', module: 'ours-mssql' },
  { name: 'fastify-session-mssql', title: '@fastify/session + connect-mssql-v2', store: 'mssql', module: 'fastify-session-mssql' }
]

/** Whether an application is this package's. */
export const isOurs = ({ name }: Application): boolean => name.startsWith('ours')

/** Whether an application is a peer on Node, by the name. */
export const isNodePeer = ({ name }: Application): boolean => /^(fastify|express)-session/.test(name)
