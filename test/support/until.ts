import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again and again until the answer is true. It has no limit of its own: the runner's limit for the file ends a wait in vain. */
export async function until (condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!await condition()) await sleep(5)
}
