import fc from 'fast-check'

/** A change of some bytes: at a place, which is a part of the length, so many are replaced by others. */
interface Damage {
  readonly place: number
  readonly removed: number
  readonly added: Uint8Array
}

const anyByte = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 3, 0x7f, 0x80, 0xf8, 0xff))
/** One to three changes of a few bytes each. */
export const anyDamage: fc.Arbitrary<readonly Damage[]> = fc.array(
  fc.record({ place: fc.double({ min: 0, max: 1, noNaN: true }), removed: fc.nat(3), added: fc.array(anyByte, { maxLength: 3 }).map(bytes => Uint8Array.from(bytes)) }),
  { minLength: 1, maxLength: 3 }
)

/** The data after the changes. */
export function damaged (data: Buffer, damages: readonly Damage[]): Buffer {
  return damages.reduce((bytes, { place, removed, added }) => {
    const at = Math.floor(place * bytes.length)
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)])
  }, data)
}
