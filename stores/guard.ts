import { checkedCount, checkedFound, checkedInsert, checkedOutcome } from './answers.js'
import { Clock, type TimedStore } from './clock.js'
import { inTime } from './deadline.js'
import type { StoreStats } from './diagnostics.js'
import { isOwnError, ofRead, StoreMisconfiguredError, StoreUnavailableError, withoutTokens } from './errors.js'
import { beginInTime } from './exclusive.js'
import { expiryStays } from './expiry.js'
import { decidedBy } from './rewrite.js'
import type { Found, SessionStore, StoreLog, Write } from './store.js'

/**
 * Gives a store of the user's what the stores of this package have:
 * - The store tells the database's time between two answers.
 * - An update says whether the expiry may stay.
 * - A wrong answer is `FST_SESSION_STORE_MISCONFIGURED`.
 * - Unless `isBounded` is true: an answer in bounded time, and errors that say 503 and hold no token.
 *
 * @param storeTimeout how long a call may take at most, in milliseconds
 */
export function guarded (store: SessionStore, storeTimeout: number): TimedStore {
  const clock = new Clock()
  const note = <Answer extends Pick<Found, 'now'>>(answer: Answer): Answer => { clock.set(answer.now); return answer }
  const run = async <Answer>(call: () => Promise<Answer>, timeout = storeTimeout): Promise<Answer> =>
    store.isBounded === true ? await call() : await inTime(checked(call), performance.now() + Math.min(timeout, storeTimeout), late)
  return {
    isBounded: true,
    now: () => clock.now(),
    open: async (log, timeout) => {
      const opening = store.open(log, timeout)
      const now = await (store.isBounded === true || timeout === undefined ? opening : opensInTime(opening, timeout, log))
      if (now !== undefined) clock.set(now)
      return now
    },
    find: (tokens, timeout) => run(async () => note(checkedFound(await store.find(tokens, timeout))), timeout).catch((error: unknown) => { throw ofRead(error) }),
    insert: (session, timeout) => run(async () => checkedInsert(await store.insert(session, timeout)), timeout),
    update: (session, timeout) => run(async () => {
      const outcome = checkedOutcome(await store.update({ ...session, expiryStays: expiryStays(session) }, timeout))
      return outcome.kind === 'changed' ? note(outcome) : outcome
    }, timeout),
    touch: (session, timeout) => run(() => store.touch(session, timeout), timeout),
    delete: (token, timeout) => run(() => store.delete(token, timeout), timeout),
    rewrite: async (tokens, decide, timeout) => {
      let isDecided = false
      const noting = (found: Found): readonly Write[] => {
        isDecided = true
        return decide(note(checkedFound(found)))
      }
      await decidedBy(noting, decide => run(() => store.rewrite(tokens, decide, timeout), timeout))
      if (!isDecided) throw new StoreMisconfiguredError('The store\'s rewrite has resolved without a call of the function that decides what to write')
    },
    scan: (pageSize, options) => store.scan(pageSize, options),
    ...store.keepsOwners === true && { keepsOwners: true },
    ...store.count !== undefined && { count: owner => counted(store, owner) },
    ...store.exclusively !== undefined && { exclusively: (name, work, timeout) => exclusively(store, name, work, timeout ?? storeTimeout) },
    deleteExpired: limit => store.deleteExpired(limit),
    ...store.stats !== undefined && { stats: () => store.stats?.() as StoreStats },
    stopCleanup: () => store.stopCleanup(),
    close: () => store.close()
  }
}

async function counted (store: SessionStore, owner: string | undefined): Promise<number> {
  return checkedCount(await store.count?.(owner))
}

/** Waits for the work's turn no longer than `timeout`, and hands on what the work itself throws. */
async function exclusively<T> (store: SessionStore, name: string, work: (lost: AbortSignal) => Promise<T>, timeout: number): Promise<T> {
  const take = async (run: (lost: AbortSignal) => Promise<void>): Promise<void> => { await checked(async () => await store.exclusively?.(name, run, timeout)) }
  const begun = await beginInTime(take, work, performance.now() + timeout, () => ofRead(late()))
  if (begun === undefined) throw new StoreMisconfiguredError('The store\'s exclusively has resolved without a call of the work')
  await begun.isOver.catch(() => {})
  return await begun.result
}

/** Waits for the store to open. If that takes too long, logs a warning and returns undefined; the store goes on opening. */
async function opensInTime (opening: Promise<number | undefined>, timeout: number, log: StoreLog): Promise<number | undefined> {
  const late = new StoreUnavailableError('it did not open in time')
  return await inTime(opening, performance.now() + timeout, () => late).catch((error: unknown) => {
    if (error !== late) throw error
    log.warn({}, 'The session store is still opening. The application starts all the same')
    return undefined
  })
}

function late (): StoreUnavailableError {
  return new StoreUnavailableError('no answer in time')
}

async function checked<T> (call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw isOwnError(error) ? error : Object.assign(new StoreUnavailableError('it failed'), { cause: withoutTokens(error) })
  }
}
