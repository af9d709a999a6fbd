import fc from 'fast-check'
import { tokensIn } from '../../plugin/cookie.js'
import { hashToken, isToken, newToken } from '../../plugin/token.js'
import { sessionId } from '../../stores/session-id.js'
import { property, type Property } from './property.js'

const tokens = Array.from({ length: 6 }, newToken)
const anyToken = fc.constantFrom(...tokens)
const cookiePart = fc.oneof(
  fc.string({ unit: 'binary' }), fc.constantFrom('session=', 'Session=', ';', ' ', '\t', '=', '"', '; session=', 'xsession=', ',', '%', '\u00a0'), anyToken,
  anyToken.map(token => `session=${token}; `), anyToken.map(token => `;session="${token}"`)
)
const cookieHeader = fc.array(cookiePart, { maxLength: 20 }).map(parts => parts.join(''))

/** What a request brings: its cookies and tokens. */
export const REQUEST_PROPERTIES: readonly Property[] = [
  property('from a Cookie header come at most four well-formed tokens, each of which is in it', fc.property(cookieHeader, header => {
    const found = tokensIn(header, 'session')
    return found.length <= 4 && new Set(found).size === found.length && found.every(token => isToken(token) && header.includes(token))
  })),
  property('a token is 43 characters of base64url, and nothing else is', fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary', minLength: 43, maxLength: 43 }), fc.base64String({ minLength: 40, maxLength: 44 }), anyToken.map(token => `${token}\n`)), text =>
    isToken(text) === (text.length === 43 && [...text].every(character => 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.includes(character)))
  )),
  property('the key of a row and the id of a session tell nothing of the token', fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constantFrom('session', 'adminSession'), (bytes, name) => {
    const token = Buffer.from(bytes).toString('base64url')
    const hash = hashToken(token, name)
    return isToken(hash) && hash !== token && /^[\w-]{16}$/.test(sessionId(token)) && !hash.includes(sessionId(token)) && hashToken(token, 'other') !== hash
  }))
]
