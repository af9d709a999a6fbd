import type { Codec, Tracked } from './codec.js'

const EXAMPLE: Tracked = { began: 1_000_000_000_000, lastUsed: 1_000_000_060_000, userAgent: 'Mozilla/5.0 (é)', address: '::1' }
const NAMES = ['began', 'lastUsed', 'userAgent', 'address'] as const
/** Of the length of a hash. */
const ROW = { rowKey: 'k'.repeat(43) }

/** Whether a codec keeps what the option `track` keeps. Throws what the codec throws. */
export function keepsTracked (codec: Codec): boolean {
  const data = codec.encode({ deadline: 1_000_086_400_000, rememberMe: undefined, values: new Map(), tracked: EXAMPLE }, ROW)
  const { tracked } = codec.decode(data, ROW)
  return tracked !== undefined && NAMES.every(name => tracked[name] === EXAMPLE[name])
}
