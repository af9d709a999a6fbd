import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Asks again and again, with a pause of so many milliseconds, until the answer is true. It has no limit of its own: the runner's
 * limit for the file ends a wait in vain.
 */
export async function until (condition: () => boolean | Promise<boolean>, pause = 5): Promise<void> {
  while (!await condition()) await sleep(pause)
}
