import { readFileSync } from 'node:fs'
import { valueOf, type Described } from './described.js'

/** A session that Go has written, and what is in it. */
export interface Vector {
  readonly name: string
  readonly data: Buffer
  readonly deadline: string
  readonly values: ReadonlyMap<string, unknown>
  /** The types in Go that the values have, as far as Go has told them. */
  readonly described?: Readonly<Record<string, Described>>
}

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../../../../test/plugin/codecs/gob/${name}.json`, import.meta.url), 'utf8'))

interface OfScs { name: string, base64: string, deadline: string, values: Record<string, unknown>, goTypes: Record<string, string> }
interface OfGo { name: string, base64: string, deadline: string, values: Record<string, Described> }

/** Sessions of SCS: see the README of scs-vectors.json's values in {@link special}. */
export const scsVectors: readonly Vector[] = (read('scs-vectors') as OfScs[]).map(({ name, base64, deadline, values, goTypes }) => ({
  name,
  deadline,
  data: Buffer.from(base64, 'base64'),
  values: new Map(Object.entries(values).map(([key, value]) => [key, special(value, goTypes[key])]))
}))

/** Sessions of types that SCS's own tests have not, made by `go run ./gob vectors` in test/scs. */
export const goVectors: readonly Vector[] = (read('go-vectors') as OfGo[]).map(({ name, base64, deadline, values }) => ({
  name,
  deadline,
  data: Buffer.from(base64, 'base64'),
  values: new Map(Object.entries(values).map(([key, value]) => [key, valueOf(value)])),
  described: values
}))

export const vectors: readonly Vector[] = [...scsVectors, ...goVectors]

/** What JSON has no form for: a large integer is `bigint:` and its digits, an infinity `special:` and its sign, bytes are in base64, a time is text. */
function special (value: unknown, type = ''): unknown {
  const text = String(value)
  if (text.startsWith('bigint:')) return BigInt(text.slice('bigint:'.length))
  if (text.startsWith('special:')) return Number(`${text.slice('special:'.length, -'Inf'.length)}Infinity`)
  if (type.startsWith('[]byte')) return new Uint8Array(Buffer.from(text, 'base64'))
  if (type === 'time.Time') return new Date(text)
  if (type !== 'main.Profile') return value
  const profile = value as { When: string, Inner: { Zip: string } }
  return { ...profile, When: new Date(profile.When), Inner: { ...profile.Inner, Zip: new Uint8Array(Buffer.from(profile.Inner.Zip, 'base64')) } }
}
