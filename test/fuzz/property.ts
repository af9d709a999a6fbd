import fc, { type IRawProperty, type RunDetails } from 'fast-check'

/** What holds for every input of a kind. */
export interface Property {
  readonly name: string
  /** Tries so many inputs. */
  try (runs: number, seed: number): RunDetails<unknown>
}

export function property<T> (name: string, property: IRawProperty<T>): Property {
  return { name, try: (numRuns, seed) => fc.check(property, { numRuns, seed }) as RunDetails<unknown> }
}

/** Whether an error is one that this package documents, and shows none of these texts. */
export function isDocumented (error: unknown, code: string, secrets: readonly string[] = []): boolean {
  const { message } = error as Error
  return (error as { code?: unknown }).code === code && message.length < 500 && !secrets.some(secret => message.includes(secret))
}
