import { Definitions, type Following } from './definitions.js'
import { damaged, type GobReader } from './reader.js'

/*
 * A session begins with definitions of types, and has more of them before its values. A program writes the same bytes in most
 * of its sessions, so what they define is kept, and they need not be read again. It is a tree: each node is what has been
 * defined up to a place, and its branches are the definitions that have been seen to follow.
 */

/** How many branches are kept, and how long one is at most, in bytes. */
const MOST = 256
const LONGEST = 4096

let root = new Definitions()
let branches = 0

/** What is defined where a session begins. */
export function noDefinitions (): Definitions {
  return root
}

/**
 * Reads all definitions that follow, of which there is at least one. Returns what is defined after them.
 *
 * @param isInside whether they are those of an interface's value: then the message may go on after a definition
 */
export function definitionsAfter (before: Definitions, reader: GobReader, isInside: boolean): Definitions {
  const { following } = before
  for (let i = 0; i < following.length; i++) {
    const { bytes, begun, definitions } = following[i] as Following
    if (begun !== reader.left || !reader.skipped(bytes)) continue
    // What is usual is found first.
    if (i > 0) following.unshift(...following.splice(i, 1))
    return definitions
  }
  return readOn(before, reader, isInside)
}

function readOn (before: Definitions, reader: GobReader, isInside: boolean): Definitions {
  const definitions = new Definitions(before)
  const [start, begun] = [reader.position, reader.left]
  for (let id; (id = reader.definitionId()) !== undefined;) {
    definitions.read(id, reader)
    if (reader.left === 0) continue
    if (!isInside) throw damaged('a definition is longer than it should be')
    // The size of what follows, of which Go takes no notice either.
    reader.unsigned()
  }
  const length = reader.position - start
  // From now on several sessions use them, so they must be complete, and end where a message ends.
  if (reader.left === 0 && length <= LONGEST && definitions.isComplete()) {
    if (++branches > MOST) {
      root = new Definitions()
      branches = 0
    } else {
      before.following.push({ bytes: reader.bytes.toString('latin1', start, reader.position), begun, definitions })
    }
  }
  return definitions
}
