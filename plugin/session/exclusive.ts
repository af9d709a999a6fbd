import { AsyncLocalStorage } from 'node:async_hooks'
import { checkedExclusive } from './arguments.js'
import type { SessionHost } from './host.js'
import { Outcome } from './outcome.js'
import type { ExclusiveOptions } from './session.js'
import { InvalidArgumentError, StoreUnavailableError } from '../errors.js'
import { withoutTokens } from '../../stores/errors.js'

type Work<T> = (lost: AbortSignal) => T | Promise<T>

/**
 * Runs `fn` while no other request of the session runs such a function, in any process. A promise that nobody awaits ends no
 * process: its failure is logged.
 */
export function exclusive<T> (life: SessionHost, fn: Work<T>, options: ExclusiveOptions | undefined): Promise<T> {
  const running = run(life, fn, options)
  const outcome = new Outcome<T>((resolve, reject) => { running.then(resolve, reject) })
  void running.catch((error: unknown) => {
    if (!outcome.isAwaited) life.log.warn({ err: withoutTokens(error) }, 'An exclusive() of the session failed, and the application did not await it')
  })
  return outcome
}

/** The locks that the code that is running holds. */
const HELD = new AsyncLocalStorage<ReadonlySet<string>>()
/** The session was renewed before its lock was taken, so it has another lock now. */
const MOVED = Symbol('moved')

async function run<T> (life: SessionHost, fn: Work<T>, options: ExclusiveOptions | undefined): Promise<T> {
  const { timeout } = checkedExclusive(fn, options)
  const { locks } = life.of.storage
  locks.check()
  checkNesting(life)
  await commit(life)
  for (;;) {
    const { stored } = life.look()
    // Nobody else has the token of a session that is not stored.
    if (stored === undefined) return await workOn(life, fn, new AbortController().signal)
    const name = locks.nameOf(stored)
    const result = await waiting(life, timeout, async (limit, begun) => await locks.hold(name, async lost => {
      begun()
      await life.run('exclusive', undefined, operations => operations.refresh())
      const now = life.look().stored
      if (now === undefined || locks.nameOf(now) !== name) return MOVED
      return { value: await HELD.run(new Set([...HELD.getStore() ?? [], name]), async () => await workOn(life, fn, lost)) }
    }, limit))
    if (result !== MOVED) return result.value
  }
}

function checkNesting (life: SessionHost): void {
  const { stored } = life.look()
  if (stored === undefined || HELD.getStore()?.has(life.of.storage.locks.nameOf(stored)) !== true) return
  throw new InvalidArgumentError('exclusive was called in the function of an exclusive of the same session, and would wait for itself. Call it once, around all of the work')
}

/** Waits for the lock: as long as the application says, or as long as the request still waits for the store. */
async function waiting<R> (life: SessionHost, timeout: number | undefined, lock: (limit: number, begun: () => void) => Promise<R>): Promise<R> {
  if (timeout !== undefined) return await lock(timeout, () => {})
  const { patience } = life
  const from = performance.now()
  let isWaiting = true
  const waited = (): void => {
    if (isWaiting) patience.waited(from, performance.now())
    isWaiting = false
  }
  try {
    return await lock(Math.max(1, Math.ceil(patience.left)), waited)
  } finally {
    waited()
  }
}

/** Runs the function and saves what it has changed. If it fails, or others were not kept out, its changes are dropped. */
async function workOn<T> (life: SessionHost, fn: Work<T>, lost: AbortSignal): Promise<T> {
  let result: T
  try {
    result = await fn(lost)
    if (lost.aborted) throw new StoreUnavailableError('the lock of the session was lost while the function of exclusive was at work')
  } catch (error) {
    life.look().rollBack()
    throw error
  }
  await commit(life)
  return result
}

async function commit (life: SessionHost): Promise<void> {
  await life.run('exclusive', undefined, operations => life.commit(operations))
}
