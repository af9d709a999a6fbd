import type { SessionStore } from '../../stores/store.js'

/** How long a call waits that is to get its turn, in milliseconds. */
export const LONG = 60_000

/** The method of a store that has it. */
export const exclusivelyOf = (store: SessionStore) => store.exclusively?.bind(store) as NonNullable<SessionStore['exclusively']>

/** Work that goes on until `end` is called. `begun` has the signal that it was given. */
export function lasting (): { work: (lost: AbortSignal) => Promise<string>, turn: () => Promise<string>, begun: Promise<AbortSignal>, end: () => void } {
  let begin = (_lost: AbortSignal): void => {}
  let end = (): void => {}
  const begun = new Promise<AbortSignal>(resolve => { begin = resolve })
  const ended = new Promise<void>(resolve => { end = resolve })
  const work = async (lost: AbortSignal): Promise<string> => {
    begin(lost)
    await ended
    return 'done'
  }
  return { begun, end: () => { end() }, work, turn: async () => await work(new AbortController().signal) }
}

/** The reason of the signal, once it has aborted. */
export async function aborted (signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
  return signal.reason as unknown
}
