import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isToken } from './token.js'
import { audible } from './warnings.js'

/** The attributes of the session's cookie, with every default filled in. */
export interface CookieSettings {
  readonly name: string
  readonly path: string
  readonly domain: string | undefined
  readonly httpOnly: boolean
  readonly sameSite: 'strict' | 'lax' | 'none'
  readonly secure: boolean | 'auto'
  readonly partitioned: boolean
  readonly priority: 'low' | 'medium' | 'high' | undefined
  readonly persist: boolean
}

/** How many cookies of the name are read. A browser sends several if a path or a subdomain has one of its own. */
const MOST_COOKIES = 4

/**
 * Returns the well-formed tokens among the cookies of that name, in the browser's order, each once. Spaces and tabs around
 * a name and a value do not count, nor do quotes around a value: some clients send them.
 */
export function tokensIn (header: string | undefined, name: string): string[] {
  const tokens: string[] = []
  if (header === undefined) return tokens
  let seen = 0
  for (let at = header.indexOf(name); at !== -1 && seen < MOST_COOKIES; at = header.indexOf(name, at + 1)) {
    const equals = skipSpace(header, at + name.length)
    if (header[equals] !== '=' || !beginsACookie(header, at)) continue
    seen++
    const end = header.indexOf(';', equals)
    const value = bare(header.slice(equals + 1, end === -1 ? header.length : end))
    if (isToken(value) && !tokens.includes(value)) tokens.push(value)
  }
  return tokens
}

function skipSpace (header: string, at: number): number {
  while (header[at] === ' ' || header[at] === '\t') at++
  return at
}

function beginsACookie (header: string, at: number): boolean {
  let before = at - 1
  while (before >= 0 && (header[before] === ' ' || header[before] === '\t')) before--
  return before < 0 || header[before] === ';'
}

/** A value without the space and the quotes around it. Most values have neither, and are tokens already. */
function bare (value: string): string {
  if (isToken(value)) return value
  const trimmed = value.trim()
  return trimmed.length > 2 && trimmed.startsWith('"') && trimmed.endsWith('"') ? trimmed.slice(1, -1) : trimmed
}

/** Writes the session's cookie. Warns once per registration of a cookie that a browser will not accept, or a cache may keep. */
export class Cookie {
  readonly settings: CookieSettings
  readonly #app: FastifyInstance
  #plainAttributes: string | undefined
  #secureAttributes: string | undefined
  #warned = false
  #warnedOfCache = false
  #warnedOfForgetting = false

  constructor (settings: CookieSettings, app: FastifyInstance) {
    this.settings = settings
    this.#app = app
  }

  /**
   * Returns the Set-Cookie header with a token.
   *
   * @param session.ttl how long the session will live, in milliseconds
   * @param session.rememberMe whether the cookie outlives the browser even with `persist: false`
   */
  set (token: string, { ttl, rememberMe }: { readonly ttl: number, readonly rememberMe: boolean }, request: FastifyRequest): string {
    if (!this.settings.persist && !rememberMe) return this.#serialize(token, '', request)
    const maxAge = Math.max(1, Math.ceil((ttl - CLOCK_JITTER) / 1000))
    return this.#serialize(token, lifeAttributes(maxAge, Math.min(Date.now() + maxAge * 1000, LAST_COOKIE_DATE)), request)
  }

  /** Returns the Set-Cookie header that removes the cookie. */
  clear (request: FastifyRequest): string {
    return this.#serialize('', lifeAttributes(0, 0), request)
  }

  /** Returns the value of a cookie of another plugin. */
  valueOfOther (header: string | undefined, name: string): string | undefined {
    return header?.includes(name) === true ? this.#app.parseCookie(header)[name] : undefined
  }

  /** Returns the Set-Cookie header that removes a cookie of another plugin. */
  clearOther (name: string, scope: { readonly path: string, readonly domain?: string }, request: FastifyRequest): string {
    return this.#app.serializeCookie(name, '', { ...scope, maxAge: 0, expires: new Date(0), httpOnly: true, secure: this.#isSecure(request) })
  }

