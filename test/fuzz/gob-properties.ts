import fc from 'fast-check'
import type { SessionContent } from '../../plugin/codecs/codec.js'
import { gobCodec } from '../../plugin/codecs/gob/index.js'
import { isEqual } from '../../plugin/codecs/equal.js'
import { anyDamage, damaged } from '../plugin/codecs/gob/damage.js'
import { vectors } from '../plugin/codecs/gob/vectors.js'
import { anyValues } from '../support/any-value.js'
import { isDocumented, property, type Property } from './property.js'

/** A session of Go's. */
const anyVector = fc.constantFrom(...vectors.map(({ data }) => data))
/** The beginning of one session with the end of another: definitions that are not those of the values. */
const anyCross = fc.tuple(anyVector, anyVector, fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([one, other, end, start]) => Buffer.concat([one.subarray(0, Math.floor(end * one.length)), other.subarray(Math.floor(start * other.length))]))

function isReadOrRefused (data: Uint8Array): boolean {
  let content: SessionContent
  try {
    content = gobCodec.decode(data)
  } catch (error) {
    return isDocumented(error, 'FST_SESSION_UNDECODABLE')
  }
  return isWrittenOrRefused(content)
}

/** What has been decoded is written again as it was, unless Go could not read it either. */
function isWrittenOrRefused (content: SessionContent): boolean {
  let data: Uint8Array
  try {
    data = gobCodec.encode(content)
  } catch (error) {
    return isDocumented(error, 'FST_SESSION_INVALID_VALUE')
  }
  const again = gobCodec.decode(data)
  return Buffer.from(gobCodec.encode(again)).equals(data) && (again.deadline === content.deadline) && again.values.size === content.values.size
}

/** What Go services have put into a row, and what goes there. */
export const GOB_PROPERTIES: readonly Property[] = [
  property('the codec gob: a session that was damaged is an error without data, or can be written', fc.property(
    fc.tuple(anyVector, anyDamage).map(([data, damage]) => damaged(data, damage)), isReadOrRefused
  )),
  property('the codec gob: what has parts of several sessions is an error without data, or can be written', fc.property(anyCross, isReadOrRefused)),
  property('the codec gob: other bytes are an error without data', fc.property(
    fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 64 }).map(bytes => Buffer.concat([(vectors[0] as { data: Buffer }).data.subarray(0, 96), bytes]))), isReadOrRefused
  )),
  property('the codec gob: values are refused with a documented error, or come back', fc.property(anyValues, values => {
    const content: SessionContent = { deadline: 0, rememberMe: undefined, values }
    let data: Uint8Array
    try {
      data = gobCodec.encode(content)
    } catch (error) {
      return isDocumented(error, 'FST_SESSION_INVALID_VALUE')
    }
    const again = gobCodec.decode(data).values
    return again.size === values.size && [...values].every(([key, value]) => isAlike(again.get(key), value))
  }))
]

/** Go has no undefined and no Buffer, and an integer that is a safe one comes back as a number. */
function isAlike (again: unknown, value: unknown): boolean {
  if (typeof value === 'bigint') return again === value || again === Number(value)
  return typeof value === 'object' && value !== null ? typeof again === 'object' : isEqual(again, value)
}
