import type { Codec } from './codec.js'
import { gobCodec, isOfScs } from './gob/codec.js'
import { FORMAT } from '../../stores/format.js'
import { asBuffer } from '../../stores/bytes.js'

/** What to do about data that a codec cannot decode, as the end of a message; empty if nothing is known of the data. */
export function advice (data: Uint8Array, codec: Codec): string {
  if (codec !== gobCodec && isOfScs(data)) return '. SCS has written the row: share its sessions with { codec: \'gob\' }, or use a table or a cookie of your own'
  const isText = asBuffer(data).toString('latin1', 0, FORMAT.length) === FORMAT
  if (codec === gobCodec && isText) return '. The default codec has written the row, which SCS cannot read either: use the same codec everywhere, or a table or a cookie of your own'
  return ''
}
