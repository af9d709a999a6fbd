/** Reads the bytes that a client sent. Throws a ProtocolError past their end. */
export class ByteReader {
  readonly bytes: Buffer
  offset = 0

  constructor (bytes: Buffer) { this.bytes = bytes }

  get left (): number { return this.bytes.length - this.offset }

  take (count: number): Buffer {
    if (count < 0 || count > this.left) throw new ProtocolError(`${count} bytes expected, ${this.left} left`)
    this.offset += count
    return this.bytes.subarray(this.offset - count, this.offset)
  }

  uint8 (): number { return this.take(1).readUInt8() }
  uint16 (): number { return this.take(2).readUInt16LE() }
  uint32 (): number { return this.take(4).readUInt32LE() }
  int32 (): number { return this.take(4).readInt32LE() }
  uint64 (): bigint { return this.take(8).readBigUInt64LE() }

  /** Text with a one-byte length in characters. */
  bVarChar (): string { return this.take(this.uint8() * 2).toString('utf16le') }
  /** Text with a two-byte length in characters. */
  usVarChar (): string { return this.take(this.uint16() * 2).toString('utf16le') }

  /** A value in chunks ("partially length-prefixed"), or null. */
  plp (): Buffer | null {
    const length = this.uint64()
    if (length === 0xffffffffffffffffn) return null
    const chunks: Buffer[] = []
    for (let size = this.uint32(); size > 0; size = this.uint32()) chunks.push(this.take(size))
    return Buffer.concat(chunks)
  }
}

export class ProtocolError extends Error {}

export function uint8 (n: number): Buffer { return Buffer.from([n]) }

export function uint16 (n: number): Buffer {
  const b = Buffer.allocUnsafe(2)
  b.writeUInt16LE(n)
  return b
}

export function uint32 (n: number): Buffer {
  const b = Buffer.allocUnsafe(4)
  b.writeUInt32LE(n)
  return b
}

export function int32 (n: number): Buffer {
  const b = Buffer.allocUnsafe(4)
  b.writeInt32LE(n)
  return b
}

export function uint64 (n: bigint): Buffer {
  const b = Buffer.allocUnsafe(8)
  b.writeBigUInt64LE(n)
  return b
}

export function bVarChar (s: string): Buffer {
  return Buffer.concat([uint8(s.length), Buffer.from(s, 'utf16le')])
}

export function usVarChar (s: string): Buffer {
  return Buffer.concat([uint16(s.length), Buffer.from(s, 'utf16le')])
}
