import { Clock, type TimedStore } from './clock.js'
import { inTime } from './deadline.js'
import { isOwnError, StoreUnavailableError, withoutTokens } from './errors.js'
import { expiryStays } from './expiry.js'
import { decidedBy } from './rewrite.js'
import type { Found, SessionStore } from './store.js'

/**
 * Gives a store of the user's what the stores of this package have:
 * - The store tells the database's time between two answers.
 * - An update says whether the expiry may stay.
 * - Unless `isBounded` is true: an answer in bounded time, and errors that say 503 and hold no token.
 *
 * @param timeout how long a call may take, in milliseconds
 */
export function guarded (store: SessionStore, timeout: number): TimedStore {
  const clock = new Clock()
  const note = <Answer extends Pick<Found, 'now'>>(answer: Answer): Answer => { clock.set(answer.now); return answer }
  const run = async <Answer>(call: () => Promise<Answer>): Promise<Answer> => store.isBounded === true ? await call() : await ask(call, timeout)
  return {
    isBounded: true,
    now: () => clock.now(),
    open: async log => {
      const now = await store.open(log)
      if (now !== undefined) clock.set(now)
      return now
    },
    find: tokens => run(async () => note(await store.find(tokens))),
    insert: session => run(() => store.insert(session)),
    update: session => run(async () => {
      const outcome = await store.update({ ...session, expiryStays: expiryStays(session) })
      return outcome.kind === 'changed' ? note(outcome) : outcome
    }),
    touch: session => run(() => store.touch(session)),
    delete: token => run(() => store.delete(token)),
    rewrite: async (tokens, decide) => {
      await decidedBy(found => decide(note(found)), decide => run(() => store.rewrite(tokens, decide)))
    },
    scan: pageSize => store.scan(pageSize),
    deleteExpired: limit => store.deleteExpired(limit),
    stopCleanup: () => store.stopCleanup(),
    close: () => store.close()
  }
}

async function ask<T> (call: () => Promise<T>, timeout: number): Promise<T> {
  // A method that is not async may throw at once.
  const answer = (async () => await call())().catch((error: unknown) => { throw ours(error) })
  return await inTime(answer, performance.now() + timeout, () => new StoreUnavailableError(`no answer within ${timeout} ms`))
}

function ours (error: unknown): unknown {
  if (isOwnError(error)) return error
  return Object.assign(new StoreUnavailableError('it failed'), { cause: withoutTokens(error) })
}
