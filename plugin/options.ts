import { checkedCodec } from './codecs/checked.js'
import type { Codec } from './codecs/codec.js'
import { gobCodec } from './codecs/gob/codec.js'
import { textCodec } from './codecs/text.js'
import type { CookieSettings } from './cookie.js'
import { InvalidOptionError } from './errors.js'
import { isTimed, type TimedStore } from '../stores/clock.js'
import { closest } from '../stores/closest.js'
import { USUAL_NAME } from './token.js'
import { guarded } from '../stores/guard.js'
import { isSimpleStore, isStore, simpleStore, type SimpleStore } from '../stores/simple.js'
import { memoryStore } from '../stores/memory/memory.js'
import { mssqlStore, type MssqlSource } from '../stores/mssql/mssql.js'
import { mysqlStore, type MysqlSource } from '../stores/mysql/mysql.js'
import { storeTimeoutOf } from '../stores/sql/sql-store.js'
import type { SessionStore } from '../stores/store.js'
import { boolean, duration, inspected, knownOnly, oneOf } from '../stores/validate.js'

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

/** The options of the plugin. */
export interface SessionOptions {
  /** The request's property that holds the session. Default 'session'. */
  name?: string
  /** Where sessions are kept. Default 'memory': in this process, where they end with it. */
  store?: 'memory' | 'mysql' | 'mssql' | SessionStore | SimpleStore
  /** For `store: 'mysql'`: a URL, options for createPool of mysql2, or a pool of mysql2. The plugin never closes your pool. */
  mysql?: MysqlSource | undefined
  /** For `store: 'mssql'`: a connection string, a config of mssql, or its ConnectionPool. The plugin never closes your pool. */
  mssql?: MssqlSource | undefined
  /** The table, with its schema if that is not the connection's: 'auth.sessions'. Default 'sessions'. */
  table?: string
  /** Create the table if it is missing. Default false. */
  createTable?: boolean
  /** For the store 'memory': how many sessions it keeps at most. Default 100,000. */
  maxSessions?: number
  /** How long a session lives at most, in milliseconds. Default 24 hours. */
  lifetime?: number
  /** How long a session lives without a request, in milliseconds. Default 0: as long as `lifetime`. */
  idleTimeout?: number
  /** With `idleTimeout`: how often requests move a session's expiry at most, in milliseconds. Default a tenth of `idleTimeout`. */
  touchInterval?: number
  /** How often expired sessions are deleted, in milliseconds. Default 5 minutes, in memory 1 minute. 0: never. */
  cleanupInterval?: number
  /** How long a request waits for the store, in milliseconds. Default 5000. Then it fails with 503. */
  storeTimeout?: number
  /** Whether the table has the hash of a token instead of the token. Default true; with the codec 'gob' false, as in SCS. */
  hashTokenInStore?: boolean
  /** Turns a session into the bytes of its row and back. Default 'text': {@link textCodec}. 'gob' is the format of SCS. */
  codec?: 'text' | 'gob' | Codec
  /** The cookie's attributes. */
  cookie?: CookieOptions
}

