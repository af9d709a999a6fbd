import { Changes } from '../commit/changes.js'

/**
 * The changes of a request that are not saved: the logs that commits have taken, the oldest first, and the log that changes
 * are added to.
 */
export class Unsaved {
  #oldest = new Changes()
  #newest = this.#oldest

  /** The log that changes are added to. */
  get newest (): Changes {
    return this.#newest
  }

  /** All logs, the oldest first. */
  get logs (): Changes[] {
    const logs: Changes[] = []
    for (let log: Changes | undefined = this.#oldest; log !== undefined; log = log.next) logs.push(log)
    return logs
  }

  /** Whether a change concerns the key. */
  concerns (key: string): boolean {
    for (let log: Changes | undefined = this.#oldest; log !== undefined; log = log.next) if (log.concerns(key)) return true
    return false
  }

  /** Takes the newest log, for a commit. Changes are added to a new one. */
  take (): Changes {
    const taken = this.#newest
    this.#newest = taken.followedBy()
    return taken
  }

  /** Whether these changes are all that is not saved. */
  isAll (taken: Changes): boolean {
    return taken === this.#oldest && taken.next === this.#newest && this.#newest.isEmpty
  }

  /** A commit has saved the log that it took. */
  saved (taken: Changes): void {
    this.#oldest = taken.next as Changes
  }

  /** A commit has failed: the changes that it took come before those that were made since. */
  failed (taken: Changes): void {
    taken.putBack()
    this.#oldest = taken.next as Changes
  }

  /** Drops all changes. */
  drop (): void {
    this.#oldest = this.#newest = new Changes()
  }
}
