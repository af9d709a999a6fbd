import { StoreUnavailableError } from '../../../plugin/errors.js'
import { memoryStore, type SessionStore } from '../../../plugin/index.js'
import { latch } from '../../support/barrier.js'

type Method = 'find' | 'insert' | 'update' | 'touch' | 'delete' | 'rewrite'

/** A memory store whose calls a test can fail, repeat or hold up. */
export class FaultyStore {
  readonly store: SessionStore = memoryStore({ cleanupInterval: 0 })
  /** The names of the calls, in order. */
  readonly calls: Method[] = []
  readonly #faults = new Map<Method, Array<(call: () => Promise<unknown>) => Promise<unknown>>>()

  constructor () {
    for (const name of ['find', 'insert', 'update', 'touch', 'delete', 'rewrite'] as const) {
      const own = this.store[name].bind(this.store) as (...args: unknown[]) => Promise<unknown>
      const faulty = async (...args: unknown[]): Promise<unknown> => {
        this.calls.push(name)
        const fault = this.#faults.get(name)?.shift()
        return fault === undefined ? await own(...args) : await fault(async () => await own(...args))
      }
      Object.assign(this.store, { [name]: faulty })
    }
  }

  /** The next call of the method runs `fault` in place of the store. */
  next (name: Method, fault: (call: () => Promise<unknown>) => Promise<unknown>): void {
    this.#faults.set(name, [...this.#faults.get(name) ?? [], fault])
  }

  /** The next call fails, and writes nothing. */
  fails (name: Method, error: () => Error = unavailable): void {
    this.next(name, async () => { throw error() })
  }

  /** The next call is carried out, but its answer is lost. */
  losesAnswer (name: Method): void {
    this.next(name, async call => {
      await call()
      throw unavailable()
    })
  }

  /** The next call waits: `reached` resolves when it has arrived, and `release` lets it go on, or fail. */
  holds (name: Method, fails = false): { readonly reached: Promise<void>, release (): void } {
    const reached = latch()
    const released = latch()
    this.next(name, async call => {
      reached.open()
      await released.opened
      if (fails) throw unavailable()
      return await call()
    })
    return { reached: reached.opened, release: released.open }
  }

  /** How many live sessions are stored. */
  async count (): Promise<number> {
    let count = 0
    for await (const session of this.store.scan()) if (session.data.length > 0) count++
    return count
  }

  /** Ends all sessions, as a sign-out elsewhere does. */
  async endAll (): Promise<void> {
    for await (const { token } of this.store.scan()) await this.store.delete(token)
  }
}

function unavailable (): Error {
  return new StoreUnavailableError('a test has made it fail')
}
