import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual, type BinaryLike } from 'node:crypto'
import { types } from 'node:util'
import { InvalidOptionError } from './errors.js'
import { inTime } from '../stores/deadline.js'
import { StoreUnavailableError, withoutTokens } from '../stores/errors.js'
import { ExpressMssql } from '../stores/express/mssql.js'
import { ExpressMysql, type ExpressColumns } from '../stores/express/mysql.js'
import type { ExpressSession, ExpressSource } from '../stores/express/source.js'
import { ExpressStoreSource, type ExpressStore } from '../stores/express/store.js'
import type { MssqlSource } from '../stores/mssql/mssql.js'
import type { MysqlSource } from '../stores/mysql/mysql.js'
import type { StoreLog } from '../stores/store.js'
import { boolean, described, duration, inspected, knownOnly, LONGEST_TIMER } from '../stores/validate.js'

/** The options of {@link fromExpress}. */
export interface FromExpressOptions {
  /** The secret that the old cookies are signed with, or several: each is tried. As text or bytes. */
  secret: string | Uint8Array | ReadonlyArray<string | Uint8Array>
  /**
   * The old cookie, as it was set: its name, and its path and domain if they were not '/' and none. The default name is that
   * of express-session, 'connect.sid'; that of @fastify/session is 'sessionId'.
   */
  cookie?: string | { name?: string, path?: string, domain?: string }
  /** The sessions of express-mysql-session: a URL, options of mysql2, or a pool of mysql2, which the plugin never closes. */
  mysql?: MysqlSource
  /** The sessions of connect-mssql-v2: a connection string, a config of mssql, or a ConnectionPool, which the plugin never closes. */
  mssql?: MssqlSource
  /** The sessions of any other store for express-session. */
  store?: ExpressStore
  /** Sessions from anywhere else. */
  source?: ExpressSource
  /** For `mysql` and `mssql`: the old table, with its schema if it is not the connection's. Default 'sessions'. */
  table?: string
  /** For `mysql`: the columns, if they have other names than those of express-mysql-session. */
  columns?: ExpressColumns
  /**
   * Whether the old expiry moved with each request. Then a session gets the plugin's `lifetime` as a new one does. Default
   * false: it keeps the deadline that its old row has.
   */
  rolling?: boolean
  /** How long a statement on the old sessions may take, in milliseconds. Default 5000. */
  timeout?: number
}

/** The earlier sessions of an application: what {@link fromExpress} makes, for the option `previous`. */
export interface PreviousSessions {
  /** The name of their cookie. */
  readonly cookieName: string
}

/**
 * Sessions of express-session or @fastify/session, for the option `previous`:
 *
 *     await app.register(sessions, { store: 'mysql', mysql: pool, table: 'new_sessions', previous: fromExpress({ secret, mysql: pool }) })
 *
 * Then the first request of a browser that has the old, signed cookie and none of ours gets its session: the values are
 * written under a new token, the old row is deleted, and the old cookie is taken away. So nobody is signed out by the change.
 * A cookie whose signature is wrong, and an expired or unknown session, is a visitor without a session.
 *
 * Exactly one of `mysql`, `mssql`, `store` and `source` says where the old sessions are. Throws `FST_SESSION_INVALID_OPTION`.
 * `ready()` rejects with `FST_SESSION_STORE_MISCONFIGURED` if the old sessions can be reached but not read and deleted.
 * A request whose old session cannot be read now is answered 503 `FST_SESSION_STORE_UNAVAILABLE`.
 */
export function fromExpress (options: FromExpressOptions): PreviousSessions {
  return new ExpressSessions(options)
}

/** The option `previous`, checked. Throws `FST_SESSION_INVALID_OPTION`. */
export function previousOf ({ previous }: { readonly previous?: unknown }): ExpressSessions | undefined {
  if (previous === undefined || previous instanceof ExpressSessions) return previous
  throw new InvalidOptionError(`previous must be what fromExpress({ secret, mysql: ... }) returns, not ${described(previous)}`)
}

/** How long a statement may take unless the user says otherwise, in milliseconds. */
const TIMEOUT = 5000
const SOURCES = ['mysql', 'mssql', 'store', 'source'] as const

export class ExpressSessions implements PreviousSessions {
  readonly cookieName: string
  /** Attributes with which the old cookie is taken away. */
  readonly cookieScope: { readonly path: string, readonly domain?: string }
  readonly rolling: boolean
  readonly #secrets: readonly BinaryLike[]
  readonly #source: ExpressSource
  readonly #timeout: number

  constructor (options: FromExpressOptions) {
    if (typeof options !== 'object' || options === null) throw new InvalidOptionError(`fromExpress needs options, for example { secret, mysql: pool }, not ${described(options)}`)
    knownOnly(options, ['secret', 'cookie', ...SOURCES, 'table', 'columns', 'rolling', 'timeout'])
    this.#secrets = secretsOf(options.secret)
    const { name = 'connect.sid', path = '/', domain } = cookieOf(options.cookie)
    this.cookieName = name
    this.cookieScope = domain === undefined ? { path } : { path, domain }
    this.rolling = boolean('rolling', options.rolling, false)
    this.#timeout = duration('timeout', options.timeout, TIMEOUT, { least: 1, most: LONGEST_TIMER })
    this.#source = sourceOf(options, this.#timeout)
  }

