import { SqlError } from '../sql-error.js'
import { BIGINT, INT, family, type } from '../types.js'
import { computed } from './compiled.js'
import type { Compiled } from './compiled.js'
import { convert } from './convert.js'

const PARTS: Readonly<Record<string, string>> = {
  year: 'year',
  yy: 'year',
  yyyy: 'year',
  quarter: 'quarter',
  qq: 'quarter',
  q: 'quarter',
  month: 'month',
  mm: 'month',
  m: 'month',
  dayofyear: 'day',
  dy: 'day',
  y: 'day',
  day: 'day',
  dd: 'day',
  d: 'day',
  weekday: 'day',
  dw: 'day',
  week: 'week',
  wk: 'week',
  ww: 'week',
  hour: 'hour',
  hh: 'hour',
  minute: 'minute',
  mi: 'minute',
  n: 'minute',
  second: 'second',
  ss: 'second',
  s: 'second',
  millisecond: 'millisecond',
  ms: 'millisecond',
  microsecond: 'microsecond',
  mcs: 'microsecond',
  nanosecond: 'nanosecond',
  ns: 'nanosecond'
}

/** The microseconds of each date part that is a fraction or a multiple of a second. */
const MICROSECONDS: Readonly<Record<string, number>> = {
  microsecond: 1, millisecond: 1000, second: 1_000_000, minute: 60_000_000, hour: 3_600_000_000, day: 86_400_000_000
}

/** DATEADD, DATEDIFF, DATEDIFF_BIG, DATEPART. */
export function callDateFunction (name: string, part: string, args: readonly Compiled[]): Compiled {
  const unit = PARTS[part]
  const [first, second] = args
  if (unit === undefined) throw new SqlError(155, `'${part}' is not a recognized ${name.toLowerCase()} option.`, 15)
  if (name === 'DATEPART' && first !== undefined && args.length === 1) return datePart(unit, moment(first))
  if (first === undefined || second === undefined || args.length > 2 || name === 'DATEPART' || name === 'DATENAME') {
    throw new SqlError(174, `The ${name.toLowerCase()} function requires ${name === 'DATEPART' ? 2 : 3} argument(s).`, 15)
  }
  if (name === 'DATEADD') return dateAdd(unit, first, moment(second))
  return dateDiff(unit, moment(first), moment(second), name === 'DATEDIFF_BIG')
}

function moment (x: Compiled): Compiled {
  return family(x.type) === 'time' ? x : convert(x, type('datetime2', 0, 7))
}

/** Converts the number of DATEADD to INT, as SQL Server does. A BIGINT that does not fit is an error. */
function dateAdd (unit: string, number: Compiled, date: Compiled): Compiled {
  const n = convert(number, INT).sql
  const interval = unit === 'millisecond' ? `((${n}) * 1000) MICROSECOND` : unit === 'nanosecond' ? `((${n}) DIV 1000) MICROSECOND` : `(${n}) ${unit.toUpperCase()}`
  return computed(`DATE_ADD(${date.sql}, INTERVAL ${interval})`, date.type)
}

/** Counts the boundaries of the date part between two times, as T-SQL does. */
function dateDiff (unit: string, from: Compiled, to: Compiled, big: boolean): Compiled {
  const size = MICROSECONDS[unit]
  let sql: string
  if (unit === 'microsecond') {
    sql = `TIMESTAMPDIFF(MICROSECOND, ${from.sql}, ${to.sql})`
  } else if (unit === 'nanosecond') {
    sql = `(TIMESTAMPDIFF(MICROSECOND, ${from.sql}, ${to.sql}) * 1000)`
  } else if (size !== undefined) {
    const since = (x: Compiled) => `TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'0001-01-01 00:00:00', ${x.sql}) DIV ${size}`
    sql = `(${since(to)} - ${since(from)})`
  } else {
    const count = (x: Compiled) => unit === 'year'
      ? `YEAR(${x.sql})`
      : unit === 'week' ? `TO_DAYS(${x.sql}) DIV 7` : `(YEAR(${x.sql}) * 12 + MONTH(${x.sql}) - 1) DIV ${unit === 'quarter' ? 3 : 1}`
    sql = `(${count(to)} - ${count(from)})`
  }
  return big ? computed(sql, BIGINT) : computed(`IF(ABS(${sql}) > 2147483647, EXP(71099), ${sql})`, INT)
}

function datePart (unit: string, date: Compiled): Compiled {
  if (unit === 'millisecond') return computed(`(MICROSECOND(${date.sql}) DIV 1000)`, INT)
  if (unit === 'nanosecond') return computed(`(MICROSECOND(${date.sql}) * 1000)`, INT)
  return computed(`${unit.toUpperCase()}(${date.sql})`, INT)
}
