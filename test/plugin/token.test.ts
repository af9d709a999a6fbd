import t from 'tap'
import { hashToken, isToken, newToken } from '../../plugin/token.js'
import { sessionId } from '../../stores/session-id.js'

t.test('a new token is 43 characters of base64url, and never the same', async t => {
  const tokens = new Set(Array.from({ length: 1000 }, newToken))
  t.equal(tokens.size, 1000)
  for (const token of tokens) t.ok(isToken(token))
})

t.test('what cannot be a token is told without a query', async t => {
  for (const value of ['', 'a'.repeat(42), 'a'.repeat(44), `${'a'.repeat(42)} `, `${'a'.repeat(42)}=`, `${'a'.repeat(42)}é`, 'a'.repeat(100_000)]) {
    t.notOk(isToken(value))
  }
})

t.test('the hash in the table is the one that SCS writes with HashTokenInStore', async t => {
  // From Go: base64.RawURLEncoding.EncodeToString(sha256.Sum256([]byte(token)))
  t.equal(hashToken('abc'), 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0')
})

t.test('where keys are tokens, the id of a session tells neither', async t => {
  const token = newToken()
  t.match(sessionId(token), /^[\w-]{16}$/)
  t.notOk(token.includes(sessionId(token)) || hashToken(token).includes(sessionId(token)))
  t.equal(sessionId(token), sessionId(token))
})
