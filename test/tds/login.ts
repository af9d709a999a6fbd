import { ByteReader } from './bytes.js'
import type { Message } from './packets.js'

export interface Login {
  readonly user: string
  readonly password: string
  readonly database: string
  readonly application: string
  readonly packetSize: number
}

/** The server's half of the pre-login: version 16, no encryption, no MARS. */
export function preloginReply (): Buffer {
  const options: readonly (readonly [number, Buffer])[] = [
    [0x00, Buffer.from([16, 0, 0x10, 0, 0, 0])], [0x01, Buffer.from([0x02])], [0x02, Buffer.from([0])], [0x03, Buffer.alloc(0)],
    [0x04, Buffer.from([0])]
  ]
  const index = Buffer.alloc(options.length * 5 + 1)
  let offset = index.length
  options.forEach(([token, data], i) => {
    index.writeUInt8(token, i * 5)
    index.writeUInt16BE(offset, i * 5 + 1)
    index.writeUInt16BE(data.length, i * 5 + 3)
    offset += data.length
  })
  index.writeUInt8(0xff, index.length - 1)
  return Buffer.concat([index, ...options.map(([, data]) => data)])
}

export function readLogin (message: Message): Login {
  const { body } = message
  // After the fixed part each text has its offset in bytes and its length in characters.
  const field = (at: number) => {
    const reader = new ByteReader(body.subarray(at))
    const offset = reader.uint16()
    const length = reader.uint16() * 2
    return Buffer.from(new ByteReader(body.subarray(offset)).take(length))
  }
  const password = field(44)
  // TDS obfuscates the password: nibbles are swapped, and every byte is XORed.
  for (const [i, byte] of password.entries()) {
    const plain = byte ^ 0xa5
    password[i] = (plain << 4 | plain >> 4) & 0xff
  }
  return {
    user: field(40).toString('utf16le'),
    password: password.toString('utf16le'),
    application: field(48).toString('utf16le'),
    database: field(68).toString('utf16le'),
    packetSize: body.readUInt32LE(8)
  }
}
