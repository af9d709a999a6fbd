import { formatMoment, parseMoment, shift } from '../dates.js'
import { decode1252, encode1252 } from '../text.js'
import { family, isInteger, isUnicode } from '../types.js'
import type { SqlType, Value } from '../types.js'

/** Writes a value as a MariaDB literal. */
export function toLiteral (t: SqlType, value: Value): string {
  if (value === null) return 'NULL'
  switch (family(t)) {
    case 'text': {
      const bytes = isUnicode(t) ? Buffer.from(String(value)) : encode1252(String(value))
      return `${isUnicode(t) ? '_utf8mb4' : '_latin1'} X'${bytes.toString('hex')}'`
    }
    case 'binary': return `X'${(value as Buffer).toString('hex')}'`
    case 'time': return timeLiteral(t, String(value))
    default:
      if (typeof value === 'number') return `(${value}e0)`.replace(/e0\)$/, String(value).includes('e') ? ')' : 'e0)')
      return String(value).startsWith('-') ? `(${String(value)})` : String(value)
  }
}

function timeLiteral (t: SqlType, text: string): string {
  if (t.name === 'time') return `TIME'${text.slice(0, 15)}'`
  if (t.name === 'date') return `DATE'${text.slice(0, 10)}'`
  const moment = parseMoment(text)
  if (moment === undefined) throw new Error(`no date: ${text}`)
  // A datetimeoffset is stored as UTC, so that it compares by its moment. MariaDB stores six digits and rounds the seventh.
  const utc = t.name === 'datetimeoffset' ? shift(moment, -moment.offset) : moment
  const ticks = (utc.ticks + 5n) / 10n * 10n
  return `TIMESTAMP'${formatMoment(ticks < 864_000_000_000n ? { ...utc, ticks } : utc).slice(0, 26)}'`
}

/** Reads a value of MariaDB's text protocol. */
export function fromText (t: SqlType, bytes: Buffer | null): Value {
  if (bytes === null) return null
  switch (family(t)) {
    case 'binary': return Buffer.from(bytes)
    case 'text': return isUnicode(t) ? bytes.toString() : decode1252(bytes)
    case 'time': {
      const text = bytes.toString()
      if (t.name === 'date') return text.slice(0, 10)
      if (t.name === 'time') return text
      const full = text.length === 10 ? `${text} 00:00:00` : text
      return t.name === 'datetimeoffset' ? `${full} +00:00` : full
    }
    default: {
      const text = bytes.toString()
      if (isInteger(t)) return BigInt(text.split('.')[0] ?? '0')
      return t.name === 'decimal' ? text : Number(text)
    }
  }
}
