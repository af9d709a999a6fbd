/*
 * The types of Go, as far as Go's encoding/gob tells them apart (see its package documentation, "Encoding Details").
 */

type BasicKind = 'bool' | 'string' | 'bytes' | 'complex' | 'interface'

export type BasicType = { readonly [K in BasicKind]: { readonly kind: K } }[BasicKind]

/** A definition on the wire does not tell the size of a number. There it is 64. */
export interface NumberType { readonly kind: 'int' | 'uint' | 'float', readonly bits: number }

/** `name` is what the type's definition calls it. It only serves error messages in Go, and may be empty. */
export interface SliceType { readonly kind: 'slice', readonly name: string, readonly elem: GoType }

export interface ArrayType { readonly kind: 'array', readonly name: string, readonly elem: GoType, readonly length: number }

export interface MapType { readonly kind: 'map', readonly name: string, readonly key: GoType, readonly elem: GoType }

export interface Field { readonly name: string, readonly type: GoType }

export interface StructType { readonly kind: 'struct', readonly name: string, readonly fields: readonly Field[] }

/** A type that encodes itself. `by` is the field of Go's wireType that says how. */
export interface OpaqueType { readonly kind: 'opaque', readonly name: string, readonly by: 'GobEncoderT' | 'BinaryMarshalerT' | 'TextMarshalerT' }

export type GoType = BasicType | NumberType | SliceType | ArrayType | MapType | StructType | OpaqueType

/** A type under the name by which `gob.Register` knows it: what an interface value says of itself. */
export interface Registered {
  readonly name: string
  readonly type: GoType
  /** Such values are written as this type anyway, so nothing has to be remembered of them. */
  readonly isUsual?: boolean
}

const number = (kind: NumberType['kind'], bits: number): GoType => ({ kind, bits })

export const BOOL: GoType = { kind: 'bool' }
export const STRING: GoType = { kind: 'string' }
export const BYTES: GoType = { kind: 'bytes' }
export const COMPLEX: GoType = { kind: 'complex' }
export const INTERFACE: GoType = { kind: 'interface' }
export const INT = number('int', 64)
export const UINT = number('uint', 64)
export const FLOAT = number('float', 64)
/** The package `time` gives its type the methods of gob.GobEncoder. */
export const TIME: OpaqueType = { kind: 'opaque', name: 'Time', by: 'GobEncoderT' }
export const ANY_MAP: MapType = { kind: 'map', name: 'map[string]interface {}', key: STRING, elem: INTERFACE }
export const ANY_SLICE: SliceType = { kind: 'slice', name: '', elem: INTERFACE }

/** The types that need no definition, by their ids. */
export const BUILT_IN: ReadonlyArray<GoType | undefined> = [undefined, BOOL, INT, UINT, FLOAT, BYTES, STRING, COMPLEX, INTERFACE]

const BUILT_IN_IDS: { readonly [kind in GoType['kind']]?: number } = {
  bool: 1, int: 2, uint: 3, float: 4, bytes: 5, string: 6, complex: 7, interface: 8
}

/** The id of a type that needs no definition. */
export function builtInId ({ kind }: GoType): number | undefined {
  return BUILT_IN_IDS[kind]
}

/** The types without a name of their own that have no parts, by their names in Go. */
const SIMPLE: ReadonlyMap<string, GoType> = new Map([
  ['int', INT], ['string', STRING], ['bool', BOOL], ['float64', FLOAT], ['uint', UINT], ['uintptr', UINT],
  ...[8, 16, 32, 64].flatMap(bits => [[`int${bits}`, number('int', bits)], [`uint${bits}`, number('uint', bits)]] as const),
  ['float32', number('float', 32)], ['complex128', COMPLEX], ['complex64', COMPLEX],
  ['interface {}', INTERFACE], ['time.Time', TIME]
])
/** What a Go programmer may write, and how Go prints it. */
const ALIASES: ReadonlyMap<string, string> = new Map([['byte', 'uint8'], ['rune', 'int32'], ['any', 'interface {}'], ['interface{}', 'interface {}']])

