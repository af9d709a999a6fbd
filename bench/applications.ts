/** One of the applications that are measured side by side. */
export interface Application {
  readonly name: string
  readonly title: string
  /** How it is set where that is not its default: its fastest usual setting. */
  readonly setting?: string
  /** Where its sessions are. */
  readonly store: Store
  /** Its module in apps/, or undefined for the one in Go. */
  readonly module?: string
  /** Its own settings. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** The folder of its build of this package, if it is not this one. */
  readonly build?: string
}

export type Store = 'mysql' | 'mssql' | 'memory' | 'none'

const applications: readonly Application[] = [
  { name: 'ceiling', title: 'Fastify + @fastify/cookie, no session (ceiling)', store: 'none', module: 'ceiling' },
  { name: 'ours', title: 'fastify-sql-sessions', store: 'mysql', module: 'ours-mysql' },
  { name: 'scs', title: 'SCS in Go + mysqlstore', store: 'mysql' },
  // The driver then sends one message per statement instead of three. This is the fastest that SCS can be.
  { name: 'scs-interpolated', title: 'SCS in Go + mysqlstore, interpolateParams', setting: 'interpolateParams', store: 'mysql', settings: { interpolate: true } },
  { name: 'fastify-session', title: '@fastify/session + express-mysql-session', setting: 'rolling: false, saveUninitialized: false', store: 'mysql', module: 'fastify-session-mysql' },
  { name: 'express-session', title: 'express-session + express-mysql-session', setting: 'resave: false, saveUninitialized: false, etag off', store: 'mysql', module: 'express-session' },
  // Without touches express-session writes nothing for a request that only reads. Few applications set this.
  { name: 'express-session-no-touch', title: 'express-session + express-mysql-session, disableTouch', setting: 'resave: false, saveUninitialized: false, etag off, disableTouch: true', store: 'mysql', module: 'express-session', settings: { disableTouch: true } },
  { name: 'ours-memory', title: 'fastify-sql-sessions, memory', store: 'memory', module: 'ours-memory' },
  { name: 'fastify-session-memory', title: '@fastify/session, memory', setting: 'rolling: false, saveUninitialized: false', store: 'memory', module: 'fastify-session-memory' },
  { name: 'ours-mssql', title: 'fastify-sql-sessions, SQL Server', store: 'mssql', module: 'ours-mssql' },
  { name: 'fastify-session-mssql', title: '@fastify/session + connect-mssql-v2', setting: 'rolling: false, saveUninitialized: false', store: 'mssql', module: 'fastify-session-mssql' }
]

/** The end of the name of an application with another build of this package. */
const OTHER_BUILD = '-other'

/** The application of that name, or undefined. The other build of `ours` is `ours-other`. */
export function applicationOf (name: string): Application | undefined {
  const known = applications.find((application) => application.name === name)
  if (known !== undefined || !name.endsWith(OTHER_BUILD)) return known
  const ours = applications.find((application) => application.name === name.slice(0, -OTHER_BUILD.length))
  return ours && { ...ours, name, title: `${ours.title}, the other build` }
}

/** The same application with the build of this package in a folder. */
export function withBuild (application: Application, build: string): Application {
  return { ...application, name: `${application.name}${OTHER_BUILD}`, title: `${application.title}, the other build`, build }
}

/** Whether an application of that name is this package's, in this build or another. */
export const isOurs = (name: string): boolean => name.startsWith('ours')

/** Whether an application of that name is a peer on Node. */
export const isNodePeer = (name: string): boolean => /^(fastify|express)-session/.test(name)

/** Among these names the application of this package that one is compared with, or undefined for that one itself. */
export function rivalOf (name: string, names: readonly string[]): string | undefined {
  const ours = names.filter((other) => isOurs(other) && !other.endsWith(OTHER_BUILD))
  if (ours.includes(name)) return undefined
  const store = applicationOf(name)?.store
  return ours.find((other) => applicationOf(other)?.store === store) ?? ours[0]
}
