import { damaged, type GobReader } from './reader.js'
import { ANY_MAP, ANY_SLICE, BUILT_IN, builtInId, INTERFACE, isSame, TIME, type GoType } from './types.js'
import { GobWriter } from './writer.js'
import { MOST_LEVELS } from '../limits.js'

/** The lowest id of a type that has a definition. */
const FIRST_ID = 64

/** The fields of Go's wireType, in their order. A definition has one of them. */
const KINDS = ['ArrayT', 'SliceT', 'StructT', 'MapT', 'GobEncoderT', 'BinaryMarshalerT', 'TextMarshalerT'] as const

/** A definition as it is on the wire, where types are ids. */
interface Definition {
  readonly kind: typeof KINDS[number]
  readonly name: string
  readonly elem: number
  readonly key: number
  readonly length: number
  readonly fields: ReadonlyArray<{ readonly name: string, readonly id: number }>
}

/** The types that a gob has defined so far. */
export class Definitions {
  readonly #base: Definitions | undefined
  #definitions: Map<number, Definition> | undefined
  #types: Map<number, GoType> | undefined

  /** @param base definitions that went before. They stay as they are. */
  constructor (base?: Definitions) {
    this.#base = base
  }

  /** Reads the definition of a type. A type may be used in a definition before it is defined itself. */
  read (id: number, reader: GobReader): void {
    if (id < FIRST_ID || this.#definition(id) !== undefined) throw damaged('a type is defined twice')
    this.#definitions ??= new Map()
    this.#definitions.set(id, readDefinition(reader))
  }

  /** The type of an id. */
  type (id: number): GoType {
    return BUILT_IN[id] ?? this.#resolved(id) ?? this.#resolve(id, 0)
  }

  /** Whether every type that is used in these definitions is among them. */
  isComplete (): boolean {
    try {
      for (const id of this.#definitions?.keys() ?? []) this.type(id)
      return true
    } catch {
      // Those that use what is missing are not complete either.
      this.#types = undefined
      return false
    }
  }

  #definition (id: number): Definition | undefined {
    return this.#definitions?.get(id) ?? (this.#base === undefined ? undefined : this.#base.#definition(id))
  }

  #resolved (id: number): GoType | undefined {
    return this.#types?.get(id) ?? (this.#base === undefined ? undefined : this.#base.#resolved(id))
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
    const types = this.#types ??= new Map()
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
    const kind = KINDS[index += delta]
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

/** Gives ids to types, and writes the definitions of those that need one. */
export class DefinitionWriter {
  #writer: GobWriter | undefined
  readonly #known: ReadonlyMap<GoType, number>
  readonly #ids = new Map<GoType, number>()
  /** Types that have an id and no definition yet. */
  readonly #due: GoType[] = []
  #next: number

  /**
   * @param known types that have been defined, by their ids
   * @param next the first free id
   */
  constructor (known: ReadonlyMap<GoType, number>, next: number) {
    this.#known = known
    this.#next = next
  }

  /** The definitions that were written, if there are any. */
  get written (): Buffer | undefined {
    return this.#writer?.from(0)
  }

  /** The id of a type. If it needs a definition and has none, that is written now. */
  id (type: GoType): number {
    const id = this.#reserve(type)
    for (let due; (due = this.#due.shift()) !== undefined;) this.#define(due)
    return id
  }

  #reserve (type: GoType): number {
    const known = builtInId(type) ?? this.#known.get(type) ?? this.#ids.get(type)
    if (known !== undefined) return known
    this.#ids.set(type, this.#next)
    this.#due.push(type)
    return this.#next++
  }

  /** Writes the message that defines a type. A field that is zero is left out, as Go does it. */
  #define (type: GoType): void {
    const writer = this.#writer ??= new GobWriter(0, 64)
    const id = this.#reserve(type)
    writer.counted(() => {
      writer.signed(-id)
      writer.unsigned(KINDS.indexOf(kindOf(type)) + 1)
      writer.unsigned(1)
      writeNameAndId(writer, 'name' in type ? type.name : '', id)
      writer.unsigned(0)
      this.#parts(writer, type)
      writer.unsigned(0)
      writer.unsigned(0)
    })
  }

  #parts (writer: GobWriter, type: GoType): void {
    const part = (value: number) => {
      writer.unsigned(1)
      writer.signed(value)
    }
    if (type.kind === 'map') part(this.#reserve(type.key))
    if ('elem' in type) part(this.#reserve(type.elem))
    if (type.kind === 'array' && type.length !== 0) part(type.length)
    if (type.kind !== 'struct' || type.fields.length === 0) return
    writer.unsigned(1)
    writer.unsigned(type.fields.length)
    for (const field of type.fields) {
      writeNameAndId(writer, field.name, this.#reserve(field.type))
      writer.unsigned(0)
    }
  }
}

function kindOf (type: GoType): Definition['kind'] {
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
