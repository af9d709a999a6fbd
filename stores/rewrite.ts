import type { SessionStore } from './store.js'

type Decide = Parameters<SessionStore['rewrite']>[1]

/**
 * Runs a rewrite so that what the caller's own function throws comes back as it is: it is no failure of the store, however
 * the store reports it. If the function is called again, the last call counts.
 */
export async function decidedBy (decide: Decide, rewrite: (decide: Decide) => Promise<void>): Promise<void> {
  let thrown: { readonly error: unknown } | undefined
  const noting: Decide = found => {
    thrown = undefined
    try {
      return decide(found)
    } catch (error) {
      thrown = { error }
      throw error
    }
  }
  try {
    await rewrite(noting)
  } catch (error) {
    throw thrown === undefined ? error : thrown.error
  }
}
