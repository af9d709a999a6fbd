import t from 'tap'
import { checkedCodec } from '../../../plugin/codecs/checked.js'
import type { Codec } from '../../../plugin/codecs/codec.js'
import { textCodec } from '../../../plugin/codecs/text.js'

const content = { deadline: 0, rememberMe: undefined, values: new Map<string, unknown>([['secret', 'hunter2']]) }
const failing = (error: unknown): Codec => checkedCodec({ encode () { throw error }, decode () { throw error } })

t.test('what a codec of the user\'s throws is told by its class alone: its message may be the session', async t => {
  const codec = failing(new SyntaxError('Unexpected token in {"secret":"hunter2"}'))
  t.throws(() => codec.encode(content), {
    code: 'FST_SESSION_UNENCODABLE', message: 'The session cannot be encoded: codec.encode threw an error of the class SyntaxError. It was not saved', cause: undefined
  })
  t.throws(() => codec.decode(Buffer.from('x')), {
    code: 'FST_SESSION_UNDECODABLE', message: 'The session cannot be decoded: codec.decode threw an error of the class SyntaxError', cause: undefined
  })
  t.throws(() => failing('hunter2').decode(Buffer.from('x')), { message: 'The session cannot be decoded: codec.decode threw what is no Error' })
})

t.test('an error of this package\'s own goes through', async t => {
  const codec = checkedCodec({ encode: content => textCodec.encode(content), decode: data => textCodec.decode(data) })
  t.throws(() => codec.encode({ ...content, values: new Map([['a', () => 1]]) }), { code: 'FST_SESSION_INVALID_VALUE', message: /keep a: it is a function/ })
  t.throws(() => codec.decode(Buffer.from('x')), { code: 'FST_SESSION_UNDECODABLE', message: /does not begin with a header/ })
})

t.test('a codec of the user\'s is called as a method, and told the row', async t => {
  const seen: unknown[] = []
  class Recording implements Codec {
    readonly #inner = textCodec
    encode (...args: Parameters<Codec['encode']>) { seen.push(args[1]); return this.#inner.encode(...args) }
    decode (...args: Parameters<Codec['decode']>) { seen.push(args[1]); return this.#inner.decode(...args) }
    holds (...args: Parameters<NonNullable<Codec['holds']>>) { seen.push(args[3]); return this.#inner.holds?.(...args) === true }
  }
  const codec = checkedCodec(new Recording())
  const row = { rowKey: 'row' }
  const data = codec.encode(content, row)
  t.strictSame(codec.decode(data, row), content)
  t.ok(codec.holds?.(data, 'secret', 'hunter2', row))
  t.strictSame(seen, [row, row, row])
  t.equal('holds' in checkedCodec({ encode: textCodec.encode, decode: textCodec.decode }), false)
})
