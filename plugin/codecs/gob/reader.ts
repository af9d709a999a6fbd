import { isUtf8 } from 'node:buffer'
import { UndecodableError } from '../../errors.js'
import { asBuffer } from '../../../stores/bytes.js'

/*
 * The tokens of encoding/gob: numbers, strings and messages. Every length is checked against the bytes that there are
 * before anything is allocated for it.
 */

/** A part of a string that is not longer than this holds no reference to the whole in V8. */
const SHORT = 12
const scratch = new DataView(new ArrayBuffer(8))

/** The error for bytes that are no session of SCS. `why` must not quote them: they are the session. */
export function damaged (why: string): Error {
  return new UndecodableError(`it is no session of SCS, or it is damaged: ${why}`)
}

/** Reads the tokens of a gob, message by message. Throws `FST_SESSION_UNDECODABLE` for what is no gob. */
export class GobReader {
  readonly bytes: Buffer
  position: number
  /** Where the current message ends. */
  #end: number
  #latin1: string | undefined

  constructor (bytes: Uint8Array, position = 0) {
    this.bytes = asBuffer(bytes)
    this.position = this.#end = position
  }

  /** How many bytes of the current message are left. */
  get left (): number {
    return this.#end - this.position
  }

  /** How many bytes are left at all. No value has more parts than this. */
  get leftInAll (): number {
    return this.bytes.length - this.position
  }

  /** Begins the next message. */
  message (): void {
    this.#end = this.bytes.length
    const length = this.length()
    this.#end = this.position + length
  }

  /** A count of bytes, all of which are in the message. */
  length (): number {
    const length = this.count()
    if (length > this.left) throw damaged('a length exceeds the data')
    return length
  }

  /** An unsigned number that is no value of the application's. */
  count (): number {
    const count = this.unsigned()
    if (typeof count === 'bigint') throw damaged('a count exceeds the data')
    return count
  }

  /** The id of a type; negative for a definition. */
  typeId (): number {
    const id = this.signed()
    if (typeof id === 'bigint') throw damaged('there is no type of such an id')
    return id
  }

  /** A bigint if the number is not a safe integer. */
  unsigned (): number | bigint {
    const { bytes } = this
    if (this.position >= this.#end) throw damaged('it ends too early')
    const first = bytes[this.position++] as number
    if (first < 0x80) return first
    const start = this.position
    const end = this.#skip(256 - first)
    let value = 0
    for (let i = start; i < end; i++) value = value * 256 + (bytes[i] as number)
    return value <= Number.MAX_SAFE_INTEGER ? value : BigInt(`0x${bytes.toString('hex', start, end)}`)
  }

  /** The lowest bit says whether the others are to be complemented. */
  signed (): number | bigint {
    const bits = this.unsigned()
    if (typeof bits === 'number') return bits % 2 === 0 ? bits / 2 : -(bits + 1) / 2
    const value = (bits & 1n) === 0n ? bits >> 1n : ~(bits >> 1n)
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  }

  /** The bytes of a float64 are sent in reverse as an unsigned number, which has no zeros in front. */
  float (): number {
    if (this.position >= this.#end) throw damaged('it ends too early')
    const first = this.bytes[this.position] as number
    const start = first < 0x80 ? this.position : this.position + 1
    const end = first < 0x80 ? ++this.position : (this.position++, this.#skip(256 - first))
    scratch.setFloat64(0, 0)
    for (let i = end - 1, to = 7; i >= start; i--, to--) scratch.setUint8(to, this.bytes[i] as number)
    return scratch.getFloat64(0, true)
  }

  /** A view on bytes with their length in front. */
  view (): Buffer {
    const length = this.length()
    const start = this.position
    this.position += length
    return this.bytes.subarray(start, this.position)
  }

  /** A string of UTF-8. Undefined, with the position unchanged, for other bytes. */
  text (): string | undefined {
    const before = this.position
    const length = this.length()
    const { bytes, position: start } = this
    const end = start + length
    this.position = end
    let i = start
    while (i < end && (bytes[i] as number) < 0x80) i++
    if (i === end) return length <= SHORT ? this.#text.slice(start, end) : bytes.toString('latin1', start, end)
    if (isUtf8(bytes.subarray(start, end))) return bytes.toString('utf8', start, end)
    this.position = before
    return undefined
  }

  /** All bytes as a string of the same length. A part of it is made faster than of the bytes. */
  get #text (): string {
    this.#latin1 ??= this.bytes.toString('latin1')
    return this.#latin1
  }

  /** The end of so many bytes from here on, of which there are at most 8. */
  #skip (length: number): number {
    if (length > 8) throw damaged('a number has more than 64 bits')
    if (length > this.left) throw damaged('it ends too early')
    this.position += length
    return this.position
  }
}
