import { fits, whyNoStruct } from './fits.js'
import { note, noteOf } from './notes.js'
import { typeNamed, type GoType, type Registered } from './types.js'
import { InvalidArgumentError } from '../../errors.js'
import { inspected } from '../../../stores/validate.js'
import { TypedValue } from '../typed.js'

/**
 * What a type of Go is: a type without a name of its own as Go writes it (`int64`, `[]string`, `map[string]int`,
 * `time.Time`), the fields of a struct, a type that {@link goType} has made, or an array of one of these for a slice.
 */
export type GoTypeSpec = string | NamedGoType | readonly [GoTypeSpec] | { readonly [field: string]: GoTypeSpec }

/** A type with a name of its own, made by {@link goType}. */
export class NamedGoType {
  /** @internal */
  readonly registered: Registered

  /** @internal */
  constructor (registered: Registered) {
    this.registered = registered
  }
}

/**
 * A type with a name, of the Go program's own, for {@link goValue}:
 *
 *     const Address = goType('main.Address', { City: 'string', Zip: '[]byte' })
 *     const Profile = goType('main.Profile', { ID: 'int', Roles: '[]string', Home: Address, Others: [Address] })
 *
 * @param name the name by which `gob.Register` knows the type: its package's import path, a dot, and its own name. For a
 *   type of the program's own package that is `main.Profile`, and for a pointer that is registered `*main.Profile`
 * @param is what the type is. A struct needs only those fields that are to be written. Throws
 *   `FST_SESSION_INVALID_ARGUMENT` for what is no type
 */
export function goType (name: string, is: GoTypeSpec): NamedGoType {
  if (typeof name !== 'string' || !name.includes('.')) throw new InvalidArgumentError(`goType needs the name of a Go type, like 'main.Profile', not ${inspected(name)}`)
  return new NamedGoType({ name, type: typeOf(is, name.slice(name.lastIndexOf('.') + 1)) })
}

/**
 * Says as which type of Go a value is written. An object is returned as it is, and keeps its type wherever it is put. A
 * primitive comes in a {@link TypedValue}, to be put into a session, an array or an object.
 *
 * @param type `int64`, `[]string`, `map[string]int`, `time.Time` for example, or a type made by {@link goType}. Throws
 *   `FST_SESSION_INVALID_ARGUMENT` for what is no type, and for a value that does not fit it
 */
export function goValue<T extends object> (type: string | NamedGoType, value: T): T
export function goValue<T extends string | number | bigint | boolean> (type: string | NamedGoType, value: T): TypedValue<T>
export function goValue (type: string | NamedGoType, value: object | string | number | bigint | boolean): unknown {
  const registered = type instanceof NamedGoType ? type.registered : registeredAs(type)
  if (!fits(value, registered.type)) {
    const why = registered.type.kind === 'struct' ? `: ${whyNoStruct(value, registered.type)}` : ''
    throw new InvalidArgumentError(`The value does not fit the Go type ${registered.name}${why}`)
  }
  return typeof value === 'object' ? note(value, { ...noteOf(value), ...registered }) : new TypedValue(registered, value)
}

/** The name of the Go type with which an object was read or that it was given; undefined for any other value. */
export function goTypeOf (value: unknown): string | undefined {
  return value instanceof TypedValue ? (value.type as Registered).name : noteOf(value)?.name
}

export const goInt = <T extends number | bigint>(value: T) => goValue('int', value)
export const goInt8 = <T extends number | bigint>(value: T) => goValue('int8', value)
export const goInt16 = <T extends number | bigint>(value: T) => goValue('int16', value)
export const goInt32 = <T extends number | bigint>(value: T) => goValue('int32', value)
export const goInt64 = <T extends number | bigint>(value: T) => goValue('int64', value)
export const goUint = <T extends number | bigint>(value: T) => goValue('uint', value)
export const goUint8 = <T extends number | bigint>(value: T) => goValue('uint8', value)
export const goUint16 = <T extends number | bigint>(value: T) => goValue('uint16', value)
export const goUint32 = <T extends number | bigint>(value: T) => goValue('uint32', value)
export const goUint64 = <T extends number | bigint>(value: T) => goValue('uint64', value)
export const goFloat32 = <T extends number>(value: T) => goValue('float32', value)
export const goFloat64 = <T extends number>(value: T) => goValue('float64', value)

function registeredAs (name: unknown): Registered {
  const registered = typeof name === 'string' ? typeNamed(name) : undefined
  if (registered === undefined) throw new InvalidArgumentError(`There is no Go type ${inspected(name)}. Write one like 'int64', '[]string' or 'map[string]int', or make one with goType`)
  return registered
}

function typeOf (spec: GoTypeSpec, name: string): GoType {
  if (spec instanceof NamedGoType) return spec.registered.type
  if (typeof spec !== 'object' || spec === null) return registeredAs(spec).type
  if (Array.isArray(spec)) return { kind: 'slice', name, elem: typeOf(spec[0] as GoTypeSpec, '') }
  return { kind: 'struct', name, fields: Object.entries(spec).map(([name, type]) => ({ name, type: typeOf(type, name) })) }
}
