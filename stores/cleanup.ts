import type { StoreReport } from './diagnostics.js'
import { withoutTokens } from './errors.js'
import type { StoreLog } from './store.js'
import { duration, LONGEST_TIMER } from './validate.js'

/** How often expired rows are deleted unless the user says otherwise, in milliseconds: SCS's default. */
const FIVE_MINUTES = 300_000

/** The option `cleanupInterval`, checked. */
export function cleanupIntervalOf (value: unknown, otherwise: number = FIVE_MINUTES): number {
  // The timer waits up to a tenth longer than asked.
  return duration('cleanupInterval', value, otherwise, { most: Math.floor(LONGEST_TIMER / 1.1) })
}

/**
 * Runs the cleanup of a store at intervals. Each interval is up to a tenth shorter or longer than the option says, so that
 * processes that start together do not clean up together. The timer does not keep the process alive.
 */
export class Cleanup {
  readonly #interval: number
  readonly #run: (stop: AbortSignal) => Promise<void>
  readonly #report: StoreReport | undefined
  readonly #stop = new AbortController()
  #log: StoreLog | undefined
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  /**
   * @param interval in milliseconds; 0 for never
   * @param run one cleanup; it checks `stop` between two statements, and ends its pauses when `stop` aborts
   */
  constructor (interval: number, run: (stop: AbortSignal) => Promise<void>, report?: StoreReport) {
    this.#interval = interval
    this.#run = run
    this.#report = report
  }

  start (log: StoreLog): void {
    this.#log = log
    if (this.#interval > 0 && !this.#stop.signal.aborted && this.#timer === undefined) this.#schedule()
  }

  /** Starts no further cleanup. One that is running ends after its current statement. May be called more than once. */
  stop (): void {
    this.#stop.abort()
    clearTimeout(this.#timer)
  }

  /** Waits for the cleanup that is running, if one is. */
  async settled (): Promise<void> {
    await this.#running
  }

  #schedule (): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#once()
    }, this.#interval * (0.9 + Math.random() * 0.2))
    this.#timer.unref()
  }

  async #once (): Promise<void> {
    const tell = this.#report?.clean()
    try {
      await this.#run(this.#stop.signal)
      tell?.()
    } catch (error) {
      tell?.(error)
      this.#log?.error({ err: withoutTokens(error) }, 'The cleanup of expired sessions failed; it will be tried again')
    } finally {
      this.#running = undefined
      if (!this.#stop.signal.aborted) this.#schedule()
    }
  }
}
