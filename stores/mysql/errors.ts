import type { ErrorKind } from '../sql/database.js'

/*
 * What the errors of MySQL and its relatives mean. Numbers: MySQL's and MariaDB's error references; 8022, 8028 and 9007
 * are in TiDB's.
 */

/** The number of an error that the server sent; 0 for any other error. */
export function errorNumber (error: unknown): number {
  return typeof error === 'object' && error !== null && 'errno' in error && typeof error.errno === 'number' && error.errno > 0 ? error.errno : 0
}

/** What an error of a statement means. */
export function kindOf (error: unknown): ErrorKind {
  const number = errorNumber(error)
  if (number === 1180 && isConflictAtCommit(error)) return 'undone'
  if (number === 1105 && isVitessAway(error)) return 'unavailable'
  return KINDS.get(number) ?? (number > 0 ? 'failed' : 'unknown')
}

/**
 * The server this connection leads to takes no writes: it is a replica, was the primary until a failover, is shutting down,
 * or has no quorum. It did nothing. A new connection may lead to the primary.
 */
export function isFromReadOnlyServer (error: unknown): boolean {
  return [1290, 1792, 1836, 1047, 1053].includes(errorNumber(error))
}

/** Somebody left LOCK TABLES on the connection. The statement did nothing. */
export function isUnderTableLock (error: unknown): boolean {
  return [1099, 1100].includes(errorNumber(error))
}

/** SQL that this server will never accept, or a right that is missing: SQLSTATE class 42, "syntax error or access rule violation". */
export function isRefusedForGood (error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'sqlState' in error && typeof error.sqlState === 'string' && error.sqlState.startsWith('42') &&
    kindOf(error) === 'failed'
}

/** The server takes only encrypted connections. MySQL has a number for it (3159), Vitess and PlanetScale have none. */
export function needsEncryption (error: unknown): boolean {
  return error instanceof Error && /\binsecure (transport|connections)\b/i.test(error.message)
}

/** An error of the driver or of Node.js that says that an option is wrong, or a file that it names is missing: no retry will help. */
export function isWrongOption (error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  // The driver replaces the code of a certificate error by this one. A lost connection has the same code.
  if (code === 'HANDSHAKE_SSL_ERROR' && /certificate/.test(error.message)) return true
  return WRONG_OPTION.test(code) || ('syscall' in error && error.syscall === 'open')
}

const WRONG_OPTION = /^(ERR_(SOCKET_BAD_PORT|INVALID_|OUT_OF_RANGE|OSSL_|TLS_CERT_ALTNAME)|HANDSHAKE_NO_SSL_SUPPORT|CERT_HAS_EXPIRED|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/

/** Group Replication and Galera refuse a commit that conflicts with another node's as "error 149 - Lock deadlock; Retry transaction". */
function isConflictAtCommit (error: unknown): boolean {
  return error instanceof Error && /\b149\b/.test(error.message)
}

/** Vitess reports "unknown error" for a tablet that is not serving: the code is in the message (vtgate's gRPC codes). */
function isVitessAway (error: unknown): boolean {
  return error instanceof Error && /unavailable|deadline_?exceeded|no healthy tablet|not serving/i.test(error.message)
}

const KINDS: ReadonlyMap<number, ErrorKind> = new Map<number, ErrorKind>([
  [1213, 'undone'], // deadlock
  [1020, 'undone'], // changed since it was read (MariaDB, innodb_snapshot_isolation)
  [3101, 'undone'], // conflict with another member (Group Replication)
  [9007, 'undone'], // write conflict (TiDB)
  [8022, 'undone'], // the commit failed and was rolled back (TiDB)
  [8028, 'undone'], // the table's definition changed meanwhile (TiDB)
  [1205, 'locked'], // lock wait timeout
  [1317, 'locked'], // interrupted, as by our KILL QUERY
  [1969, 'locked'], // max_statement_time (MariaDB)
  [3024, 'locked'], // max_execution_time (MySQL)
  [1062, 'duplicate'],
  [1146, 'missing'],
  // Too many connections, shutting down, without quorum, read-only; 3100: a replication hook failed; 9001 to 9005: TiDB's storage.
  ...[1040, 1047, 1053, 1203, 1226, 1290, 1836, 3100, 9001, 9002, 9003, 9005].map((number): [number, ErrorKind] => [number, 'unavailable']),
  ...[1044, 1045, 1049, 1130, 1142, 1143, 1227, 1251, 1698, 3118].map((number): [number, ErrorKind] => [number, 'refused'])
])
