import type { ByteReader } from './bytes.js'
import { ProtocolError, int32, uint16, uint32, uint64, uint8 } from './bytes.js'
import {
  formatMoment, parseMoment, readDate, readDateTime, readSmallDateTime, readTime, shift, writeDate, writeDateTime,
  writeSmallDateTime, writeTime
} from './dates.js'
import { decode1252, encode1252 } from './text.js'
import { MAX, maxBytes, type } from './types.js'
import type { SqlType, Value } from './types.js'

/** SQL_Latin1_General_CP1_CI_AS, the default. */
export const DEFAULT_COLLATION = Buffer.from([0x09, 0x04, 0xd0, 0x00, 0x34])
/** Latin1_General_100_BIN2. */
export const BIN2_COLLATION = Buffer.from([0x09, 0x04, 0x00, 0x22, 0x00])

const PLP = 0xffff

/** TYPE_INFO of a column or an output parameter. */
export function writeTypeInfo (t: SqlType, collation: Buffer = DEFAULT_COLLATION): Buffer {
  const size = t.length === MAX ? PLP : maxBytes(t)
  switch (t.name) {
    case 'bit': return Buffer.from([0x68, 1])
    case 'tinyint': case 'smallint': case 'int': case 'bigint': return Buffer.from([0x26, size])
    case 'float': case 'real': return Buffer.from([0x6d, size])
    case 'decimal': return Buffer.from([0x6a, size, t.precision, t.scale])
    case 'char': return Buffer.concat([uint8(0xaf), uint16(size), collation])
    case 'varchar': return Buffer.concat([uint8(0xa7), uint16(size), collation])
    case 'nchar': return Buffer.concat([uint8(0xef), uint16(size), collation])
    case 'nvarchar': return Buffer.concat([uint8(0xe7), uint16(size), collation])
    case 'binary': return Buffer.concat([uint8(0xad), uint16(size)])
    case 'varbinary': return Buffer.concat([uint8(0xa5), uint16(size)])
    case 'date': return uint8(0x28)
    case 'time': return Buffer.from([0x29, t.scale])
    case 'datetime': return Buffer.from([0x6f, 8])
    case 'smalldatetime': return Buffer.from([0x6f, 4])
    case 'datetime2': return Buffer.from([0x2a, t.scale])
    case 'datetimeoffset': return Buffer.from([0x2b, t.scale])
  }
}

/** A value in a row or an output parameter, with its length. */
export function writeValue (t: SqlType, value: Value): Buffer {
  const long = t.length > 0
  if (value === null) return t.length === MAX ? uint64(0xffffffffffffffffn) : long ? uint16(0xffff) : uint8(0)
  const bytes = encode(t, value)
  if (t.length === MAX) {
    const length = uint64(BigInt(bytes.length))
    return bytes.length === 0 ? Buffer.concat([length, uint32(0)]) : Buffer.concat([length, uint32(bytes.length), bytes, uint32(0)])
  }
  return Buffer.concat([long ? uint16(bytes.length) : uint8(bytes.length), bytes])
}

function encode (t: SqlType, value: Exclude<Value, null>): Buffer {
  switch (t.name) {
    case 'bit': case 'tinyint': return uint8(Number(value))
    case 'smallint': case 'int': case 'bigint': {
      const bytes = Buffer.allocUnsafe(8)
      bytes.writeBigInt64LE(BigInt(value as bigint))
      return bytes.subarray(0, maxBytes(t))
    }
    case 'float': {
      const bytes = Buffer.allocUnsafe(8)
      bytes.writeDoubleLE(Number(value))
      return bytes
    }
    case 'real': {
      const bytes = Buffer.allocUnsafe(4)
      bytes.writeFloatLE(Number(value))
      return bytes
    }
    case 'decimal': return encodeDecimal(String(value), t)
    case 'char': return encode1252(String(value).padEnd(t.length))
    case 'varchar': return encode1252(String(value))
    case 'nchar': return Buffer.from(String(value).padEnd(t.length), 'utf16le')
    case 'nvarchar': return Buffer.from(String(value), 'utf16le')
    case 'binary': return Buffer.concat([value as Buffer, Buffer.alloc(Math.max(0, t.length - (value as Buffer).length))])
    case 'varbinary': return value as Buffer
    default: return encodeMoment(t, String(value))
  }
}

function encodeDecimal (text: string, t: SqlType): Buffer {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.')
  let digits = BigInt(whole + fraction.slice(0, t.scale).padEnd(t.scale, '0'))
  const bytes = Buffer.alloc(maxBytes(t))
  bytes[0] = text.startsWith('-') ? 0 : 1
  for (let i = 1; i < bytes.length; i++, digits >>= 8n) bytes[i] = Number(digits & 0xffn)
  return bytes
}

function encodeMoment (t: SqlType, text: string): Buffer {
  const moment = parseMoment(t.name === 'time' ? `1900-01-01 ${text}` : text)
  if (moment === undefined) throw new Error(`no date: ${text}`)
  switch (t.name) {
    case 'date': return writeDate(moment)
    case 'time': return writeTime(moment, t.scale)
    case 'datetime': return writeDateTime(moment)
    case 'smalldatetime': return writeSmallDateTime(moment)
    case 'datetime2': return Buffer.concat([writeTime(moment, t.scale), writeDate(moment)])
    default: {
      // A datetimeoffset is sent as UTC, with its offset beside it.
      const utc = shift(moment, -moment.offset)
      const offset = int32(moment.offset).subarray(0, 2)
      return Buffer.concat([writeTime(utc, t.scale), writeDate(utc), offset])
    }
  }
}

