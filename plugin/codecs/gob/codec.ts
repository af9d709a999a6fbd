import { ValueReader } from './decode.js'
import { ValueWriter } from './encode.js'
import type { Note } from './notes.js'
import { damaged, GobReader } from './reader.js'
import { isWholeTime, readTime, timeBytes, ZERO_TIME } from './time.js'
import { ANY_MAP, isSame, isTime, TIME, type GoType, type StructType } from './types.js'
import { GobWriter, LONGEST_NUMBER, unsignedToken } from './writer.js'
import { WrittenDefinitions } from './written.js'
import type { Codec, SessionContent } from '../codec.js'
import { contentOf } from '../content.js'
import { trackedIn, trackedText } from '../tracked.js'

/** Where SCS keeps what `RememberMe` was called with. */
const REMEMBER_ME = '__rememberMe'
/** Where this plugin keeps what the option `track` keeps: a text, which Go programs leave alone. */
const TRACKED = '__tracked'
/** What is noted of the deadline, which is none of the values. */
const DEADLINE = Symbol('deadline')

type Notes = ReadonlyMap<string | symbol, Note>

/**
 * The codec of SCS: Go's `encoding/gob` of `struct{ Deadline time.Time; Values map[string]interface{} }`
 * (https://pkg.go.dev/encoding/gob, and SCS's `GobCodec`).
 *
 * `decode` throws `FST_SESSION_UNDECODABLE`, `encode` and `check` throw `FST_SESSION_INVALID_VALUE` for a value that Go has
 * no type for. A value that was read keeps its type in Go, and so does the key's next value if it fits that type.
 */
export const gobCodec: Codec = {
  isShared: true,

  encode (content) {
    const notes = content.notes as Notes | undefined
    const writer = new GobWriter(RESERVED, 32 * (2 + content.values.size))
    const values = new ValueWriter(writer, DEFINED)
    writer.signed(SESSION_ID)
    writer.unsigned(1)
    writer.bytes(deadlineBytes(content.deadline, notes?.get(DEADLINE)))
    writer.unsigned(1)
    const hidden = hiddenOf(content)
    writer.unsigned(content.values.size + hidden.filter(([key]) => !content.values.has(key)).length)
    for (const [key, value] of content.values) {
      if (!hidden.some(([name]) => name === key)) values.entry(key, value, notes?.get(key))
    }
    for (const [key, value] of hidden) values.entry(key, value, undefined)
    writer.unsigned(0)
    return assembled(writer, values.definitions)
  },

  decode (data) {
    const reader = new GobReader(data)
    const values = new ValueReader(reader)
    return readSession(reader, values, values.type(false))
  },

  check (value, key) {
    new ValueWriter(new GobWriter(0, 64), DEFINED).entry(key, value, undefined)
  }
}

/** Whether data begins as SCS's do: with the definition of the struct of a session. */
export function isOfScs (data: Uint8Array): boolean {
  try {
    return isSession(new ValueReader(new GobReader(data)).type(false))
  } catch {
    return false
  }
}

/*
 * Definitions come first, in messages of their own, and then the session in one. The first three are the same for every
 * session, and so are the ids that Go gives them in a program that encodes nothing else before.
 */

const SESSION: StructType = { kind: 'struct', name: '', fields: [{ name: 'Deadline', type: TIME }, { name: 'Values', type: ANY_MAP }] }
const SESSION_ID = 65
const DEFINED = defined()
const RESERVED = DEFINED.bytes.length + LONGEST_NUMBER

function defined (): WrittenDefinitions {
  const { bytes } = new WrittenDefinitions(new Map(), SESSION_ID).with(SESSION)
  return new WrittenDefinitions(new Map<GoType, number>([[SESSION, SESSION_ID], [TIME, 66], [ANY_MAP, 67]]), 68, bytes)
}

function assembled (writer: GobWriter, { bytes }: WrittenDefinitions): Uint8Array {
  const count = unsignedToken(writer.end - RESERVED)
  const start = writer.fillUpTo(RESERVED, count)
  if (bytes !== DEFINED.bytes) return Buffer.concat([bytes, writer.from(start)])
  return writer.from(writer.fillUpTo(start, bytes))
}

function deadlineBytes (deadline: number, note: Note | undefined): Uint8Array {
  return note?.raw !== undefined && note.of === deadline ? note.raw : timeBytes(deadline)
}

/** Reads the fields as Go does it: by their names. One that is not there stays zero. */
function readSession (reader: GobReader, values: ValueReader, type: GoType): SessionContent {
  if (!isSession(type)) throw damaged('it does not hold a deadline and values')
  const notes = new Map<string | symbol, Note>()
  const content = contentOf(ZERO_TIME, undefined, new Map())
  content.notes = notes
  let index = -1
  for (let delta; (delta = reader.count()) !== 0;) {
    const field = type.fields[index += delta]
    if (field === undefined) throw damaged('a value has a field that its type has not')
    if (field.name === 'Deadline') content.deadline = readDeadline(reader, notes)
    else if (field.name === 'Values') readValues(reader, values, content.values, notes)
    else values.read(field.type)
  }
  takeHidden(content)
  return content
}

/** What is among the values for Go, and not for the application. */
function hiddenOf ({ rememberMe, tracked }: SessionContent): ReadonlyArray<readonly [key: string, value: unknown]> {
  if (rememberMe === undefined && tracked === undefined) return NOTHING
  return [...rememberMe === undefined ? [] : [[REMEMBER_ME, rememberMe] as const], ...tracked === undefined ? [] : [[TRACKED, trackedText(tracked)] as const]]
}

const NOTHING: readonly never[] = []

/** Takes it out of the values. What is there of another kind is the application's own. */
function takeHidden (content: SessionContent): void {
  const rememberMe = content.values.get(REMEMBER_ME)
  if (typeof rememberMe === 'boolean') {
    content.values.delete(REMEMBER_ME)
    content.rememberMe = rememberMe
  }
  const text = content.values.get(TRACKED)
  const tracked = typeof text === 'string' ? trackedIn(text) : undefined
  if (tracked === undefined) return
  content.values.delete(TRACKED)
  content.tracked = tracked
}

function isSession (type: GoType): type is StructType {
  if (type.kind !== 'struct') return false
  const typeOf = (field: string) => type.fields.find(({ name }) => name === field)?.type
  const [deadline, values] = [typeOf('Deadline'), typeOf('Values')]
  return deadline !== undefined && isTime(deadline) && values !== undefined && isSame(values, ANY_MAP)
}

function readDeadline (reader: GobReader, notes: Map<string | symbol, Note>): number {
  const start = reader.skip()
  const time = readTime(reader.bytes, start, reader.position - start)
  if (time === undefined) throw damaged('its deadline is no time')
  const deadline = Math.max(-LATEST, Math.min(time, LATEST))
  if (!isWholeTime(reader.bytes, start)) notes.set(DEADLINE, { raw: reader.bytes.subarray(start, reader.position), of: deadline })
  return deadline
}

function readValues (reader: GobReader, values: ValueReader, into: Map<string, unknown>, notes: Map<string | symbol, Note>): void {
  for (let count = reader.count(); count > 0; count--) {
    const key = reader.name()
    if (key === undefined) throw damaged('a key is not UTF-8')
    into.set(key, values.interface())
    if (values.note !== undefined) notes.set(key, values.note)
  }
}

/** The last date that there is in JavaScript, in milliseconds since 1970. */
const LATEST = 8.64e15
