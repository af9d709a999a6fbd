import { checkedCodec } from './codecs/checked.js'
import type { Codec } from './codecs/codec.js'
import { gobCodec } from './codecs/gob/codec.js'
import { keepsTracked } from './codecs/keeps-tracked.js'
import { textCodec } from './codecs/text.js'
import type { CookieSettings } from './cookie.js'
import { cookieOf, type CookieOptions } from './cookie-options.js'
import { SessionReport } from './diagnostics.js'
import { InvalidOptionError } from './errors.js'
import { previousOf, type ExpressSessions, type PreviousSessions } from './from-express.js'
import { chooseStore, optionsFor, type ChosenStore, type StoreOptions } from './store-option.js'
import type { TokenOption } from './token-source.js'
import { USUAL_NAME } from './token.js'
import { isTimed, type TimedStore } from '../stores/clock.js'
import { guarded } from '../stores/guard.js'
import { storeTimeoutOf } from '../stores/sql/sql-store.js'
import type { SessionStore } from '../stores/store.js'
import { idOfHash, sessionId, type SessionId } from '../stores/session-id.js'
import { boolean, described, duration, inspected, knownOnly, positiveInteger } from '../stores/validate.js'

export type { CookieOptions } from './cookie-options.js'

/** The options of the plugin. */
export interface SessionOptions extends StoreOptions {
  /** The request's property that holds the session. Default 'session'. */
  name?: string
  /** How long a session lives at most, in milliseconds. Default 24 hours. */
  lifetime?: number
  /** How long a session lives without a request, in milliseconds. Shorter than `lifetime`. Default 0: as long as `lifetime`. */
  idleTimeout?: number
  /** With `idleTimeout` or `track`: how often requests move a session's expiry, and note its use, at most, in milliseconds. Default a tenth of `idleTimeout`. */
  touchInterval?: number
  /** Whether the table has the hash of a token instead of the token. Default true; with the codec 'gob' false, as in SCS. */
  hashTokenInStore?: boolean
  /** Turns a session into the bytes of its row and back. Default 'text': {@link textCodec}. 'gob' is the format of SCS. */
  codec?: 'text' | 'gob' | Codec
  /**
   * Whether the keys of a session are its properties, too, for code written for express-session: `request.session.user`. Default
   * false, but true beside @fastify/passport. See {@link SessionProperties}.
   */
  properties?: boolean
  /**
   * The key of a session whose value says whose session it is, such as 'userId'. Then `app.sessions` lists, counts and ends the
   * sessions of one owner by an index, and tables have the column `owner`. Values may be strings, numbers and bigints; 7, 7n
   * and '7' are one owner; without a value, or with null or '', a session is nobody's. Default: none.
   */
  owner?: string
  /**
   * With `owner`: how many sessions an owner has at most. When a sign-in was saved that is one too many, the oldest sessions are
   * ended: those that began first, with `track`; else those whose deadline comes first. Default: any number.
   */
  maxPerOwner?: number
  /**
   * Whether a session also keeps when it began, when it was last used, and the user agent and the address (`request.ip`) of its
   * sign-in, for `app.sessions`. The last use is written at most once per `touchInterval`, which is 5 minutes by default if there
   * is no `idleTimeout`. Default false.
   */
  track?: boolean
  /** The cookie's attributes. */
  cookie?: CookieOptions
  /**
   * Returns the token of a request, for mobile applications and other clients that keep no cookies; undefined for a request without
   * one. Synchronous. Then the plugin reads and sets no cookie: after `await session.commit()` the token is in `session.token`, for the
   * reply. A string that is no token counts as none; what the function throws fails the request, and so does a value that is no string
   * (`FST_SESSION_INVALID_OPTION`). Default: the token comes from the cookie.
   */
  token?: TokenOption
  /** The sessions of the plugin that the application used before: {@link fromExpress}. They go on. Default: none. */
  previous?: PreviousSessions
}