  /** Warns once that the application lets shared caches keep responses that this cookie leaves with. */
  warnOfSharedCache (cacheControl: string): void {
    if (this.#warnedOfCache) return
    this.#warnedOfCache = true
    audible(this.#app.log).warn({}, `The cookie "${this.settings.name}" leaves with "${cacheControl}", which lets a shared cache send it to other visitors. "private" was added; set Cache-Control: private where a session may begin`)
  }

  /** Warns once of `rememberMe(false)` where it has no effect. */
  warnOfForgetting (): void {
    if (!this.settings.persist || this.#warnedOfForgetting) return
    this.#warnedOfForgetting = true
    audible(this.#app.log).warn({}, `rememberMe(false) has no effect, because the cookie "${this.settings.name}" outlives the browser by default. Register the plugin with cookie: { persist: false }`)
  }

  /** @param life the attributes that say when the cookie ends */
  #serialize (value: string, life: string, request: FastifyRequest): string {
    const isSecure = this.#isSecure(request)
    const attributes = isSecure ? this.#secureAttributes ??= this.#attributes(true) : this.#plainAttributes ??= this.#attributes(false)
    return `${this.settings.name}=${value}${life}${attributes}`
  }

  /** The attributes that are the same in all cookies. They are made once, because the library takes microseconds for them. */
  #attributes (secure: boolean): string {
    const { name, path, domain, httpOnly, sameSite, partitioned, priority } = this.settings
    const header = this.#app.serializeCookie(name, '', {
      path,
      httpOnly,
      sameSite,
      partitioned,
      secure,
      ...(domain !== undefined && { domain }),
      ...(priority !== undefined && { priority })
    })
    return header.slice(`${name}=`.length)
  }

  #isSecure (request: FastifyRequest): boolean {
    const { secure } = this.settings
    const https = request.protocol.toLowerCase() === 'https'
    if (!https && !this.#warned) this.#warnOfPlainHttp(secure, request)
    return secure === 'auto' ? https : secure
  }

  #warnOfPlainHttp (secure: boolean | 'auto', request: FastifyRequest): void {
    const warning = plainHttpWarning(secure, request)
    if (warning === undefined) return
    this.#warned = true
    audible(this.#app.log).warn({}, `The cookie "${this.settings.name}" ${warning}`)
  }
}

/** @param maxAge in seconds */
function lifeAttributes (maxAge: number, time: number): string {
  return `; Max-Age=${maxAge}; Expires=${new Date(time).toUTCString()}`
}

/** What is wrong with a cookie that goes out over plain http, if anything is. */
function plainHttpWarning (secure: boolean | 'auto', request: FastifyRequest): string | undefined {
  if (secure === true) return 'is Secure, but the request came over plain http: a browser will not keep it. Use https, { trustProxy: true } behind a proxy, or cookie: { secure: \'auto\' }'
  const forwarded = String(request.headers['x-forwarded-proto'] ?? '')
  if (secure === false || !/^https\b/i.test(forwarded)) return undefined
  // Fastify has `ips` only with trustProxy.
  return request.ips === undefined
    ? 'is sent without Secure: a proxy says that the browser uses https, but Fastify does not trust it. Create Fastify with { trustProxy: true } (or the proxy\'s address)'
    : 'is sent without Secure: the first of several proxies says that the browser uses https, but Fastify takes the word of the last one, which is http. Let the last proxy pass X-Forwarded-Proto on unchanged, or set cookie: { secure: true }'
}

/** Two looks at the database's clock differ by up to this much, in milliseconds. Max-Age must not be a second longer for it. */
const CLOCK_JITTER = 50
/** The last date of a cookie: RFC 6265 section 5.1.1 has years of four digits. */
const LAST_COOKIE_DATE = Date.UTC(9999, 11, 31)
