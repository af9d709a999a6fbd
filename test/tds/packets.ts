import { ProtocolError } from './bytes.js'

export const PacketType = {
  sqlBatch: 0x01, rpc: 0x03, response: 0x04, attention: 0x06, bulkLoad: 0x07, transaction: 0x0e, login7: 0x10, prelogin: 0x12
} as const

const HEADER = 8
const END_OF_MESSAGE = 0x01
const IGNORE = 0x02
const RESET_CONNECTION = 0x08
const RESET_CONNECTION_SKIP_TRANSACTION = 0x10

export interface Message {
  readonly type: number
  readonly body: Buffer
  /** The client gave up while it was sending. */
  readonly ignore: boolean
  /** The connection must be reset before this message runs. */
  readonly reset: boolean
}

/** Assembles messages from chunks of any size. */
export class MessageReader {
  #pending: Buffer = Buffer.alloc(0)
  #parts: Buffer[] = []
  #reset = false

  push (chunk: Buffer): Message[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const messages: Message[] = []
    while (this.#pending.length >= HEADER) {
      const length = this.#pending.readUInt16BE(2)
      if (length < HEADER) throw new ProtocolError(`a packet of ${length} bytes`)
      if (this.#pending.length < length) break
      const status = this.#pending.readUInt8(1)
      if (this.#parts.length === 0) this.#reset = (status & (RESET_CONNECTION | RESET_CONNECTION_SKIP_TRANSACTION)) !== 0
      this.#parts.push(this.#pending.subarray(HEADER, length))
      if ((status & END_OF_MESSAGE) !== 0) {
        const type = this.#pending.readUInt8(0)
        messages.push({ type, body: Buffer.concat(this.#parts), ignore: (status & IGNORE) !== 0, reset: this.#reset })
        this.#parts = []
      }
      this.#pending = this.#pending.subarray(length)
    }
    return messages
  }
}

/** Splits a response into packets of at most `size` bytes, headers included. A token may be split anywhere. */
export function packets (body: Buffer, size: number, spid: number): Buffer[] {
  const list: Buffer[] = []
  const room = size - HEADER
  let offset = 0
  do {
    const part = body.subarray(offset, offset + room)
    offset += part.length
    const header = Buffer.alloc(HEADER)
    header.writeUInt8(PacketType.response, 0)
    header.writeUInt8(offset >= body.length ? END_OF_MESSAGE : 0, 1)
    header.writeUInt16BE(HEADER + part.length, 2)
    header.writeUInt16BE(spid & 0xffff, 4)
    header.writeUInt8((list.length + 1) & 0xff, 6)
    list.push(Buffer.concat([header, part]))
  } while (offset < body.length)
  return list
}
