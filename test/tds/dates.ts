import { timeBytes } from './types.js'

// TDS sends dates as days since 0001-01-01 and times as ticks of 100 ns. The front keeps them as text, see types.ts.
const DAY_MS = 86_400_000
const YEAR_ONE = -62_135_596_800_000 / DAY_MS
const YEAR_1900 = -2_208_988_800_000 / DAY_MS
const TICKS = 10_000_000n

export interface Moment {
  /** Days since 1970-01-01. */
  readonly days: number
  /** 100 ns since midnight. */
  readonly ticks: bigint
  /** Minutes east of UTC, of a datetimeoffset. */
  readonly offset: number
}

const PATTERN = /^(\d{4})-?(\d\d)-?(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,7})\d*)?)?)?(?:\s*(Z|[+-]\d\d:\d\d))?$/

/** Parses a date in a format that no language setting changes. Returns undefined for any other text. */
export function parseMoment (text: string): Moment | undefined {
  const match = PATTERN.exec(text.trim())
  if (match === null) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = ''] = match
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  if (date.getUTCMonth() !== Number(month) - 1 || Number(year) === 0) return undefined
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second)
  const sign = zone.startsWith('-') ? -1 : 1
  const offset = zone.includes(':') ? sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6))) : 0
  return { days: date.getTime() / DAY_MS, ticks: BigInt(seconds) * TICKS + BigInt(fraction.padEnd(7, '0')), offset }
}

export function formatMoment (moment: Moment, withOffset = false): string {
  const date = new Date(moment.days * DAY_MS)
  const year = String(date.getUTCFullYear()).padStart(4, '0')
  const seconds = moment.ticks / TICKS
  const two = (n: number | bigint) => String(n).padStart(2, '0')
  const text = `${year}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())} ` +
    `${two(seconds / 3600n)}:${two(seconds / 60n % 60n)}:${two(seconds % 60n)}.${String(moment.ticks % TICKS).padStart(7, '0')}`
  if (!withOffset) return text
  const minutes = Math.abs(moment.offset)
  return `${text} ${moment.offset < 0 ? '-' : '+'}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`
}

/** The same moment, as local time of another zone. */
export function shift (moment: Moment, minutes: number): Moment {
  const dayTicks = 86400n * TICKS
  const ticks = moment.ticks + BigInt(minutes) * 60n * TICKS
  const days = ticks < 0n ? -1 : ticks >= dayTicks ? 1 : 0
  return { days: moment.days + days, ticks: ticks - BigInt(days) * dayTicks, offset: moment.offset }
}

export function writeDate (moment: Moment): Buffer {
  const bytes = Buffer.allocUnsafe(3)
  bytes.writeUIntLE(moment.days - YEAR_ONE, 0, 3)
  return bytes
}

export function writeTime (moment: Moment, scale: number): Buffer {
  const bytes = Buffer.allocUnsafe(timeBytes(scale))
  bytes.writeUIntLE(Number(moment.ticks / 10n ** BigInt(7 - scale)), 0, bytes.length)
  return bytes
}

export function readDate (bytes: Buffer): number {
  return bytes.readUIntLE(0, 3) + YEAR_ONE
}

export function readTime (bytes: Buffer, scale: number): bigint {
  return BigInt(bytes.readUIntLE(0, bytes.length)) * 10n ** BigInt(7 - scale)
}

/** datetime: days since 1900, and units of 1/300 second. */
export function writeDateTime (moment: Moment): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeInt32LE(moment.days - YEAR_1900, 0)
  bytes.writeUInt32LE(Math.round(Number(moment.ticks) * 3 / 100_000), 4)
  return bytes
}

export function readDateTime (bytes: Buffer): Moment {
  const hundredths = bytes.readUInt32LE(4)
  return { days: bytes.readInt32LE(0) + YEAR_1900, ticks: BigInt(Math.round(hundredths * 10 / 3)) * 10_000n, offset: 0 }
}

export function readSmallDateTime (bytes: Buffer): Moment {
  return { days: bytes.readUInt16LE(0) + YEAR_1900, ticks: BigInt(bytes.readUInt16LE(2)) * 60n * TICKS, offset: 0 }
}

export function writeSmallDateTime (moment: Moment): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt16LE(moment.days - YEAR_1900, 0)
  bytes.writeUInt16LE(Number(moment.ticks / TICKS / 60n), 2)
  return bytes
}
