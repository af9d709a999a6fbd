import type { FastifyInstance } from 'fastify'
import { DuplicateError, InvalidOptionError } from './errors.js'
import type { Settings } from './options.js'

/** On an application: the settings of its registrations. Scopes inherit them. */
const CLAIMS = Symbol('fastify-sql-sessions.claims')

/**
 * Notes a registration on the application. Throws `FST_SESSION_DUPLICATE` if its name is taken, and
 * `FST_SESSION_INVALID_OPTION` if the sessions of two registrations would mix.
 */
export function claim (app: FastifyInstance, settings: Settings): void {
  const scope = app as unknown as { [CLAIMS]?: readonly Settings[] }
  if (app.hasRequestDecorator(settings.name)) throw new DuplicateError(settings.name)
  if (app.hasDecorator(`${settings.name}s`)) throw new InvalidOptionError(`app.${settings.name}s exists already, where the plugin puts its own. Give the plugin another name: { name: 'userSession' }`)
  const others = scope[CLAIMS] ?? []
  for (const other of others) {
    checkCookies(settings, other)
    checkRows(settings, other)
    checkOwners(settings, other)
  }
  scope[CLAIMS] = [...others, settings]
}

/** Two sessions in one cookie would sign each other out. */
function checkCookies ({ name, cookie, token }: Settings, other: Settings): void {
  if (cookie.name !== other.cookie.name || token !== undefined || other.token !== undefined) return
  throw new InvalidOptionError(`The cookie '${cookie.name}' is that of request.${other.name} already. Give request.${name} one of its own: { cookie: { name: '${name}' } }`)
}

/**
 * The hash of a token is bound to the registration's name. Without it, a token of one registration, or its hash, would
 * open a session of the other.
 */
function checkRows ({ name, place, table, hashTokenInStore }: Settings, other: Settings): void {
  if (place === undefined || place !== other.place || table !== other.table || (hashTokenInStore && other.hashTokenInStore)) return
  throw new InvalidOptionError(`request.${name} and request.${other.name} keep their rows in one table, and hashTokenInStore is false, so a cookie of one would open sessions of the other. Give request.${name} a table of its own: { table: '${name}s' }`)
}

/** Nothing in a row says which registration it is of, so a user 7 and an administrator 7 would be one owner. */
function checkOwners ({ name, place, table, owner }: Settings, other: Settings): void {
  if (place === undefined || place !== other.place || table !== other.table || (owner === undefined && other.owner === undefined)) return
  throw new InvalidOptionError(`request.${name} and request.${other.name} keep their rows in one table, and have the option owner, so an owner of one would be an owner of the other. Give request.${name} a table of its own: { table: '${name}s' }`)
}