/** The types of the values of JavaScript that have but one usual type. Of numbers an integer may be a float in Go. */
const USUAL = ['string', 'bool', '[]uint8', 'time.Time', '[]interface {}', 'map[string]interface {}']

const known = new Map<string, Registered>()
/** The same by the length of their names in bytes, with these. */
const knownByLength: Array<Array<{ readonly bytes: Uint8Array, readonly registered: Registered }> | undefined> = []

/**
 * The type of a name such as `int64`, `[]string` or `map[string]interface {}`, under the name that Go registers it by.
 * Undefined for any other name, that of a struct for example.
 */
export function typeNamed (text: string): Registered | undefined {
  return known.get(text) ?? parse(text)
}

/** The usual type whose name is in these bytes. This is faster than to make a string of them first. */
export function typeNamedAt (bytes: Uint8Array, start: number, length: number): Registered | undefined {
  const candidates = knownByLength[length]
  if (candidates === undefined) return undefined
  for (const { bytes: name, registered } of candidates) {
    let i = length - 1
    while (i >= 0 && name[i] === bytes[start + i]) i--
    if (i === -1) return registered
  }
  return undefined
}

function parse (text: string): Registered | undefined {
  const name = ALIASES.get(text) ?? text
  const simple = SIMPLE.get(name)
  if (simple !== undefined) return { name, type: simple }
  if (text.startsWith('map[')) return parseMap(text)
  const [head, length] = /^\[(\d*)\]/.exec(text) ?? []
  if (head === undefined || length === undefined) return undefined
  const elem = typeNamed(text.slice(head.length))
  if (elem === undefined) return undefined
  const full = head + elem.name
  if (length !== '') return { name: full, type: { kind: 'array', name: '', elem: elem.type, length: Number(length) } }
  return { name: full, type: full === '[]uint8' ? BYTES : { kind: 'slice', name: '', elem: elem.type } }
}

function parseMap (text: string): Registered | undefined {
  let depth = 1
  let end = 4
  for (; end < text.length && depth > 0; end++) depth += text[end] === '[' ? 1 : text[end] === ']' ? -1 : 0
  const key = typeNamed(text.slice(4, end - 1))
  const elem = typeNamed(text.slice(end))
  if (key === undefined || elem === undefined) return undefined
  const name = `map[${key.name}]${elem.name}`
  return { name, type: { kind: 'map', name: '', key: key.type, elem: elem.type } }
}

/** Makes a type known under its name, so that it is one object wherever it is met. */
function know (name: string, type = parse(name)?.type): void {
  if (type === undefined) return
  const registered = { name, type, isUsual: USUAL.includes(name) }
  known.set(name, registered)
  const bytes = Buffer.from(name)
  ;(knownByLength[bytes.length] ??= []).push({ bytes, registered })
}

// Every type that Go registers by itself, and those that a session's arrays and objects have.
for (const name of SIMPLE.keys()) {
  know(name)
  if (name !== 'interface {}' && name !== 'time.Time') know(`[]${name}`)
}
know('[]interface {}', ANY_SLICE)
know('map[string]interface {}', ANY_MAP)
know('map[string]string')

/** The fields of Go's wireType, in their order. A definition has one of them. */
export const DEFINITION_KINDS = ['ArrayT', 'SliceT', 'StructT', 'MapT', 'GobEncoderT', 'BinaryMarshalerT', 'TextMarshalerT'] as const

export type DefinitionKind = typeof DEFINITION_KINDS[number]

/** Whether two types are the same on the wire. */
export function isSame (a: GoType, b: GoType): boolean {
  if (a === b) return true
  if (a.kind === 'slice' && b.kind === 'slice') return isSame(a.elem, b.elem)
  if (a.kind === 'array' && b.kind === 'array') return a.length === b.length && isSame(a.elem, b.elem)
  if (a.kind === 'map' && b.kind === 'map') return isSame(a.key, b.key) && isSame(a.elem, b.elem)
  return a.kind === b.kind && (builtInId(a) !== undefined || (isTime(a) && isTime(b)))
}

/** Whether a type is time.Time. Its definition says no more than its own name. */
export function isTime (type: GoType): boolean {
  return type.kind === 'opaque' && type.by === TIME.by && type.name === TIME.name
}
