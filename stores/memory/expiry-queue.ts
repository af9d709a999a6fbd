interface Entry {
  readonly token: string
  readonly expiry: number
}

/** Tokens by their expiry, the earliest first: a binary heap, in which a token may stand more than once. */
export class ExpiryQueue {
  #heap: Entry[] = []

  get size (): number {
    return this.#heap.length
  }

  first (): Entry | undefined {
    return this.#heap[0]
  }

  add (token: string, expiry: number): void {
    this.#heap.push({ token, expiry })
    this.#rise(this.#heap.length - 1)
  }

  removeFirst (): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink(0)
  }

  /** Gives the first token a later expiry. */
  postpone (expiry: number): void {
    const first = this.#heap[0]
    if (first === undefined) return
    this.#heap[0] = { token: first.token, expiry }
    this.#sink(0)
  }

  /** Starts again with these. */
  rebuild (rows: ReadonlyMap<string, { readonly expiry: number }>): void {
    this.#heap = Array.from(rows, ([token, { expiry }]) => ({ token, expiry }))
    // A sorted list is a heap.
    this.#heap.sort((a, b) => a.expiry - b.expiry)
  }

  #at (index: number): Entry {
    return this.#heap[index] as Entry
  }

  #rise (index: number): void {
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (this.#at(parent).expiry <= this.#at(index).expiry) return
      this.#swap(parent, index)
      index = parent
    }
  }

  #sink (index: number): void {
    for (;;) {
      let least = index
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < this.#heap.length && this.#at(child).expiry < this.#at(least).expiry) least = child
      }
      if (least === index) return
      this.#swap(least, index)
      index = least
    }
  }

  #swap (a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#at(b), this.#at(a)]
  }
}
