import { isUtf8 } from 'node:buffer'
import { names } from './names.js'
import { UndecodableError } from '../../errors.js'
import { asBuffer } from '../../../stores/bytes.js'

/*
 * The tokens of encoding/gob: numbers, strings and messages. Every length is checked against the bytes that there are
 * before anything is allocated for it.
 */

/** A part of a string that is not longer than this holds no reference to the whole in V8. */
const SHORT = 12
const scratch = new DataView(new ArrayBuffer(8))
const scratchBytes = new Uint8Array(scratch.buffer)
/** What decoding puts in place of bytes that are not UTF-8. It may also be in the text itself. */
const REPLACEMENT = '\ufffd'

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

  constructor (bytes: Uint8Array) {
    this.bytes = asBuffer(bytes)
    this.position = this.#end = 0
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

  /** The id of the type of a value. Undefined, with the position unchanged, if a definition follows. */
  valueId (): number | undefined {
    const { position } = this
    const end = this.#end
    if (position === end) this.message()
    const id = this.typeId()
    return id >= 0 ? id : this.#back(position, end)
  }

  /** The id of a type whose definition follows. Undefined, with the position unchanged, if a value follows. */
  definitionId (): number | undefined {
    const { position } = this
    const end = this.#end
    if (position === end) this.message()
    const id = this.typeId()
    return id < 0 ? -id : this.#back(position, end)
  }

  /** Passes over bytes, a character each, at the end of which a message ends. False if it is other bytes that follow. */
  skipped (bytes: string): boolean {
    const end = this.position + bytes.length
    // In V8 this takes less time than startsWith.
    if (this.#text.slice(this.position, end) !== bytes) return false
    this.position = this.#end = end
    return true
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
    const end = this.#pass(256 - first)
    let value = bytes[start] as number
    for (let i = start + 1; i < end; i++) value = value * 256 + (bytes[i] as number)
    if (value <= Number.MAX_SAFE_INTEGER) return value
    for (let i = end - 1, to = 7; to >= 0; i--, to--) scratchBytes[to] = i >= start ? bytes[i] as number : 0
    return scratch.getBigUint64(0)
  }

  /** The lowest bit says whether the others are to be complemented. */
  signed (): number | bigint {
    const bits = this.unsigned()
    if (typeof bits === 'number') {
      if (bits < 2 ** 31) return (bits & 1) === 0 ? bits >> 1 : ~(bits >> 1)
      return bits % 2 === 0 ? bits / 2 : -(bits + 1) / 2
    }
    const value = (bits & 1n) === 0n ? bits >> 1n : ~(bits >> 1n)
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  }

  /** The bytes of a float64 are sent in reverse as an unsigned number, which has no zeros in front. */
  float (): number {
    if (this.position >= this.#end) throw damaged('it ends too early')
    const first = this.bytes[this.position] as number
    const start = first < 0x80 ? this.position : this.position + 1
    const end = first < 0x80 ? ++this.position : (this.position++, this.#pass(256 - first))
    for (let i = end - 1, to = 7; to >= 0; i--, to--) scratchBytes[to] = i >= start ? this.bytes[i] as number : 0
    return scratch.getFloat64(0, true)
  }

  /** Passes over bytes with their length in front. Returns where they start; they end at the position. */
  skip (): number {
    const length = this.length()
    const start = this.position
    this.position = start + length
    return start
  }

  /** A view on bytes with their length in front. */
  view (): Buffer {
    const start = this.skip()
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
    const text = bytes.toString('utf8', start, end)
    if (!text.includes(REPLACEMENT) || isUtf8(bytes.subarray(start, end))) return text
    this.position = before
    return undefined
  }

  /**
   * A string that names something. Names are the same in session after session, and one that was read before is found sooner
   * than it is made. Undefined, with the position unchanged, for other bytes than UTF-8.
   */
  name (): string | undefined {
    const before = this.position
    const length = this.length()
    const start = this.position
    const known = names.at(this.bytes, start, length)
    if (known !== undefined) {
      this.position = start + length
      return known
    }
    this.position = before
    const text = this.text()
    if (text !== undefined) names.add(this.bytes, start, length, text)
    return text
  }

  /** All bytes as a string of the same length. A part of it is made faster than of the bytes. */
  get #text (): string {
    this.#latin1 ??= this.bytes.toString('latin1')
    return this.#latin1
  }

  #back (position: number, end: number): undefined {
    this.position = position
    this.#end = end
  }

  /** The end of so many bytes from here on, of which there are at most 8. */
  #pass (length: number): number {
    if (length > 8) throw damaged('a number has more than 64 bits')
    if (length > this.left) throw damaged('it ends too early')
    this.position += length
    return this.position
  }
}
