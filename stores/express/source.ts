/** A session as express-session keeps it: what its stores return. */
export interface ExpressSession {
  /** The values by their keys, with `cookie` among them, which is what express-session knows of its cookie. */
  readonly data: object
  /** When the row expires. Undefined: the store does not say; then `data.cookie.expires` counts, if it is there. */
  readonly expires?: Date | undefined
}

/**
 * Where another session plugin has kept its sessions. To move sessions from elsewhere, write these two methods yourself. Both
 * get the id that the cookie has signed, which is a secret: an error must not contain it.
 */
export interface ExpressSource {
  /** The session of an id, or undefined. It may be an expired one. */
  read (id: string): Promise<ExpressSession | undefined>
  /** Ends the session of an id. An unknown id is no error. */
  end (id: string): Promise<void>
  /** Rejects if the source can be reached but not used. `ready()` calls it. Optional. */
  check? (): Promise<void>
  /** Closes what the source itself has opened. `app.close()` calls it. Optional. */
  close? (): Promise<void>
}

/** An id that no session has: with it a check runs both statements. */
export const NOBODY = 'nobody'

/** A row's data, which drivers give as text, bytes, or JSON that they have parsed. Throws a SyntaxError that quotes nothing. */
export function parsed (data: unknown): object {
  const value = typeof data === 'string' || Buffer.isBuffer(data) ? parse(String(data)) : data
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notJson()
  return value
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message would quote the session.
    throw notJson()
  }
}

function notJson (): SyntaxError {
  return new SyntaxError('its data is no JSON object')
}
