import { untyped } from '../codecs/typed.js'
import { define } from '../codecs/packed.js'
import type { SessionContent } from '../codecs/codec.js'
import type { Rows } from '../commit/rows.js'
import { ownerText, NOBODY, type Owner } from '../owner.js'
import type { SessionData } from '../session/session.js'
import type { StoredSession } from '../../stores/store.js'

/** A session as `app.sessions` tells of it: as it was when the store answered, and without its token. */
export interface SessionRecord {
  /** Names the session, as `request.session.id` and the events do. It may be shown to the user. A renewal changes it. */
  readonly id: string
  /** Whose session it is: the value of the key that the option `owner` names. Undefined if it is nobody's, or without that option. */
  readonly owner: Owner | undefined
  /** When the session ends, however much it is used. */
  readonly deadline: Date
  /** When it ends unless it is used before: the deadline, or an earlier time with `idleTimeout`. */
  readonly expires: Date
  /** What `rememberMe` was last called with; false if never. */
  readonly isRemembered: boolean
  /**
   * With the option `track`: when the session began, or when its owner signed in; undefined if it was not tracked then. When it was
   * last used, as exact as `touchInterval`. The user agent and the address of the request in which it began or was signed in to.
   */
  readonly began: Date | undefined
  readonly lastUsed: Date | undefined
  readonly userAgent: string | undefined
  readonly address: string | undefined
  /** The values by their keys. */
  readonly data: Readonly<Partial<SessionData>> & { readonly [key: string]: unknown }
}

/** What a record needs to know beside the row. */
export interface RecordSettings {
  readonly idOf: (key: string) => string
  /** The key whose value says whose session it is. */
  readonly owner: string | undefined
}

/** The record of a row and of what it holds. The values are not copied. */
export function recordOf ({ token, ttl }: StoredSession, content: SessionContent, rows: Rows, { idOf, owner }: RecordSettings): SessionRecord {
  const { began, lastUsed, userAgent, address } = content.tracked ?? {}
  const date = (time: number | undefined): Date | undefined => time === undefined ? undefined : new Date(time - rows.clockSkew())
  return {
    id: idOf(token),
    owner: owner === undefined ? undefined : ownerIn(content, owner),
    deadline: new Date(content.deadline - rows.clockSkew()),
    expires: new Date(Date.now() + ttl),
    isRemembered: content.rememberMe === true,
    began: date(began),
    lastUsed: date(lastUsed),
    userAgent,
    address,
    data: dataIn(content)
  }
}

function ownerIn ({ values }: SessionContent, key: string): Owner | undefined {
  const value = untyped(values.get(key))
  const text = ownerText(value)
  return text === undefined || text === NOBODY ? undefined : value as Owner
}

function dataIn ({ values }: SessionContent): SessionRecord['data'] {
  const data: { [key: string]: unknown } = {}
  for (const [key, value] of values) define(data, key, untyped(value))
  return data
}