/** The options, checked, with every default filled in. */
export interface Settings extends Omit<ChosenStore, 'store'> {
  readonly name: string
  readonly store: TimedStore
  readonly lifetime: number
  readonly idleTimeout: number
  readonly touchInterval: number
  readonly storeTimeout: number
  readonly hashTokenInStore: boolean
  /** Whether the store reads sessions from a key on. A store of the user's may have been written before there was that. */
  readonly canSeek: boolean
  /** Names a session by the key of its row, in `session.id`, `app.sessions`, events and logs. */
  readonly idOf: SessionId
  readonly codec: Codec
  readonly properties: boolean
  readonly owner: string | undefined
  readonly maxPerOwner: number | undefined
  readonly track: boolean
  readonly cookie: CookieSettings
  /** Undefined: tokens come from cookies. */
  readonly token: TokenOption | undefined
  readonly previous: ExpressSessions | undefined
  /** Whether sessions are kept in this process: the store is 'memory', which is the default. */
  readonly inMemory: boolean
  /** Is told what becomes of the sessions. */
  readonly report: SessionReport
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** How often the use of a session is noted that has no idle timeout. */
const USE_INTERVAL = 5 * 60_000
const OPTIONS = ['name', 'store', 'mysql', 'mssql', 'table', 'createTable', 'maxSessions', 'lifetime', 'idleTimeout', 'touchInterval',
  'cleanupInterval', 'storeTimeout', 'hashTokenInStore', 'codec', 'properties', 'owner', 'maxPerOwner', 'track', 'cookie', 'token', 'previous']
/** Options of Fastify's own `register`. */
const REGISTER_OPTIONS = ['prefix', 'logLevel', 'logSerializers']
/** What to write instead of options that other session plugins have. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ...['secret', 'secrets', 'key', 'salt', 'signed'].map(name => [name, 'A token is random and holds no data, so it is not signed or encrypted. Leave the option out'] as const),
  ...['maxAge', 'ttl', 'expiry', 'expires', 'expiration'].map(name => [name, 'Use lifetime and idleTimeout, in milliseconds'] as const),
  ...['saveUninitialized', 'resave', 'unset'].map(name => [name, 'A session is stored once something is put into it, and written when something has changed. Leave the option out'] as const),
  ['rolling', 'Use idleTimeout: requests then prolong the session'],
  ...['cookieName', 'cookiePrefix'].map(name => [name, 'Use cookie: { name: ... }'] as const),
  ...['idGenerator', 'genid', 'generateId'].map(name => [name, 'The plugin makes tokens of 256 random bits. Leave the option out'] as const),
  ...['getToken', 'header', 'headerName', 'tokenHeader'].map(name => [name, 'Use token: request => request.headers[...], a function that returns the token of a request'] as const),
  ...['cookieOptions', 'cookieSettings'].map(name => [name, 'Use cookie: { path, domain, sameSite, secure, ... }'] as const),
  ...['from', 'migrate', 'migrateFrom'].map(name => [name, 'Use previous: fromExpress({ secret, mysql: ... })'] as const),
  ['proxy', 'Create Fastify with { trustProxy: ... }'],
  ['httpOnly', 'Use cookie: { httpOnly: ... }'], ['secure', 'Use cookie: { secure: ... }'], ['sameSite', 'Use cookie: { sameSite: ... }'],
  ...['url', 'uri', 'connectionString', 'pool', 'client'].map(name => [name, 'Use mysql or mssql: each takes a URL or connection string, options of its driver, or a pool'] as const)
])

/**
 * Checks the options of a registration. Throws `FST_SESSION_INVALID_OPTION`, naming the option and what to write instead.
 *
 * @param passed options, a store, a pool, or a URL
 */
export function settingsOf (passed: unknown): Settings {
  const given = optionsFor(passed)
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new InvalidOptionError(`The options must be an object like { store: 'mysql', mysql: url }, or a store, not ${described(given)}`)
  }
  const options: SessionOptions = given
  knownOnly(options, [...OPTIONS, ...REGISTER_OPTIONS], '', ADVICE)