  /** The session that a cookie's value names; undefined if no secret has signed it. The value is decoded. */
  readonly cookieIn = (value: string): OldCookie | undefined => {
    // express-session writes "s:" before what it has signed; @fastify/session does not, unless it is told to.
    const signed = value.startsWith('s:') ? value.slice(2) : value
    const end = signed.lastIndexOf('.')
    const id = signed.slice(0, end)
    if (end < 1) return undefined
    const secret = this.#secrets.find(secret => isSignature(signed.slice(end + 1), id, secret))
    return secret === undefined ? undefined : new OldCookie(id, secret)
  }

  async read (id: string): Promise<ExpressSession | undefined> {
    return await this.#inTime(this.#source.read(id))
  }

  async end (id: string): Promise<void> {
    await this.#inTime(this.#source.end(id))
  }

  /** Checks what can be checked. Warns if the old sessions cannot be reached in time. */
  async open (log: StoreLog, timeout?: number): Promise<void> {
    try {
      if (this.#source.check !== undefined) await this.#inTime(this.#source.check(), timeout)
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      log.warn({ err: withoutTokens(error) }, 'The database of the earlier sessions cannot be reached. The application starts all the same')
    }
  }

  async close (): Promise<void> {
    await this.#source.close?.()
  }

  async #inTime<T> (answer: Promise<T>, timeout = this.#timeout): Promise<T> {
    return await inTime(answer, performance.now() + Math.min(timeout, this.#timeout), () => new StoreUnavailableError('the earlier sessions were not read in time'))
  }
}

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** An old cookie whose signature is right. */
export class OldCookie {
  /** The id of the old session: a secret. */
  readonly id: string
  readonly #secret: BinaryLike

  constructor (id: string, secret: BinaryLike) {
    this.id = id
    this.#secret = secret
  }

  /** Names the row that says that this session was migrated. It has the form of a token, and nobody gets it. */
  get mark (): string {
    return this.#derived('mark').toString('base64url')
  }

  /** Encrypts the new token, so that only a request with this cookie can read it. */
  seal (token: string): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.#derived('seal'), nonce, { authTagLength: TAG_BYTES })
    return Buffer.concat([nonce, cipher.update(token), cipher.final(), cipher.getAuthTag()]).toString('base64url')
  }

  /** What {@link seal} has encrypted. Throws if it was something else. */
  unseal (sealed: string): string {
    const bytes = Buffer.from(sealed, 'base64url')
    const decipher = createDecipheriv(ALGORITHM, this.#derived('seal'), bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
  }

  #derived (what: string): Buffer {
    return createHmac('sha256', this.#secret).update(`fastify-sql-sessions ${what} ${this.id}`).digest()
  }
}

/** As the package cookie-signature signs, and @fastify/cookie. */
function isSignature (text: string, id: string, secret: BinaryLike): boolean {
  const expected = Buffer.from(createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, ''))
  const given = Buffer.from(text)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function secretsOf (secret: unknown): readonly BinaryLike[] {
  const secrets: readonly unknown[] = Array.isArray(secret) ? secret : [secret]
  const isSecret = (one: unknown): one is string | Uint8Array => (typeof one === 'string' || types.isUint8Array(one)) && one.length > 0
  if (secrets.length > 0 && secrets.every(isSecret)) return secrets
  throw new InvalidOptionError('secret must be the secret that the old cookies are signed with, as text or bytes, or an array of such. Is its environment variable set?')
}

function cookieOf (cookie: unknown = {}): { readonly name?: string, readonly path?: string, readonly domain?: string } {
  const given: unknown = typeof cookie === 'string' ? { name: cookie } : cookie
  if (typeof given !== 'object' || given === null) throw new InvalidOptionError(`cookie must be the name of the old cookie, or { name, path, domain }, not ${inspected(cookie)}`)
  knownOnly(given, ['name', 'path', 'domain'], 'cookie.')
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== 'string' || !/^[^\s;,]+$/.test(value)) throw new InvalidOptionError(`cookie.${name} must be a text without spaces, commas and semicolons, not ${inspected(value)}`)
  }
  return given
}

function sourceOf (options: FromExpressOptions, timeout: number): ExpressSource {
  const given = SOURCES.filter(name => options[name] !== undefined)
  const [kind] = given
  if (kind === undefined || given.length > 1) {
    throw new InvalidOptionError(`fromExpress needs one of mysql, mssql, store and source, to know where the old sessions are${given.length > 1 ? `, not ${given.join(' and ')}` : ''}`)
  }
  const { mysql, mssql, store, source, table, columns } = options
  if (columns !== undefined && mysql === undefined) throw new InvalidOptionError('columns has no effect without mysql. Leave it out')
  if (mysql !== undefined) return new ExpressMysql(mysql, timeout, table, columns)
  if (mssql !== undefined) return new ExpressMssql(mssql, timeout, table)
  if (table !== undefined) throw new InvalidOptionError('table has no effect without mysql or mssql. Leave it out')
  return store === undefined ? checkedSource(source) : new ExpressStoreSource(store)
}

function checkedSource (source: unknown): ExpressSource {
  const isSource = typeof source === 'object' && source !== null && ['read', 'end'].every(name => typeof (source as { readonly [name: string]: unknown })[name] === 'function')
  if (!isSource) throw new InvalidOptionError(`source must be an object with the methods read and end, not ${described(source)}`)
  return source as ExpressSource
}
