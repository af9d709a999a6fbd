import { plain, PROBES, type Dialect } from './dialect.js'
import { errorNumber } from './errors.js'
import { IS_READ_ONLY } from './statements.js'
import { StoreMisconfiguredError } from '../errors.js'

/** What a server can do. The store finds it out by trying, because names and versions do not tell it. */
export interface Abilities {
  readonly version: string
  readonly dialect: Dialect
  /**
   * An UPDATE of several rows tells which ones it updated, by counting in LAST_INSERT_ID. On Vitess and TiDB
   * LAST_INSERT_ID() within a statement is the value of the statement before: then each row has a statement of its own.
   */
  readonly countsRows: boolean
  /** The server is not read-only, and says so in a SELECT: then it also says when it has become so. */
  readonly watchesReadOnly: boolean
  /** What the server is a node of, if GET_LOCK holds on this node alone. */
  readonly locksAreLocalTo: string | undefined
  /** Settings of a cluster that the promises need, and that are otherwise. */
  readonly warnings: readonly string[]
}

/** No query about a server or a table returns more rows than this. */
const LEAST_ROW_LIMIT = 1000

/** Runs a statement and gives its rows. Values make it a prepared one. */
export type Query = (sql: string, values?: readonly unknown[]) => Promise<readonly unknown[][]>

/**
 * Finds out what a server can do. Throws `FST_SESSION_STORE_MISCONFIGURED` if it cannot serve the store.
 *
 * @param isOwnPool the store's connections are its own, so they can be set up
 */
export async function inspectServer (query: Query, isOwnPool: boolean): Promise<Abilities> {
  const [[version, autocommit] = []] = await query('SELECT VERSION(), @@autocommit + 0')
  if (Number(autocommit) === 0) {
    throw new StoreMisconfiguredError('The connections of the pool have autocommit off, so nothing would be saved. Give the sessions a pool of their own')
  }
  const rowLimit = Number(await first(query, 'SELECT @@sql_select_limit * 1e0'))
  // On Vitess 0 is no limit.
  if (rowLimit > 0 && rowLimit < LEAST_ROW_LIMIT) {
    throw new StoreMisconfiguredError(`The connections of the pool have sql_select_limit = ${rowLimit}, so the store would not get all rows that it asks for. Set sql_select_limit to DEFAULT, on the server too, or give the sessions a pool of their own`)
  }
  const dialect = await dialectOf(query)
  if (dialect.setup !== undefined && !isOwnPool) {
    throw new StoreMisconfiguredError(`The server (${String(version)}) cannot set the time zone of a statement, so the connections of the sessions must be their own. Give them a URL or options in place of a pool`)
  }
  const cluster = await settings(query)
  return {
    version: String(version),
    dialect,
    countsRows: await countsRows(query, dialect),
    watchesReadOnly: Number(await first(query, `SELECT ${IS_READ_ONLY} + 0`)) === 0,
    locksAreLocalTo: isGalera(cluster) ? 'a node of a Galera cluster' : hasSeveralPrimaries(cluster) ? 'in a replication group with several primaries' : undefined,
    warnings: warningsFor(cluster)
  }
}

async function dialectOf (query: Query): Promise<Dialect> {
  for (const [dialect, probe] of PROBES) if (Number(await first(query, probe)) === 660) return dialect
  return plain
}

async function countsRows (query: Query, dialect: Dialect): Promise<boolean> {
  // MySQL's own form leaves the last value on the connection; MariaDB's does not.
  const counts = 'LAST_INSERT_ID(0), LAST_INSERT_ID(LAST_INSERT_ID() | 1), LAST_INSERT_ID(LAST_INSERT_ID() | 4), LAST_INSERT_ID()'
  const probe = dialect.boundsLocks ? `SET STATEMENT last_insert_id=0 FOR SELECT ${counts}` : `SELECT ${counts}`
  const [row = []] = await answered(query, probe)
  return row.map(Number).join() === '0,1,5,5'
}

/** The first value of a statement; undefined if the server refuses the statement. */
async function first (query: Query, sql: string): Promise<unknown> {
  return (await answered(query, sql))[0]?.[0]
}

async function answered (query: Query, sql: string): Promise<readonly unknown[][]> {
  try {
    return await query(sql)
  } catch (error) {
    if (errorNumber(error) === 0) throw error
    return []
  }
}

async function settings (query: Query): Promise<ReadonlyMap<string, string>> {
  const rows = await answered(query, 'SHOW VARIABLES WHERE Variable_name IN (\'wsrep_on\', \'wsrep_cluster_address\', \'wsrep_sync_wait\', ' +
    '\'group_replication_group_name\', \'group_replication_single_primary_mode\', \'group_replication_consistency\')')
  return new Map(rows.map(([name, value]) => [String(name), String(value)]))
}

function isGalera (settings: ReadonlyMap<string, string>): boolean {
  return settings.get('wsrep_on') === 'ON' && settings.get('wsrep_cluster_address') !== ''
}

function hasSeveralPrimaries (settings: ReadonlyMap<string, string>): boolean {
  return (settings.get('group_replication_group_name') ?? '') !== '' && settings.get('group_replication_single_primary_mode') === 'OFF'
}

/** Reads, and the DELETE of a sign-out, must wait until the node has applied what other nodes committed. */
const BOTH = 3

function warningsFor (settings: ReadonlyMap<string, string>): string[] {
  const warnings: string[] = []
  const syncWait = settings.get('wsrep_sync_wait')
  if (isGalera(settings) && (Number(syncWait) & BOTH) !== BOTH) {
    warnings.push(`The server is a node of a Galera cluster with wsrep_sync_wait = ${syncWait}. If the connections of the sessions reach more than one node, a signed-out session can be read, or stay: SET GLOBAL wsrep_sync_wait = 3`)
  }
  const consistency = settings.get('group_replication_consistency')
  if (hasSeveralPrimaries(settings) && !/BEFORE$|AFTER$/.test(consistency ?? '')) {
    warnings.push(`The server is in a replication group with several primaries and group_replication_consistency = ${consistency}. If the connections of the sessions reach more than one of them, a signed-out session can be read, or stay: SET GLOBAL group_replication_consistency = 'BEFORE'`)
  }
  return warnings
}
