import type { SessionStore } from '../../plugin/index.js'

/** A store and the names of the methods that were called on it. */
export interface Watched {
  readonly store: SessionStore
  readonly calls: string[]
}

/** Notes the calls of a store, but for those that begin and end its life. `before` may reject in its place. */
export function watched (store: SessionStore, before: (name: string) => Promise<void> = async () => {}): Watched {
  const calls: string[] = []
  const note = <A extends unknown[], R>(name: string, method: (...args: A) => Promise<R>) => async (...args: A): Promise<R> => {
    calls.push(name)
    await before(name)
    return await method(...args)
  }
  return {
    calls,
    store: {
      open: log => store.open(log),
      find: note('find', tokens => store.find(tokens)),
      insert: note('insert', session => store.insert(session)),
      update: note('update', session => store.update(session)),
      touch: note('touch', session => store.touch(session)),
      delete: note('delete', token => store.delete(token)),
      rewrite: note('rewrite', (tokens, decide) => store.rewrite(tokens, decide)),
      scan: pageSize => store.scan(pageSize),
      deleteExpired: note('deleteExpired', limit => store.deleteExpired(limit)),
      stopCleanup: () => store.stopCleanup(),
      close: () => store.close()
    }
  }
}
