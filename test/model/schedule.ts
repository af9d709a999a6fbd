import fc, { type Arbitrary } from 'fast-check'

/** What a request does to its session. */
export type Deed =
  | { readonly kind: 'put', readonly key: string }
  | { readonly kind: 'update', readonly key: string }
  | { readonly kind: 'pop', readonly key: string }
  | { readonly kind: 'remove', readonly key: string }
  | { readonly kind: 'clear' }
  | { readonly kind: 'destroy' }
  | { readonly kind: 'renew' }
  /** Renews, and keeps the old token. */
  | { readonly kind: 'renewKeeping' }
  | { readonly kind: 'take', readonly key: string }
  /** Merges the session of a browser's cookie in. */
  | { readonly kind: 'merge', readonly browser: number }
  | { readonly kind: 'commit' }

/** A step of a schedule. A visit is meant by its number among the open ones; where none is open, the step is left out. */
export type Step =
  /** A browser sends a request to one of the applications. The request loads its session, and stays open. */
  | { readonly kind: 'open', readonly browser: number, readonly application: number }
  | { readonly kind: 'do', readonly visit: number, readonly deed: Deed }
  /** A request is answered. */
  | { readonly kind: 'finish', readonly visit: number }
  /** All open requests are answered at the same time. */
  | { readonly kind: 'finishAll' }
  /** A browser gets the cookie of another. */
  | { readonly kind: 'copyCookie', readonly from: number, readonly to: number }
  /** The session of a browser's cookie expires. */
  | { readonly kind: 'expire', readonly browser: number }
  /** The session of a browser's cookie was not used for so long that the next request touches it. */
  | { readonly kind: 'age', readonly browser: number }
  /** Expired rows are deleted. */
  | { readonly kind: 'cleanup' }

export const BROWSERS = 3
export const APPLICATIONS = 2
const MOST_STEPS = 30

/** The first two have one session in most schedules. */
const browser = fc.constantFrom(0, 0, 1, 1, 2)
const visit = fc.nat(3)
const key = fc.constantFrom('a', 'b', 'c')

const deed: Arbitrary<Deed> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('put' as const), key }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('update' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pop' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), key }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'destroy' as const }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'renew' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'renewKeeping' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('merge' as const), browser }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'commit' as const }) }
)

const step: Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('open' as const), browser, application: fc.nat(APPLICATIONS - 1) }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('do' as const), visit, deed }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('finish' as const), visit }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'finishAll' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('copyCookie' as const), from: browser, to: browser }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const), browser }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('age' as const), browser }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'cleanup' as const }) }
)

/** A session of browser 0, which browser 1 has too, and another of browser 2: nothing interesting happens without sessions. */
const BEGINNING: readonly Step[] = [
  { kind: 'open', browser: 0, application: 0 }, { kind: 'do', visit: 0, deed: { kind: 'put', key: 'a' } }, { kind: 'finish', visit: 0 },
  { kind: 'copyCookie', from: 0, to: 1 },
  { kind: 'open', browser: 2, application: 1 }, { kind: 'do', visit: 0, deed: { kind: 'put', key: 'b' } }, { kind: 'finish', visit: 0 }
]

/** Random schedules. Each ends with the answers to all requests. */
export const schedules: Arbitrary<readonly Step[]> = fc.tuple(fc.constantFrom(true, true, true, false), fc.array(step, { maxLength: MOST_STEPS, size: 'max' }))
  .map(([begun, steps]) => [...begun ? BEGINNING : [], ...steps, { kind: 'finishAll' as const }])
