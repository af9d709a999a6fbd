import { Definitions } from './definitions.js'
import { damaged, GobReader } from './reader.js'
import { asBuffer } from '../../../stores/bytes.js'

/*
 * A session begins with the definitions of its types. They are the same in most sessions that a program writes, so the
 * last few beginnings are kept, and need not be read again.
 */

interface Beginning {
  readonly bytes: Buffer
  readonly definitions: Definitions
}

const NOTHING: Beginning = { bytes: Buffer.alloc(0), definitions: new Definitions() }
const MOST = 8
const LONGEST = 1024

/** The longest first, because one may begin with another. */
let known: readonly Beginning[] = [NOTHING]

/** Reads the definitions at the beginning of a session. `position` is where they end. */
export function beginning (data: Uint8Array): { readonly position: number, readonly definitions: Definitions } {
  const buffer = asBuffer(data)
  const { bytes, definitions } = known.find(({ bytes }) => startsWith(buffer, bytes)) as Beginning
  const reader = new GobReader(buffer, bytes.length)
  reader.message()
  if (reader.typeId() >= 0) return { position: bytes.length, definitions }
  return readOn(buffer, bytes.length, definitions)
}

function startsWith (buffer: Buffer, bytes: Buffer): boolean {
  const { length } = bytes
  return length === 0 || (buffer.length > length && buffer[length - 2] === bytes[length - 2] && bytes.compare(buffer, 0, length) === 0)
}

function readOn (buffer: Buffer, start: number, base: Definitions): { readonly position: number, readonly definitions: Definitions } {
  const definitions = new Definitions(base)
  const reader = new GobReader(buffer, start)
  let position = start
  for (;;) {
    reader.message()
    const id = reader.typeId()
    if (id >= 0) break
    definitions.read(-id, reader)
    if (reader.left > 0) throw damaged('a definition is longer than it should be')
    position = reader.position
  }
  // From then on several sessions use them, so they must be complete.
  if (position <= LONGEST && definitions.isComplete()) {
    const others = known.length < MOST ? known : [NOTHING]
    known = [...others, { bytes: Buffer.from(buffer.subarray(0, position)), definitions }].sort((a, b) => b.bytes.length - a.bytes.length)
  }
  return { position, definitions }
}
