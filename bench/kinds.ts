/** A kind of request. Every application has its route. */
export interface Kind {
  /** Its name on the command line. */
  readonly name: string
  readonly title: string
  /** Method and path. `:id` is the session's number, `:value` a new number for each request. */
  readonly request: string
  /** The request carries no cookie. */
  readonly isAnonymous?: boolean
}

export const read: Kind = { name: 'read', title: 'two numbers read', request: 'GET /read/:id' }
export const object: Kind = { name: 'object', title: 'an object read', request: 'GET /object/:id' }
export const put: Kind = { name: 'put', title: 'one key put', request: 'POST /write/:id/:value' }
export const counter: Kind = { name: 'counter', title: 'one counter updated', request: 'POST /counter/:id' }
export const optedOut: Kind = { name: 'opted-out', title: 'a route that opted out', request: 'GET /opted-out/:id' }
export const signIn: Kind = { name: 'sign-in', title: 'a sign-in', request: 'POST /login/:value/300', isAnonymous: true }

/** What the series `cost` measures, in its order. Sign-ins come last, because they add rows. */
export const kinds: readonly Kind[] = [
  optedOut,
  { name: 'untouched', title: 'a session that nobody looks at', request: 'GET /untouched/:id' },
  { name: 'string', title: 'a string read', request: 'GET /string/:id' },
  object,
  put,
  counter,
  { name: 'anonymous', title: 'a visitor without a session', request: 'GET /anonymous', isAnonymous: true },
  signIn
]

/** The kinds of these names; all of them for undefined. Throws for a name that is none. */
export function kindsOf (names: readonly string[] | undefined, fallback: readonly Kind[] = kinds): readonly Kind[] {
  return names?.map((name) => {
    const kind = kinds.find((known) => known.name === name)
    if (kind === undefined) throw new Error(`There is no kind ${name}; there are ${kinds.map(({ name }) => name).join()}`)
    return kind
  }) ?? fallback
}
