import fc, { type Arbitrary } from 'fast-check'

export const anyText = fc.string({ unit: 'binary' })

/** Keys that JavaScript, JSON or the text codec could take for something else. */
export const anyKey = fc.oneof(anyText, fc.constantFrom(
  '__proto__', 'constructor', 'toString', 'toJSON', 'save', '', '$', '$date', '$object', '$map', '"$', '0', '-1', '\ud800', '\n', '}', '":'
))

const anyLeaf: Arbitrary<unknown> = fc.oneof(
  anyText, fc.double(), fc.integer(), fc.boolean(), fc.constant(null), fc.bigInt(), fc.constantFrom(-0, NaN, Infinity, -Infinity),
  fc.date({ noInvalidDate: true }), fc.uint8Array(), fc.uint8Array().map(bytes => Buffer.from(bytes))
)

/** Any value that a session keeps as it is. */
export const anyValue: Arbitrary<unknown> = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    anyLeaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(anyKey, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    fc.array(tie('value'), { maxLength: 4 }).map(items => new Set(items)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map(pairs => new Map(pairs))
  )
})).value

/** The values of a session. */
export const anyValues: Arbitrary<Map<string, unknown>> = fc.array(fc.tuple(anyKey, anyValue), { maxLength: 6 }).map(entries => new Map(entries))
