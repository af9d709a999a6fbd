/** A door that opens once. */
export interface Latch {
  /** Resolves when it is open. */
  readonly opened: Promise<void>
  open (): void
}

export function latch (): Latch {
  let open = (): void => {}
  const opened = new Promise<void>(resolve => { open = resolve })
  return { opened, open }
}

/** A door that opens when so many have arrived at it. */
export class Barrier {
  readonly #all = latch()
  #missing: number

  constructor (count: number) {
    this.#missing = count
  }

  /** Resolves when all have arrived. */
  get full (): Promise<void> {
    return this.#all.opened
  }

  async arrive (): Promise<void> {
    if (--this.#missing <= 0) this.#all.open()
    await this.full
  }
}