/** Reads TYPE_INFO and value of a parameter. */
export function readParameter (reader: ByteReader): { type: SqlType, value: Value } {
  const id = reader.uint8()
  switch (id) {
    case 0x1f: return { type: type('int'), value: null }
    case 0x30: return { type: type('tinyint'), value: BigInt(reader.uint8()) }
    case 0x32: return { type: type('bit'), value: BigInt(reader.uint8()) }
    case 0x34: return { type: type('smallint'), value: BigInt(reader.take(2).readInt16LE()) }
    case 0x38: return { type: type('int'), value: BigInt(reader.int32()) }
    case 0x7f: return { type: type('bigint'), value: reader.take(8).readBigInt64LE() }
    case 0x26: return integer(reader)
    case 0x68: {
      reader.uint8()
      const bytes = short(reader)
      return { type: type('bit'), value: bytes === null ? null : BigInt(bytes.readUInt8()) }
    }
    case 0x6d: {
      const size = reader.uint8()
      const bytes = short(reader)
      const value = bytes === null ? null : size === 8 ? bytes.readDoubleLE() : bytes.readFloatLE()
      return { type: type(size === 8 ? 'float' : 'real'), value }
    }
    case 0x6a: case 0x6c: {
      reader.uint8()
      const precision = reader.uint8()
      const scale = reader.uint8()
      const bytes = short(reader)
      return { type: type('decimal', 0, scale, precision), value: bytes === null ? null : decodeDecimal(bytes, scale) }
    }
    case 0x6f: {
      const size = reader.uint8()
      const bytes = short(reader)
      const value = bytes === null ? null : formatMoment(size === 8 ? readDateTime(bytes) : readSmallDateTime(bytes))
      return { type: type(size === 8 ? 'datetime' : 'smalldatetime'), value }
    }
    case 0x28: {
      const bytes = short(reader)
      const value = bytes === null ? null : formatMoment({ days: readDate(bytes), ticks: 0n, offset: 0 }).slice(0, 10)
      return { type: type('date'), value }
    }
    case 0x29: case 0x2a: case 0x2b: return moment(reader, id)
    case 0xaf: case 0xa7: case 0xef: case 0xe7: case 0xad: case 0xa5: return long(reader, id)
    case 0x22: case 0x23: case 0x63: return old(reader, id)
    default: throw new ProtocolError(`a parameter of type 0x${id.toString(16)} is not known here`)
  }
}

function short (reader: ByteReader): Buffer | null {
  const size = reader.uint8()
  return size === 0 ? null : reader.take(size)
}

function integer (reader: ByteReader): { type: SqlType, value: Value } {
  const size = reader.uint8()
  const t = type(size === 1 ? 'tinyint' : size === 2 ? 'smallint' : size === 4 ? 'int' : 'bigint')
  const bytes = short(reader)
  if (bytes === null) return { type: t, value: null }
  if (size === 1) return { type: t, value: BigInt(bytes.readUInt8()) }
  return { type: t, value: size === 8 ? bytes.readBigInt64LE() : BigInt(bytes.readIntLE(0, size)) }
}

function decodeDecimal (bytes: Buffer, scale: number): string {
  let digits = 0n
  for (let i = bytes.length - 1; i > 0; i--) digits = (digits << 8n) | BigInt(bytes[i] ?? 0)
  const text = String(digits).padStart(scale + 1, '0')
  const value = scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`
  return bytes[0] === 0 && digits !== 0n ? `-${value}` : value
}

function moment (reader: ByteReader, id: number): { type: SqlType, value: Value } {
  const scale = reader.uint8()
  const bytes = short(reader)
  const t = type(id === 0x29 ? 'time' : id === 0x2a ? 'datetime2' : 'datetimeoffset', 0, scale)
  if (bytes === null) return { type: t, value: null }
  if (id === 0x29) {
    return { type: t, value: formatMoment({ days: 0, ticks: readTime(bytes, scale), offset: 0 }).slice(11) }
  }
  const end = id === 0x2b ? bytes.length - 2 : bytes.length
  const offset = id === 0x2b ? bytes.readInt16LE(end) : 0
  const utc = { days: readDate(bytes.subarray(end - 3, end)), ticks: readTime(bytes.subarray(0, end - 3), scale), offset }
  return { type: t, value: formatMoment(shift(utc, offset), id === 0x2b) }
}

function long (reader: ByteReader, id: number): { type: SqlType, value: Value } {
  const size = reader.uint16()
  const unicode = id === 0xef || id === 0xe7
  const text = unicode || id === 0xaf || id === 0xa7
  if (text) reader.take(5)
  const length = size === PLP ? MAX : unicode ? size / 2 : size
  const name = id === 0xaf ? 'char' : id === 0xa7 ? 'varchar' : id === 0xef ? 'nchar' : id === 0xe7 ? 'nvarchar' : id === 0xad ? 'binary' : 'varbinary'
  const t = type(name, length)
  let bytes: Buffer | null
  if (size === PLP) {
    bytes = reader.plp()
  } else {
    const used = reader.uint16()
    bytes = used === 0xffff ? null : reader.take(used)
  }
  if (bytes === null) return { type: t, value: null }
  return { type: t, value: unicode ? bytes.toString('utf16le') : text ? decode1252(bytes) : bytes }
}

/** Reads image, text and ntext as the (max) types that replaced them. */
function old (reader: ByteReader, id: number): { type: SqlType, value: Value } {
  reader.uint32()
  if (id !== 0x22) reader.take(5)
  const size = reader.int32()
  const bytes = size < 0 ? null : reader.take(size)
  const t = type(id === 0x22 ? 'varbinary' : id === 0x23 ? 'varchar' : 'nvarchar', MAX)
  if (bytes === null) return { type: t, value: null }
  return { type: t, value: id === 0x22 ? bytes : id === 0x23 ? decode1252(bytes) : bytes.toString('utf16le') }
}
