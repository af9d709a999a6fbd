import type { Codec, RowContext } from './codec.js'
import { isEqual } from './equal.js'

/** Whether data still has this very value under the key. */
export type Holds = (key: string, value: unknown) => boolean

/**
 * Compares values that were decoded from this data, and may have been changed in place since, with the data. Nothing is done
 * before the first comparison.
 */
export function holdsOf (codec: Codec, data: Uint8Array, row: RowContext): Holds {
  if (codec.holds !== undefined) return (key, value) => codec.holds?.(data, key, value, row) === true
  let values: ReadonlyMap<string, unknown> | undefined
  return (key, value) => {
    values ??= codec.decode(data, row).values
    return values.has(key) && isEqual(value, values.get(key))
  }
}
