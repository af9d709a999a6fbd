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
    find: tokens => inTime(() => store.find(tokens), timeout),
    insert: session => inTime(() => store.insert(session), timeout),
    update: session => inTime(() => store.update(session), timeout),
    touch: session => inTime(() => store.touch(session), timeout),
    delete: token => inTime(() => store.delete(token), timeout),
    rewrite: async (tokens, decide) => { await decidedBy(decide, decide => inTime(() => store.rewrite(tokens, decide), timeout)) },
    scan: pageSize => store.scan(pageSize),
    deleteExpired: limit => store.deleteExpired(limit),
    stopCleanup: () => store.stopCleanup(),
    close: () => store.close()
  }
}

async function inTime<T> (ask: () => Promise<T>, timeout: number): Promise<T> {
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new StoreUnavailableError(`no answer within ${timeout} ms`)), timeout)
    // A method that is not async may throw at once.
    const answer = (async () => await ask())()
    answer.then(resolve, (error: unknown) => reject(ours(error))).finally(() => clearTimeout(timer))
  })
}

function ours (error: unknown): unknown {
  if (String(errorCode(error)).startsWith('FST_SESSION_')) return error
  return Object.assign(new StoreUnavailableError('it failed'), { cause: withoutTokens(error) })
}
