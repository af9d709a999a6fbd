const scratch = new DataView(new ArrayBuffer(8))
/** Below this a loop is faster than a call of the Buffer's. */
const SHORT = 32
/** A number is at most 64 bits, and a count of their bytes. */
export const LONGEST_NUMBER = 9
const LONE_SURROGATE = /\p{Surrogate}/u

/** Writes the tokens of encoding/gob, see reader.ts, into a buffer that grows. */
export class GobWriter {
  #bytes: Buffer
  #end: number

  /**
   * @param reserve how many bytes stay free at the beginning, to be filled later
   * @param room how many bytes fit before the buffer has to grow
   */
  constructor (reserve: number, room: number) {
    this.#bytes = Buffer.allocUnsafe(reserve + room)
    this.#end = reserve
  }

  /** How many bytes have been written, the reserved ones included. */
  get end (): number {
    return this.#end
  }

  /** What has been written, from `start` on. */
  from (start: number): Buffer {
    return this.#bytes.subarray(start, this.#end)
  }

  /** Writes bytes as they are. */
  raw (bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    if (bytes.length > SHORT) this.#bytes.set(bytes, this.#end)
    else for (let i = 0; i < bytes.length; i++) this.#bytes[this.#end + i] = bytes[i] as number
    this.#end += bytes.length
  }

  /** Fills reserved bytes so that they end at `end`. Returns where they start. */
  fillUpTo (end: number, bytes: Uint8Array): number {
    this.#bytes.set(bytes, end - bytes.length)
    return end - bytes.length
  }

  unsigned (value: number | bigint): void {
    this.#reserve(LONGEST_NUMBER)
    if (typeof value === 'bigint') {
      scratch.setBigUint64(0, value)
      this.#long()
    } else if (value < 0x80) {
      this.#bytes[this.#end++] = value
    } else {
      scratch.setUint32(0, value / 0x1_0000_0000)
      scratch.setUint32(4, value)
      this.#long()
    }
  }

  signed (value: number | bigint): void {
    // Twice the number is safe only up to half the limit.
    if (typeof value === 'bigint' || Math.abs(value) > 2 ** 51) {
      const big = BigInt(value)
      this.unsigned(BigInt.asUintN(64, big < 0n ? (~big << 1n) | 1n : big << 1n))
    } else {
      this.unsigned(value < 0 ? -2 * value - 1 : 2 * value)
    }
  }

  float (value: number): void {
    this.#reserve(LONGEST_NUMBER)
    scratch.setFloat64(0, value, true)
    this.#long()
  }

  /** Bytes with their length in front. */
  bytes (bytes: Uint8Array): void {
    this.unsigned(bytes.length)
    this.raw(bytes)
  }

  /** A string with its length in UTF-8 in front. False, and nothing is written, if it has half a surrogate pair. */
  text (text: string): boolean {
    if (text.length <= SHORT && this.#ascii(text)) return true
    const size = Buffer.byteLength(text)
    if (size > text.length && LONE_SURROGATE.test(text)) return false
    this.unsigned(size)
    this.#reserve(size)
    this.#end += this.#bytes.write(text, this.#end)
    return true
  }

  /** Leaves room for a count of the bytes up to {@link finish}, which gets what this returns. */
  begin (): number {
    this.#reserve(1)
    return ++this.#end
  }

  /** Writes the count of the bytes from `start` on in front of them. */
  finish (start: number): void {
    const size = this.#end - start
    if (size < 0x80) {
      this.#bytes[start - 1] = size
      return
    }
    const count = unsignedToken(size)
    this.#reserve(count.length)
    this.#bytes.copyWithin(start - 1 + count.length, start, this.#end)
    this.#bytes.set(count, start - 1)
    this.#end += count.length - 1
  }

  /** A short text of ASCII. Writes nothing, and returns false, for any other. */
  #ascii (text: string): boolean {
    this.#reserve(1 + SHORT)
    const bytes = this.#bytes
    const start = this.#end
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) return false
      bytes[start + 1 + i] = code
    }
    bytes[start] = text.length
    this.#end = start + 1 + text.length
    return true
  }

  /** The number in `scratch`, without the zeros in front. */
  #long (): void {
    let first = 0
    while (first < 7 && scratch.getUint8(first) === 0) first++
    const lowest = scratch.getUint8(first)
    if (first < 7 || lowest >= 0x80) this.#bytes[this.#end++] = 256 - (8 - first)
    for (let i = first; i < 8; i++) this.#bytes[this.#end++] = scratch.getUint8(i)
  }

  #reserve (length: number): void {
    const needed = this.#end + length
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}

/** An unsigned number as a token. */
export function unsignedToken (value: number): Buffer {
  const writer = new GobWriter(0, LONGEST_NUMBER)
  writer.unsigned(value)
  return writer.from(0)
}
