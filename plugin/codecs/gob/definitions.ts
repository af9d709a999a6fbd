import { damaged, type GobReader } from './reader.js'
import { ANY_MAP, ANY_SLICE, BUILT_IN, DEFINITION_KINDS, INTERFACE, isSame, TIME, type DefinitionKind, type GoType } from './types.js'
import { MOST_LEVELS } from '../limits.js'

/** The lowest id of a type that has a definition. */
const FIRST_ID = 64

/** Definitions that follow others, and their bytes. */
export interface Following {
  /** A character a byte. */
  readonly bytes: string
  /** How many of the bytes are in the message that has begun before. */
  readonly begun: number
  readonly definitions: Definitions
}

/** A definition as it is on the wire, where types are ids. */
interface Definition {
  readonly kind: DefinitionKind
  readonly name: string
  readonly elem: number
  readonly key: number
  readonly length: number
  readonly fields: ReadonlyArray<{ readonly name: string, readonly id: number }>
}

/** The types that a gob has defined up to some place. */
export class Definitions {
  readonly #before: Definitions | undefined
  readonly #definitions = new Map<number, Definition>()
  readonly #types = new Map<number, GoType>()
  /** What has been seen to follow, see known.ts. */
  readonly following: Following[] = []

  /** @param before definitions that go before these */
  constructor (before?: Definitions) {
    this.#before = before
  }

  /** Reads the definition of a type. A type may be used in a definition before it is defined itself. */
  read (id: number, reader: GobReader): void {
    if (id < FIRST_ID || this.#definition(id) !== undefined) throw damaged('a type is defined twice')
    this.#definitions.set(id, readDefinition(reader))
  }

  /** The type of an id. */
  type (id: number): GoType {
    return BUILT_IN[id] ?? this.#resolved(id) ?? this.#resolve(id, 0)
  }

  /** Whether every type that is used in these definitions is among them, or among those before. */
  isComplete (): boolean {
    try {
      for (const id of this.#definitions.keys()) this.type(id)
      return true
    } catch {
      // Those that use what is missing are not complete either.
      this.#types.clear()
      return false
    }
  }

  #definition (id: number): Definition | undefined {
    return this.#definitions.get(id) ?? (this.#before === undefined ? undefined : this.#before.#definition(id))
  }

  #resolved (id: number): GoType | undefined {
    return this.#types.get(id) ?? (this.#before === undefined ? undefined : this.#before.#resolved(id))
  }

  /** Replaces ids by types. A type may contain itself. */
  #resolve (id: number, depth: number): GoType {
    const known = BUILT_IN[id] ?? this.#resolved(id)
    if (known !== undefined) return known
    const definition = this.#definition(id)
    if (definition === undefined) throw damaged('a type is not defined')
    if (depth > MOST_LEVELS) throw damaged('its types are nested too deep')
    const { kind, name, length } = definition
    const part = (id: number): GoType => this.#resolve(id, depth + 1)
    switch (kind) {
      // A type must be known before its parts are, for they may contain it.
      case 'SliceT': return this.#complete(id, { kind: 'slice', name, elem: UNKNOWN }, () => ({ elem: part(definition.elem) }))
      case 'ArrayT': return this.#complete(id, { kind: 'array', name, length, elem: UNKNOWN }, () => ({ elem: part(definition.elem) }))
      case 'MapT': return this.#complete(id, { kind: 'map', name, key: UNKNOWN, elem: UNKNOWN }, () => ({ key: part(definition.key), elem: part(definition.elem) }))
      case 'StructT': return this.#complete(id, { kind: 'struct', name, fields: [] }, () => ({ fields: definition.fields.map(({ name, id }) => ({ name, type: part(id) })) }))
      default: return this.#complete(id, { kind: 'opaque', name, by: kind }, () => ({}))
    }
  }

  #complete (id: number, type: GoType, parts: () => Partial<GoType>): GoType {
    const types = this.#types
    types.set(id, type)
    Object.assign(type, parts())
    const same = USUAL.find(usual => isSame(usual, type)) ?? type
    types.set(id, same)
    return same
  }
}

/** Stands for a part of a type until that is known. */
const UNKNOWN: GoType = INTERFACE
/** Types of which there is one object, wherever they are defined. */
const USUAL: readonly GoType[] = [TIME, ANY_MAP, ANY_SLICE]

function readDefinition (reader: GobReader): Definition {
  let definition: Definition | undefined
  for (let index = -1, delta; (delta = reader.count()) !== 0;) {
    const kind = DEFINITION_KINDS[index += delta]
    if (kind === undefined || definition !== undefined) throw damaged('a definition is of no kind, or of several')
    definition = readKind(kind, reader)
  }
  if (definition === undefined) throw damaged('a definition is of no kind, or of several')
  return definition
}

/** The fields of a definition after its name and id, in their order. */
const PARTS: { readonly [kind in Definition['kind']]: ReadonlyArray<'elem' | 'length' | 'key' | 'fields'> } = {
  ArrayT: ['elem', 'length'], SliceT: ['elem'], StructT: ['fields'], MapT: ['key', 'elem'], GobEncoderT: [], BinaryMarshalerT: [], TextMarshalerT: []
}

function readKind (kind: Definition['kind'], reader: GobReader): Definition {
  const definition = { kind, name: '', elem: 0, key: 0, length: 0, fields: [] as Definition['fields'] }
  for (let index = -1, delta; (delta = reader.count()) !== 0;) {
    index += delta
    const part = PARTS[kind][index - 1]
    if (index === 0) definition.name = readNameAndId(reader).name
    else if (part === 'fields') definition.fields = readStructFields(reader)
    else if (part !== undefined) definition[part] = reader.typeId()
    else throw damaged('a definition has a field that there is not')
  }
  return definition
}

function readStructFields (reader: GobReader): Definition['fields'] {
  const count = reader.count()
  if (count > reader.left) throw damaged('a length exceeds the data')
  return Array.from({ length: count }, () => {
    const field = readNameAndId(reader)
    if (field.name === '') throw damaged('a field has no name')
    return field
  })
}

/** The name of a type and its id, or of a field and its type's. A field is preceded by how far its number is from the last one. */
function readNameAndId (reader: GobReader): { readonly name: string, readonly id: number } {
  const read = { name: '', id: 0 }
  for (let index = -1, delta; (delta = reader.count()) !== 0;) {
    index += delta
    if (index === 0) read.name = name(reader)
    else if (index === 1) read.id = reader.typeId()
    else throw damaged('a definition has a field that there is not')
  }
  return read
}

function name (reader: GobReader): string {
  const text = reader.text()
  if (text === undefined) throw damaged('a name is not UTF-8')
  return text
}
