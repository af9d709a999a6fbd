/** What a commit takes out of a session. If the change is applied again to newer content, the value there replaces the earlier one. */
export class Taken {
  #value: unknown
  /** An earlier attempt has taken the value, and its answer was lost. */
  #isRecovered = false

  /** @param value what the request has found */
  constructor (value: unknown) {
    this.#value = value
  }

  get value (): unknown {
    return this.#value
  }

  /** Takes what is under the key of a newer content. */
  takeFrom (values: Pick<Map<string, unknown>, 'get' | 'delete'>, key: string): void {
    // The earlier attempt took the value for this call alone. What was put since is another value, and stays.
    if (this.#isRecovered) return
    this.#value = values.get(key)
    values.delete(key)
  }

  /** A write whose answer was lost turns out to have been carried out: what it took is given to this call. */
  recover ({ value }: Taken): void {
    this.#value = value
    this.#isRecovered = true
  }
}
