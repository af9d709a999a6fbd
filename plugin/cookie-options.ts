import type { CookieSettings } from './cookie.js'
import { InvalidOptionError } from './errors.js'
import { boolean, inspected, knownOnly, oneOf } from '../stores/validate.js'

/** The attributes of the session's cookie. */
export interface CookieOptions {
  /**
   * Default: the option `name` of the registration, so 'session'. A name that begins with `__Host-` or `__Secure-` needs the
   * attributes that browsers demand with it.
   */
  name?: string
  /** Default '/'. */
  path?: string
  /** Default: none. The browser then sends the cookie to this host only. */
  domain?: string
  /** Default true: scripts of the page cannot read the cookie. */
  httpOnly?: boolean
  /** Default 'lax'. 'none' needs `secure: true`. */
  sameSite?: 'strict' | 'lax' | 'none'
  /** Default 'auto': Secure if the request came over https. Behind a proxy Fastify needs `trustProxy` to know. */
  secure?: boolean | 'auto'
  /** Default false. Needs `secure: true`. */
  partitioned?: boolean
  /** Default: none. */
  priority?: 'low' | 'medium' | 'high'
  /** Default true: the cookie lives until the session's deadline. With false it ends with the browser. */
  persist?: boolean
}

/**
 * Checks the cookie's attributes and fills in the defaults. Throws `FST_SESSION_INVALID_OPTION`.
 *
 * @param name the cookie's name unless the application gives another
 */
export function cookieOf (cookie: unknown = {}, name: string): CookieSettings {
  if (typeof cookie !== 'object' || cookie === null || Array.isArray(cookie)) throw new InvalidOptionError(`cookie must be an object of attributes, not ${inspected(cookie)}`)
  knownOnly(cookie, COOKIE_OPTIONS, 'cookie.', COOKIE_ADVICE)
  const given: { readonly [K in keyof CookieOptions]?: unknown } = cookie
  const settings: CookieSettings = Object.freeze({
    name: text('cookie.name', given.name, name, COOKIE_NAME, 'letters, digits and !#$%&\'*+-.^_`|~'),
    path: text('cookie.path', given.path, '/', PATH, 'the path of a URL, which begins with / and has no ; ? # or space (use encodeURI for other characters)'),
    domain: given.domain === undefined ? undefined : text('cookie.domain', given.domain, '', DOMAIN, 'a name like example.com (leave it out for a cookie of one host)'),
    httpOnly: boolean('cookie.httpOnly', given.httpOnly, true),
    sameSite: oneOf('cookie.sameSite', given.sameSite, ['strict', 'lax', 'none'] as const, 'lax'),
    secure: oneOf('cookie.secure', given.secure, [true, false, 'auto'] as const, 'auto'),
    partitioned: boolean('cookie.partitioned', given.partitioned, false),
    priority: given.priority === undefined ? undefined : oneOf('cookie.priority', given.priority, ['low', 'medium', 'high'] as const, 'medium'),
    persist: boolean('cookie.persist', given.persist, true)
  })
  checkTogether(settings)
  return settings
}

/** Refuses what browsers refuse: RFC 6265bis sections 4.1.3 (prefixes) and 5.7 (SameSite=None), and CHIPS (Partitioned). */
function checkTogether ({ name, path, domain, sameSite, secure, partitioned }: CookieSettings): void {
  const demand = (why: string) => { throw new InvalidOptionError(`${why}; browsers refuse the cookie otherwise`) }
  const host = /^__host-/i.test(name)
  if (secure !== true) {
    if (host || /^__secure-/i.test(name)) demand(`cookie.name '${name}' demands cookie.secure: true`)
    if (sameSite === 'none') demand('cookie.sameSite \'none\' demands cookie.secure: true')
    if (partitioned) demand('cookie.partitioned demands cookie.secure: true')
  }
  if (host && domain !== undefined) demand(`cookie.name '${name}' demands that cookie.domain is left out`)
  if (host && path !== '/') demand(`cookie.name '${name}' demands cookie.path: '/'`)
}

/** A string of a certain form. */
function text (option: string, value: unknown, otherwise: string, pattern: RegExp, expected: string): string {
  if (value === undefined) return otherwise
  if (typeof value === 'string' && pattern.test(value)) return value
  throw new InvalidOptionError(`${option} must be ${expected}, not ${inspected(value)}`)
}

const COOKIE_OPTIONS = ['name', 'path', 'domain', 'httpOnly', 'sameSite', 'secure', 'partitioned', 'priority', 'persist']
const COOKIE_ADVICE: ReadonlyMap<string, string> = new Map([
  ...['maxAge', 'expires'].map(name => [name, 'A cookie lives as long as its session: use the option lifetime; or cookie.persist: false for one that ends with the browser'] as const),
  ['signed', 'A token is random, so it is not signed. Leave the option out']
])
/** The name of a cookie: a token of RFC 9110 section 5.6.2, as RFC 6265 section 4.1.1 demands. */
const COOKIE_NAME = /^[!#$%&'*+.^_`|~\w-]+$/
/**
 * At least two labels, or localhost. Browsers take any other single label, like com, for a public suffix, and refuse the
 * cookie: RFC 6265 section 5.3.
 */
const DOMAIN = /^(localhost|\.?[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)+)$/i
/** The characters that the path of a request can have, without those that end a path or an attribute: RFC 3986 section 3.3. */
const PATH = /^\/(?:[\w\-.~!$&'()*+,=:@/]|%[\da-f]{2})*$/i
