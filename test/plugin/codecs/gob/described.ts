/** A value of Go as the program in test/scs/gob describes it: its type and itself, of a time its offset in seconds too; null for nil. */
export type Described = null | readonly [type: string, value: unknown, offset?: number]

const NAMED: ReadonlyMap<string, string> = new Map([
  ['main.UserID', 'int64'], ['main.Role', 'string'], ['main.Roles', '[]main.Role'], ['main.Raw', '[]uint8'], ['main.Flags', 'map[string]bool'],
  ['net.IP', '[]uint8'], ['time.Duration', 'int64'], ['time.Month', 'int'], ['time.Weekday', 'int'], ['json.RawMessage', '[]uint8']
])
/** These encode themselves. */
const OPAQUE = ['main.Money', 'main.Stamp', '*big.Int', '*big.Float', '*big.Rat', '*url.URL', 'netip.Addr', 'netip.Prefix']
/** Money that is zero. Its field is left out on the wire, so its bytes are not known here. */
const NO_MONEY = 'ff0000'

/** The value in JavaScript of what Go describes. */
export function valueOf (described: Described): unknown {
  if (described === null) return null
  const [name, value] = described
  const type = NAMED.get(name) ?? name
  if (type === 'time.Time') return new Date(String(value).replace(/^(\d{5}-)/, '+0$1'))
  if (OPAQUE.includes(type)) return value === NO_MONEY ? null : bytesOf(value)
  if (type.startsWith('*')) return valueOf(value as Described)
  if (/^u?int/.test(type)) return integerOf(String(value))
  if (type.startsWith('float')) return floatOf(String(value))
  if (type.startsWith('complex')) return (value as string[]).map(floatOf)
  if (type === '[]uint8') return bytesOf(value)
  if (type.startsWith('map[')) return mapOf(type, value as ReadonlyArray<readonly [Described, Described]> | null)
  if (Array.isArray(value)) return (value as Described[]).map(valueOf)
  if (type === 'string' && typeof value === 'object') return Buffer.from((value as { hex: string }).hex, 'hex').toString()
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([field, part]) => [field, valueOf(part as Described)]))
}

function bytesOf (hex: unknown): Uint8Array {
  return new Uint8Array(Buffer.from(String(hex), 'hex'))
}

function integerOf (digits: string): number | bigint {
  return Number.isSafeInteger(Number(digits)) ? Number(digits) : BigInt(digits)
}

function floatOf (bits: string): number {
  return bits === 'NaN' ? NaN : Buffer.from(bits.padStart(16, '0'), 'hex').readDoubleBE()
}

function mapOf (type: string, entries: ReadonlyArray<readonly [Described, Described]> | null): unknown {
  const pairs = (entries ?? []).map(([key, value]) => [valueOf(key), valueOf(value)] as const)
  return /^map\[(string|main\.Role)\]/.test(type) ? Object.fromEntries(pairs) : new Map(pairs)
}
