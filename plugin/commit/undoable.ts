/** What changes are applied to. */
export type Values = Pick<Map<string, unknown>, 'get' | 'set' | 'delete' | 'keys'>

/** Values whose changes can be undone. */
export class Undoable implements Values {
  readonly #values: Map<string, unknown>
  readonly #undo: Array<() => void> = []

  constructor (values: Map<string, unknown>) {
    this.#values = values
  }

  get (key: string): unknown {
    return this.#values.get(key)
  }

  keys (): MapIterator<string> {
    return this.#values.keys()
  }

  set (key: string, value: unknown): Map<string, unknown> {
    this.#note(key)
    return this.#values.set(key, value)
  }

  delete (key: string): boolean {
    this.#note(key)
    return this.#values.delete(key)
  }

  undo (): void {
    for (const undo of this.#undo.reverse()) undo()
  }

  #note (key: string): void {
    const values = this.#values
    const value = values.get(key)
    this.#undo.push(values.has(key) ? () => values.set(key, value) : () => values.delete(key))
  }
}
