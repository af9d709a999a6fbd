import { inTime } from './deadline.js'
import { errorCode, StoreUnavailableError, withoutTokens } from './errors.js'
import { decidedBy } from './rewrite.js'
import type { SessionStore } from './store.js'

/**
 * Gives a store of the user's the two things that the plugin's own stores see to themselves: an answer in bounded time,
 * and errors that say 503 and hold no token.
 *
 * @param timeout how long a call may take, in milliseconds
 */
export function guarded (store: SessionStore, timeout: number): SessionStore {
  return {
    open: log => store.open(log),
    find: tokens => ask(() => store.find(tokens), timeout),
    insert: session => ask(() => store.insert(session), timeout),
    update: session => ask(() => store.update(session), timeout),
    touch: session => ask(() => store.touch(session), timeout),
    delete: token => ask(() => store.delete(token), timeout),
    rewrite: async (tokens, decide) => { await decidedBy(decide, decide => ask(() => store.rewrite(tokens, decide), timeout)) },
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
  if (String(errorCode(error)).startsWith('FST_SESSION_')) return error
  return Object.assign(new StoreUnavailableError('it failed'), { cause: withoutTokens(error) })
}
