import createError from '@fastify/error'

export {
  DriverMissingError, InvalidOptionError, StoreMisconfiguredError, StoreUnavailableError, TableMissingError, TooLargeError
} from '../stores/errors.js'

/**
 * The session ended before the request's changes could be saved: another request has signed it out, renewed its token, or
 * merged it into another session; or it has expired.
 */
export const SessionGoneError = createError(
  'FST_SESSION_GONE', 'The session ended before these changes could be saved: it was signed out, renewed or merged by another request, or it has expired. The changes were not saved', 409
)

/** A session that was to be merged in ended before the commit. The request's own session is alive. */
export const MergedSessionGoneError = createError(
  'FST_SESSION_GONE', 'A session that was to be merged in ended before the merge: it was signed out, renewed or merged by another request, or it has expired. The changes were not saved', 409
)

/** Whether an error says that the request's own session has ended. */
export function endsSession (error: unknown): boolean {
  // instanceof compares codes, and both classes have the same code.
  return error instanceof SessionGoneError && Object.getPrototypeOf(error) !== MergedSessionGoneError.prototype
}

/** A session cannot keep a value. */
export const InvalidValueError = createError<[string, string]>(
  'FST_SESSION_INVALID_VALUE', 'The session cannot keep %s: %s. It keeps string, number, boolean, null, array, plain object, Date, bigint, Uint8Array, Map and Set', 500, TypeError
)

/** A value of the key that says whose session it is. */
export const OwnerValueError = createError<[string, string]>(
  'FST_SESSION_INVALID_VALUE', 'The session cannot keep %s: it says whose session it is (option owner), so its value must be a string, a finite number, a bigint or null, not %s', 500, TypeError
)

/** A value for which Go has no type, where the codec is `gob`. */
export const NoGoValueError = createError<[string, string]>(
  'FST_SESSION_INVALID_VALUE', 'The session cannot keep %s: %s. As Go\'s gob it keeps string, number, boolean, null, array, plain object, Date, bigint of 64 bits and Uint8Array', 500, TypeError
)

/** A method of the session got a wrong argument. */
export const InvalidArgumentError = createError<[string]>('FST_SESSION_INVALID_ARGUMENT', '%s', 500, TypeError)

/** A route that opted out of sessions used `request.session`. */
export const OptedOutError = createError<[string]>(
  'FST_SESSION_OPTED_OUT', 'request.%s was used on a route that opted out of it with { config: { session: false } }', 500
)

/** A hook used `request.session` before it was loaded. */
export const NotLoadedError = createError<[string]>(
  'FST_SESSION_NOT_LOADED', 'request.%s was used before it was loaded: register fastify-sql-sessions before the plugin whose onRequest hook uses it', 500
)

/** A session needs a cookie, but the headers of the response have been sent. */
export const HeadersSentError = createError(
  'FST_SESSION_HEADERS_SENT', 'A new session, or a new token, needs a cookie, but the headers of the response have been sent. Commit before the first byte', 500
)

/** `app.sessions` was asked for the sessions of an owner, and knows none. */
export const OwnersOffError = createError<[string]>(
  'FST_SESSION_NO_OWNERS', '%s was asked for the sessions of an owner, and the plugin does not know whose a session is. Register it with the key of the value that says so: { owner: \'userId\' }', 500
)

/** Sign-out everywhere did not come to an end. */
export const OwnerBusyError = createError<[number]>(
  'FST_SESSION_OWNER_BUSY', 'The sessions of the owner were ended %s times, and each time there were new ones. Keep the owner from signing in, then end them again', 503
)

/** The plugin was registered twice under one name. */
export const DuplicateError = createError<[string]>(
  'FST_SESSION_DUPLICATE', 'request.%s exists already. Register fastify-sql-sessions once, or give the second one a name of its own: { name: \'adminSession\', cookie: { name: \'admin\' } }', 500
)

/** A row holds something that this codec did not write. */
export const UndecodableError = createError<[string]>('FST_SESSION_UNDECODABLE', 'The session cannot be decoded: %s', 500)

/** A codec of the user's failed to encode a session. */
export const UnencodableError = createError<[string]>('FST_SESSION_UNENCODABLE', 'The session cannot be encoded: %s. It was not saved', 500)
