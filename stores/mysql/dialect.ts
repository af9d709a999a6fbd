/** How a server is told to run one statement in UTC, to start a count at 0, and to give a locked row up. */
export interface Dialect {
  /** A whole statement from a verb and its rest. `lockSeconds` bounds the wait for a locked row, where the server can. */
  statement (verb: string, rest: string, lockSeconds?: number): string
  /** What an UPDATE that counts in LAST_INSERT_ID puts before its conditions, so that the count starts at 0. */
  readonly resetsCount: string
  /** Whether a statement can bound its wait for a locked row. */
  readonly boundsLocks: boolean
  /** What each connection is set up with. Only connections of the store's own can be. */
  readonly setup: string | undefined
}

const inZone = (zone: string) => `time_zone='${zone}'`
const UTC = inZone('+00:00')
const RESETS_COUNT = '(SELECT LAST_INSERT_ID(0) FROM (SELECT 1) AS zero) = 0 AND '

/** MariaDB sets variables for one statement. */
export const mariadb: Dialect = {
  statement: (verb, rest, lockSeconds) =>
    `SET STATEMENT ${UTC}${verb === 'UPDATE' ? ', last_insert_id=0' : ''}${lockSeconds === undefined ? '' : `, innodb_lock_wait_timeout=${lockSeconds}`} FOR ${verb} ${rest}`,
  resetsCount: '',
  boundsLocks: true,
  setup: undefined
}

/** MySQL does so by a hint, for some of its variables. */
export const mysql: Dialect = {
  statement: (verb, rest) => `${verb} /*+ SET_VAR(${UTC}) */ ${rest}`,
  resetsCount: RESETS_COUNT,
  boundsLocks: false,
  setup: undefined
}

/** A server that knows neither: its connections are set to UTC once, so they must be the store's own. */
export const plain: Dialect = {
  statement: (verb, rest) => `${verb} ${rest}`,
  resetsCount: RESETS_COUNT,
  boundsLocks: false,
  setup: `SET ${UTC}`
}

const MINUTES_FROM_UTC = 'TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW())'

/**
 * Statements that give 660 where the dialect works. They look at the time, not at the variable: TiDB shows a zone that was
 * set by a hint in `@@time_zone`, but does not use it.
 */
export const PROBES: ReadonlyArray<readonly [Dialect, string]> = [
  [mysql, `SELECT /*+ SET_VAR(${inZone('+11:00')}) */ ${MINUTES_FROM_UTC}`],
  [mariadb, `SET STATEMENT ${inZone('+11:00')} FOR SELECT ${MINUTES_FROM_UTC}`]
]
