import type { CookieSettings } from '../cookie.js'
import { InvalidArgumentError } from '../errors.js'

/** What `session.cookie` tells in express-session. It cannot be changed. */
export interface SessionCookie {
  /** How long the cookie lives from now on, in milliseconds. Null: it ends with the browser. */
  readonly maxAge: number | null
  /** When the cookie ends. Null: with the browser. */
  readonly expires: Date | null
  /** How long a new session's cookie lives, in milliseconds. Null: it ends with the browser. */
  readonly originalMaxAge: number | null
  readonly path: string
  readonly domain: string | undefined
  readonly httpOnly: boolean
  readonly secure: boolean | 'auto'
  readonly sameSite: 'strict' | 'lax' | 'none'
}

/**
 * @param deadline when the session ends
 * @param lifetime how long a new session lives, in milliseconds
 * @param outlivesBrowser whether the cookie outlives the browser
 */
export function sessionCookie (settings: CookieSettings, deadline: Date, lifetime: number, outlivesBrowser: boolean): SessionCookie {
  const { path, domain, httpOnly, secure, sameSite } = settings
  const cookie: SessionCookie = {
    maxAge: outlivesBrowser ? Math.max(0, deadline.getTime() - Date.now()) : null,
    expires: outlivesBrowser ? deadline : null,
    originalMaxAge: outlivesBrowser ? lifetime : null,
    path,
    domain,
    httpOnly,
    secure,
    sameSite
  }
  return new Proxy<SessionCookie>(cookie, { set: refuse, deleteProperty: refuse, defineProperty: refuse })
}

function refuse (_cookie: object, name: string | symbol): never {
  throw new InvalidArgumentError(`session.cookie.${String(name)} cannot be changed. A session's own end is set with setDeadline(date), whether its cookie outlives the browser with rememberMe(boolean), and all else by the options lifetime and cookie`)
}