/** The options, checked, with every default filled in. */
export interface Settings {
  readonly name: string
  readonly store: TimedStore
  readonly lifetime: number
  readonly idleTimeout: number
  readonly touchInterval: number
  readonly storeTimeout: number
  readonly hashTokenInStore: boolean
  readonly codec: Codec
  readonly cookie: CookieSettings
  /** Whether sessions are kept in this process: the store is 'memory', which is the default. */
  readonly inMemory: boolean
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
const OPTIONS = ['name', 'store', 'mysql', 'mssql', 'table', 'createTable', 'maxSessions', 'lifetime', 'idleTimeout', 'touchInterval',
  'cleanupInterval', 'storeTimeout', 'hashTokenInStore', 'codec', 'cookie']
/** Options of Fastify's own `register`. */
const REGISTER_OPTIONS = ['prefix', 'logLevel', 'logSerializers']
const COOKIE_OPTIONS = ['name', 'path', 'domain', 'httpOnly', 'sameSite', 'secure', 'partitioned', 'priority', 'persist']
/** What to write instead of options that other session plugins have. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ...['secret', 'secrets', 'key', 'salt', 'signed'].map(name => [name, 'A token is random and holds no data, so it is not signed or encrypted. Leave the option out'] as const),
  ...['maxAge', 'ttl', 'expiry', 'expires', 'expiration'].map(name => [name, 'Use lifetime and idleTimeout, in milliseconds'] as const),
  ...['saveUninitialized', 'resave'].map(name => [name, 'A session is stored once something is put into it, and written when something has changed. Leave the option out'] as const),
  ['rolling', 'Use idleTimeout: requests then prolong the session'],
  ['cookieName', 'Use cookie: { name: ... }'],
  ...['url', 'uri', 'connectionString', 'pool', 'client'].map(name => [name, 'Use mysql or mssql: each takes a URL or connection string, options of its driver, or a pool'] as const)
])
const COOKIE_ADVICE: ReadonlyMap<string, string> = new Map([
  ...['maxAge', 'expires'].map(name => [name, 'A cookie lives as long as its session: use the option lifetime; or cookie.persist: false for one that ends with the browser'] as const),
  ['signed', 'A token is random, so it is not signed. Leave the option out']
])
/** The name of a cookie: a token of RFC 9110 section 5.6.2, as RFC 6265 section 4.1.1 demands. */
const COOKIE_NAME = /^[!#$%&'*+.^_`|~\w-]+$/
const DOMAIN = /^\.?[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)*$/i

/** Checks the options of a registration. Throws `FST_SESSION_INVALID_OPTION` with the option's name and what to write instead. */
export function settingsOf (given: SessionOptions | SessionStore | SimpleStore | undefined): Settings {
  const options: SessionOptions = given === undefined ? {} : isStore(given) || isSimpleStore(given) ? { store: given } : given
  if (typeof options !== 'object' || options === null || Array.isArray(options)) throw new InvalidOptionError(`The options must be an object or a store, not ${inspected(options)}`)
  knownOnly(options, [...OPTIONS, ...REGISTER_OPTIONS], '', ADVICE)

  const lifetime = duration('lifetime', options.lifetime, DAY, { least: 1 })
  const idleTimeout = duration('idleTimeout', options.idleTimeout, 0)
  const touchInterval = duration('touchInterval', options.touchInterval, Math.floor(idleTimeout / 10))
  if (touchInterval > 0 && touchInterval >= idleTimeout) {
    throw new InvalidOptionError(`touchInterval (${touchInterval} ms) must be shorter than idleTimeout (${idleTimeout} ms), or sessions in use would expire`)
  }
  const storeTimeout = storeTimeoutOf(options)
  const codec = codecOf(options.codec)
  return Object.freeze({
    name: propertyName(options.name),
    lifetime,
    idleTimeout,
    touchInterval,
    storeTimeout,
    hashTokenInStore: boolean('hashTokenInStore', options.hashTokenInStore, codec.isShared !== true),
    codec,
    cookie: cookieOf(options.cookie, propertyName(options.name)),
    inMemory: options.store === undefined || options.store === 'memory',
    store: timed(storeOf(options), storeTimeout)
  })
}

/** The stores of this package keep time and answer in bounded time by themselves. Another store is helped to. */
function timed (store: SessionStore, storeTimeout: number): TimedStore {
  return isTimed(store) && store.isBounded === true ? store : guarded(store, storeTimeout)
}

function storeOf (options: SessionOptions): SessionStore {
  const { store = 'memory', mysql, mssql, table, createTable, cleanupInterval, storeTimeout, maxSessions } = options
  const unused = (names: readonly string[], why: string) => {
    for (const name of names) {
      if (name in options && options[name as keyof SessionOptions] !== undefined) throw new InvalidOptionError(`${name} ${why}`)
    }
  }
  const cleanup = cleanupInterval === undefined ? {} : { cleanupInterval }
  const shared = {
    ...cleanup,
    ...(table !== undefined && { table }),
    ...(createTable !== undefined && { createTable }),
    ...(storeTimeout !== undefined && { storeTimeout })
  }
  if (store === 'memory') {
    unused(['mysql', 'mssql', 'table', 'createTable'], 'has no effect on the store \'memory\'. Choose { store: \'mysql\' } or { store: \'mssql\' }, or leave it out')
    return memoryStore({ ...cleanup, ...(maxSessions !== undefined && { maxSessions }) })
  }
  if (store === 'mysql') {
    unused(['mssql', 'maxSessions'], 'has no effect on the store \'mysql\'. Leave it out')
    if (mysql === undefined) throw new InvalidOptionError('store \'mysql\' needs the option mysql: a URL like mysql://user:password@host/database, options of mysql2, or a pool of mysql2')
    return mysqlStore(mysql, shared)
  }
  if (store === 'mssql') {
    unused(['mysql', 'maxSessions'], 'has no effect on the store \'mssql\'. Leave it out')
    if (mssql === undefined) throw new InvalidOptionError('store \'mssql\' needs the option mssql: a connection string, a config of mssql, or a ConnectionPool of mssql')
    return mssqlStore(mssql, shared)
  }
  unused(['mysql', 'mssql', 'table', 'createTable', 'cleanupInterval', 'maxSessions'], 'has no effect on a store that is passed in. Give it to the store itself')
  if (isStore(store)) return store
  if (isSimpleStore(store)) return simpleStore(store)
  const nearest = typeof store === 'string' ? closest(store, ['memory', 'mysql', 'mssql']) : undefined
  throw new InvalidOptionError(`store must be 'memory', 'mysql', 'mssql' or an object with the methods of SessionStore, not ${inspected(store)}${nearest === undefined ? '' : `. Did you mean '${nearest}'?`}`)
}

function cookieOf (cookie: unknown = {}, name: string): CookieSettings {
  if (typeof cookie !== 'object' || cookie === null || Array.isArray(cookie)) throw new InvalidOptionError(`cookie must be an object of attributes, not ${inspected(cookie)}`)
  knownOnly(cookie, COOKIE_OPTIONS, 'cookie.', COOKIE_ADVICE)
  const given: { readonly [K in keyof CookieOptions]?: unknown } = cookie
  const settings: CookieSettings = Object.freeze({
    name: text('cookie.name', given.name, name, COOKIE_NAME, 'letters, digits and !#$%&\'*+-.^_`|~'),
    path: text('cookie.path', given.path, '/', /^\/[^;\p{Cc}]*$/u, 'a path that begins with / and has no semicolon'),
    domain: given.domain === undefined ? undefined : text('cookie.domain', given.domain, '', DOMAIN, 'the name of a host, like example.com'),
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

const CODECS: ReadonlyMap<unknown, Codec> = new Map([['text', textCodec], ['gob', gobCodec]])

function codecOf (given: SessionOptions['codec'] = textCodec): Codec {
  const codec = CODECS.get(given) ?? given
  if (typeof codec !== 'object' || codec === null || typeof codec.encode !== 'function' || typeof codec.decode !== 'function') {
    throw new InvalidOptionError(`codec must be 'text', 'gob', or an object with the methods encode and decode, not ${inspected(codec)}`)
  }
  if (codec.headerLength !== undefined && typeof codec.headerLength !== 'function') {
    throw new InvalidOptionError(`codec.headerLength must be a method that gives a number, not ${inspected(codec.headerLength)}`)
  }
  if (codec.holds !== undefined && typeof codec.holds !== 'function') {
    throw new InvalidOptionError(`codec.holds must be a method that gives true or false, not ${inspected(codec.holds)}`)
  }
  return codec === textCodec || codec === gobCodec ? codec : checkedCodec(codec)
}

function propertyName (name: unknown = USUAL_NAME): string {
  if (typeof name === 'string' && /^[A-Za-z_$][\w$]*$/.test(name)) return name
  throw new InvalidOptionError(`name must be the name of a property, like 'session' or 'adminSession', not ${inspected(name)}`)
}

function text (option: string, value: unknown, otherwise: string, pattern: RegExp, expected: string): string {
  if (value === undefined) return otherwise
  if (typeof value === 'string' && pattern.test(value)) return value
  throw new InvalidOptionError(`${option} must be ${expected}, not ${inspected(value)}`)
}
