import fc from 'fast-check'
import t from 'tap'
import { memoryStore } from '../../plugin/index.js'
import { tokensIn } from '../../plugin/cookie.js'
import { hashToken, isToken, newToken } from '../../plugin/token.js'
import { startSite } from '../support/site.js'
import { watched } from '../support/watched-store.js'

const a = newToken()
const b = newToken()
const others = Array.from({ length: 4 }, newToken) as [string, string, string, string]

const HEADERS: ReadonlyArray<readonly [what: string, header: string | undefined, tokens: readonly string[]]> = [
  ['no header', undefined, []],
  ['an empty header', '', []],
  ['the cookie alone', `session=${a}`, [a]],
  ['the cookie among others', `x=1; session=${a}; y=2`, [a]],
  ['cookies with no space between them', `x=1;session=${a};y=2`, [a]],
  ['cookies with more space between them', `x=1 ; \t session=${a};  y=2`, [a]],
  ['a cookie whose name ends alike', `xsession=${b}; session=${a}; my session=${b}`, [a]],
  ['a cookie whose name begins alike', `sessions=${b}; session=${a}`, [a]],
  ['a cookie whose value looks alike', `x=session=${b}; session=${a}`, [a]],
  ['a name in other letters', `Session=${a}; SESSION=${b}`, []],
  ['several cookies of the name, in the order of the browser', `session=${b}; session=${a}`, [b, a]],
  ['a malformed one before it', `session=evil; session=${a}`, [a]],
  ['the same one twice', `session=${a}; session=${a}`, [a]],
  ['more than four of the name, of which the first four count', [...others, a].map(token => `session=${token}`).join('; '), others],
  ['more than four of the name, malformed ones included', `session=1; session=2; session=3; session=${a}; session=${b}`, [a]],
  ['an empty value', 'session=', []],
  ['a quoted value', `session="${a}"`, [a]],
  ['a value with one quote', `session="${a}`, []],
  ['a value with a space after it', `session=${a} `, [a]],
  ['a value with a space before it', `session= ${a}`, [a]],
  ['a value one too short', `session=${a.slice(1)}`, []],
  ['a value one too long', `session=${a}a`, []],
  ['a padded value', `session=${a.slice(1)}=`, []],
  ['an escaped value', 'session=%F0%9F%98%80', []],
  ['a value that is not ASCII', `session=${'é'.repeat(43)}`, []],
  ['tabs around name and value, and a semicolon after a space', `\tsession\t=\t${a}\t ; x=1`, [a]],
  ['a space before the equals sign', `session =${a}`, [a]],
  ['100 KB of value', `session=${'a'.repeat(100_000)}`, []],
  ['100 KB of names', 'session='.repeat(12_500), []],
  ['100 KB of spaces', `session=1;${' '.repeat(100_000)}session=${a}`, [a]]
]

for (const [what, header, tokens] of HEADERS) {
  t.test(`the tokens in a header: ${what}`, async t => { t.strictSame(tokensIn(header, 'session'), tokens) })
}

t.test('whatever a client sends, at most four well-formed tokens come out', async () => {
  const part = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('session=', ';', ' ', '=', '"', a, b, `session=${a}; `, ...others.map(token => `;session=${token}`)))
  fc.assert(fc.property(fc.array(part, { maxLength: 20 }), parts => {
    const tokens = tokensIn(parts.join(''), 'session')
    return tokens.length <= 4 && tokens.every(isToken)
  }))
})

t.test('a name with characters that mean something elsewhere is taken to the letter', async t => {
  t.strictSame(tokensIn(`x.y=${b}; a+*$=${a}`, 'a+*$'), [a])
  t.strictSame(tokensIn(`xxy=${a}`, 'x.y'), [])
})

t.test('what cannot be a token asks the store nothing, and its cookie is left alone', async t => {
  const { store, calls } = watched(memoryStore())
  const browser = (await startSite(t, store)).browser()
  for (const [what, header, tokens] of HEADERS) {
    if (header === undefined || tokens.length > 0 || /[^\x20-\x7e]/.test(header)) continue
    const { response, value, cookies } = await browser.visit(session => session.keys(), { headers: { cookie: header } })
    t.equal(response.statusCode, 200, what)
    t.strictSame(value, [], what)
    t.strictSame(cookies, [], what)
  }
  t.strictSame(calls, [])
})

t.test('of several cookies the first that is a live session wins, and all are asked for at once', async t => {
  const { store, calls } = watched(memoryStore())
  const site = await startSite(t, store)
  const [ann, bob, cay] = [site.browser(), site.browser(), site.browser()]
  await ann.visit(session => session.put('name', 'Ann'))
  await bob.visit(session => session.put('name', 'Bob'))
  await cay.visit(session => session.put('name', 'Cay'))
  await store.delete(hashToken(cay.token))

  calls.length = 0
  const name = async (tokens: readonly string[]) =>
    (await site.browser().visit(session => session.get('name'), { headers: { cookie: tokens.map(token => `session=${token}`).join('; ') } })).value
  t.equal(await name(['evil', ann.token, bob.token]), 'Ann')
  t.equal(await name([newToken(), bob.token, ann.token]), 'Bob')
  t.equal(await name([cay.token, bob.token]), 'Bob')
  t.equal(await name([cay.token]), undefined)
  t.equal(await name([...others, ann.token]), undefined)
  t.strictSame(calls, ['find', 'find', 'find', 'find', 'find'])
})

t.test('a row that cannot be decoded does not hide the session of the next cookie', async t => {
  const store = memoryStore()
  const site = await startSite(t, store)
  const browser = site.browser()
  await browser.visit(session => session.put('name', 'Ann'))
  const broken = newToken()
  await store.insert({ token: hashToken(broken), data: Buffer.from('broken'), ttl: 60_000 })
  const { value } = await browser.visit(session => session.get('name'), { headers: { cookie: `session=${broken}; session=${browser.token}` } })
  t.equal(value, 'Ann')
})