  const name = propertyName(options.name)
  const { store, place, table } = chooseStore(options, options.owner !== undefined)
  const lifetime = duration('lifetime', options.lifetime, DAY, { least: 1 })
  const idleTimeout = duration('idleTimeout', options.idleTimeout, 0)
  const track = boolean('track', options.track, false)
  const touchInterval = duration('touchInterval', options.touchInterval, track && idleTimeout === 0 ? USE_INTERVAL : Math.floor(idleTimeout / 10))
  if (touchInterval > 0 && touchInterval >= idleTimeout && !(track && idleTimeout === 0)) {
    throw new InvalidOptionError(`touchInterval (${touchInterval} ms) must be shorter than idleTimeout (${idleTimeout} ms), or sessions in use would expire`)
  }
  const storeTimeout = storeTimeoutOf(options.storeTimeout === undefined && isTimed(store) ? store : options)
  const codec = codecOf(options.codec)
  if (track && !keepsTracked(codec)) throw new InvalidOptionError('track needs a codec that keeps the property tracked of a session: codec.decode gave it back otherwise than codec.encode got it')
  const hashTokenInStore = boolean('hashTokenInStore', options.hashTokenInStore, codec.isShared !== true)
  const idOf = hashTokenInStore ? idOfHash : sessionId
  return Object.freeze({
    name,
    lifetime,
    idleTimeout,
    touchInterval,
    storeTimeout,
    hashTokenInStore,
    idOf,
    canSeek: isTimed(store) || store.keepsOwners === true,
    codec,
    properties: boolean('properties', options.properties, false),
    owner: ownerKey(options.owner, store),
    maxPerOwner: limitOf(options),
    track,
    cookie: cookieOf(options.cookie, name),
    token: tokenOf(options),
    previous: previousOf(options),
    report: new SessionReport(name, idOf),
    inMemory: options.store === undefined || options.store === 'memory',
    place,
    table,
    // The stores of this package keep time and answer in bounded time by themselves. Another store is helped to.
    store: isTimed(store) && store.isBounded === true ? store : guarded(store, storeTimeout)
  })
}

function limitOf ({ owner, maxPerOwner }: SessionOptions): number | undefined {
  if (maxPerOwner === undefined) return undefined
  if (owner === undefined) throw new InvalidOptionError('maxPerOwner needs the option owner: the key of a session\'s value that says whose session it is, like \'userId\'')
  return positiveInteger('maxPerOwner', maxPerOwner)
}

function ownerKey (key: unknown, store: SessionStore): string | undefined {
  if (key === undefined) return undefined
  if (typeof key !== 'string' || key === '') throw new InvalidOptionError(`owner must be the key of a session's value, like 'userId', not ${inspected(key)}`)
  if (store.keepsOwners !== true) throw new InvalidOptionError('owner needs a store that keeps the owners of sessions: \'memory\', \'mysql\' or \'mssql\', or for example mysqlStore(pool, { owners: true }); the store that was passed does not')
  return key
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

function tokenOf ({ token, cookie, previous }: SessionOptions): TokenOption | undefined {
  if (token === undefined) return undefined
  if (typeof token !== 'function') throw new InvalidOptionError(`token must be a function that returns the token of a request, like request => request.headers['x-session'], not ${described(token)}`)
  if (previous !== undefined) throw new InvalidOptionError('previous has no effect beside token: earlier sessions are found by their cookies, and no cookie is read then. Leave one of the two out')
  if (cookie !== undefined) throw new InvalidOptionError('cookie has no effect beside token: no cookie is read or set then. Leave one of the two out, or register the plugin twice, under two names')
  return token
}

function propertyName (name: unknown = USUAL_NAME): string {
  if (typeof name === 'string' && /^[A-Za-z_$][\w$]*$/.test(name)) return name
  throw new InvalidOptionError(`name must be the name of a property, like 'session' or 'adminSession', not ${inspected(name)}`)
}
