import { mock } from 'node:test'
import type { Test } from 'tap'

/** Stops this process's clocks; only the test moves them. */
export function stoppedClock (t: Test): { forward (milliseconds: number): void } {
  let shift = 0
  const [now, monotonic] = [Date.now(), performance.now()]
  const mocks = [mock.method(Date, 'now', () => now + shift), mock.method(performance, 'now', () => monotonic + shift)]
  t.teardown(() => { for (const { mock } of mocks) mock.restore() })
  return { forward: milliseconds => { shift += milliseconds } }
}

/** Moves this process's clocks forward, so that a test need not wait: the memory store keeps time by them. */
export function movableClock (t: Test): { forward (milliseconds: number): void } {
  let shift = 0
  const [now, monotonic] = [Date.now.bind(Date), performance.now.bind(performance)]
  const mocks = [mock.method(Date, 'now', () => now() + shift), mock.method(performance, 'now', () => monotonic() + shift)]
  t.teardown(() => { for (const { mock } of mocks) mock.restore() })
  return { forward: milliseconds => { shift += milliseconds } }
}
