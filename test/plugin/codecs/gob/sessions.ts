import type { SessionContent } from '../../../../plugin/codecs/codec.js'
import { gobCodec } from '../../../../plugin/codecs/gob/index.js'
import type { Note } from '../../../../plugin/codecs/gob/notes.js'

const DEADLINE = Date.UTC(2027, 2, 4)

/** A session that is not remembered. */
export function sessionOf (values: Readonly<Record<string, unknown>>): SessionContent {
  return { deadline: DEADLINE, rememberMe: undefined, values: new Map(Object.entries(values)) }
}

/** A session as a next request finds it. */
export function stored (content: SessionContent): SessionContent {
  return gobCodec.decode(gobCodec.encode(content))
}

/** The names of the types that Go finds in a session. */
export function goTypes (content: SessionContent): Record<string, string | undefined> {
  const { values, notes } = stored(content)
  return Object.fromEntries([...values].map(([key, value]) => [key, (notes?.get(key) as Note | undefined)?.name ?? usual(value)]))
}

/** Of these nothing is noted, because they are written so anyway. */
function usual (value: unknown): string | undefined {
  if (value === null) return 'nil'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  if (Array.isArray(value)) return '[]interface {}'
  if (value instanceof Date) return 'time.Time'
  if (value instanceof Uint8Array) return '[]uint8'
  return typeof value === 'object' ? 'map[string]interface {}' : undefined
}
