/**
 * The current turn of the event loop. The requests that wait for its end go on one after another. Each step of them then runs the
 * same code many times in a row, which takes a busy application far less CPU time than to read, handle and answer each
 * request by itself (`npm run bench -- --series cost --peers ceiling,ours-memory`).
 */
export class Turn {
  #end: Promise<void> | undefined

  /** Resolves at the end of the turn. A request that is alone does not wait for others. */
  end (): Promise<void> {
    this.#end ??= new Promise(resolve => {
      setImmediate(() => {
        this.#end = undefined
        resolve()
      })
    })
    return this.#end
  }
}
