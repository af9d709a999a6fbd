import { GobWriter } from './writer.js'
import { builtInId, DEFINITION_KINDS, type DefinitionKind, type GoType } from './types.js'

/** How many sequences of definitions are kept to be written again. */
const MOST = 256

/**
 * The definitions that a session begins with: the ids of types, and the bytes that define them. They do not change. More types
 * make other definitions, which are kept: most sessions of an application have the same types in the same order.
 */
export class WrittenDefinitions {
  readonly bytes: Buffer
  readonly #ids: ReadonlyMap<GoType, number>
  readonly #next: number
  #following = new WeakMap<GoType, WrittenDefinitions>()
  /** The definitions that all others follow, and how many those are. */
  readonly #tree: { readonly root: WrittenDefinitions, count: number }

  /**
   * @param ids types that need no definition here, by their ids
   * @param next the first free id
   */
  constructor (ids: ReadonlyMap<GoType, number>, next: number, bytes: Buffer = Buffer.alloc(0), tree?: { readonly root: WrittenDefinitions, count: number }) {
    this.#ids = ids
    this.#next = next
    this.bytes = bytes
    this.#tree = tree ?? { root: this, count: 0 }
  }

  /** The id of a type; undefined if there is none yet. */
  id (type: GoType): number | undefined {
    return builtInId(type) ?? this.#ids.get(type)
  }

  /** These definitions, and that of one more type. */
  with (type: GoType): WrittenDefinitions {
    const known = this.#following.get(type)
    if (known !== undefined) return known
    if (++this.#tree.count > MOST) {
      this.#tree.root.#following = new WeakMap()
      this.#tree.count = 0
    }
    const following = this.#define(type)
    this.#following.set(type, following)
    return following
  }

  #define (type: GoType): WrittenDefinitions {
    const ids = new Map(this.#ids)
    const due = [type]
    ids.set(type, this.#next)
    let next = this.#next + 1
    const id = (type: GoType): number => {
      const known = builtInId(type) ?? ids.get(type)
      if (known !== undefined) return known
      due.push(type)
      ids.set(type, next)
      return next++
    }
    const writer = new GobWriter(0, 64)
    writer.raw(this.bytes)
    for (let one; (one = due.shift()) !== undefined;) writeDefinition(writer, one, id)
    return new WrittenDefinitions(ids, next, writer.from(0), this.#tree)
  }
}

type IdOf = (type: GoType) => number

/** Writes the message that defines a type. A field that is zero is left out, as Go does it. */
function writeDefinition (writer: GobWriter, type: GoType, idOf: IdOf): void {
  const id = idOf(type)
  const start = writer.begin()
  writer.signed(-id)
  writer.unsigned(DEFINITION_KINDS.indexOf(kindOf(type)) + 1)
  writer.unsigned(1)
  writeNameAndId(writer, 'name' in type ? type.name : '', id)
  writer.unsigned(0)
  writeParts(writer, type, idOf)
  writer.unsigned(0)
  writer.unsigned(0)
  writer.finish(start)
}

function writeParts (writer: GobWriter, type: GoType, idOf: IdOf): void {
  const part = (value: number) => {
    writer.unsigned(1)
    writer.signed(value)
  }
  if (type.kind === 'map') part(idOf(type.key))
  if ('elem' in type) part(idOf(type.elem))
  if (type.kind === 'array' && type.length !== 0) part(type.length)
  if (type.kind !== 'struct' || type.fields.length === 0) return
  writer.unsigned(1)
  writer.unsigned(type.fields.length)
  for (const field of type.fields) {
    writeNameAndId(writer, field.name, idOf(field.type))
    writer.unsigned(0)
  }
}

function kindOf (type: GoType): DefinitionKind {
  switch (type.kind) {
    case 'array': return 'ArrayT'
    case 'slice': return 'SliceT'
    case 'struct': return 'StructT'
    case 'map': return 'MapT'
    case 'opaque': return type.by
    default: throw new TypeError(`The type ${type.kind} needs no definition`)
  }
}

function writeNameAndId (writer: GobWriter, name: string, id: number): void {
  if (name !== '') {
    writer.unsigned(1)
    writer.text(name)
  }
  writer.unsigned(name === '' ? 2 : 1)
  writer.signed(id)
}
