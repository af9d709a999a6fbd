import createError from '@fastify/error'

export {
  DriverMissingError, InvalidOptionError, StoreMisconfiguredError, StoreUnavailableError, TableMissingError, TooLargeError
} from '../stores/errors.js'

/** The session was signed out, renewed or merged by another request before this one's changes could be saved. */
export const SessionGoneError = createError(
  'FST_SESSION_GONE', 'The session ended while this request changed it (signed out, renewed or expired). Nothing was saved', 409
)

/** A value that a session cannot keep. */
export const InvalidValueError = createError<[string, string]>(
  'FST_SESSION_INVALID_VALUE', 'The session cannot keep %s: %s. It keeps string, number, boolean, null, array, plain object, Date, bigint, Uint8Array, Map and Set', 500, TypeError
)

/** A value for which Go has no type, where the codec is `gob`. */
export const NoGoValueError = createError<[string, string]>(
  'FST_SESSION_INVALID_VALUE', 'The session cannot keep %s: %s. As Go\'s gob it keeps string, number, boolean, null, array, plain object, Date, bigint of 64 bits and Uint8Array', 500, TypeError
)

/** An argument of a method of the session is wrong. */
export const InvalidArgumentError = createError<[string]>('FST_SESSION_INVALID_ARGUMENT', '%s', 500, TypeError)

/** `request.session` was used on a route that opted out. */
export const OptedOutError = createError<[string]>(
  'FST_SESSION_OPTED_OUT', 'request.%s was used on a route that opted out of it with { config: { session: false } }', 500
)

/** `request.session` was used before it was loaded. */
export const NotLoadedError = createError<[string]>(
  'FST_SESSION_NOT_LOADED', 'request.%s was used before it was loaded: register fastify-sql-sessions before the plugin whose onRequest hook uses it', 500
)

/** A new token cannot reach the browser any more. */
export const HeadersSentError = createError(
  'FST_SESSION_HEADERS_SENT', 'A new session, or a new token, needs a cookie, but the headers of the response have been sent. Commit before the first byte', 500
)

/** A second registration under one name. */
export const DuplicateError = createError<[string]>(
  'FST_SESSION_DUPLICATE', 'request.%s exists already. Register fastify-sql-sessions once, or give the second one a name of its own: { name: \'adminSession\', cookie: { name: \'admin\' } }', 500
)

/** A row that holds something else than this codec writes. */
export const UndecodableError = createError<[string]>('FST_SESSION_UNDECODABLE', 'The session cannot be decoded: %s', 500)

/** A codec of the user's failed to encode a session. */
export const UnencodableError = createError<[string]>('FST_SESSION_UNENCODABLE', 'The session cannot be encoded: %s. It was not saved', 500)
