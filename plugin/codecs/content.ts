import type { SessionContent } from './codec.js'

/**
 * The content of a session, as a plain object. It comes from a constructor and not from a literal: see `stores/pending.ts`.
 */
export function contentOf (deadline: number, rememberMe: boolean | undefined, values: Map<string, unknown>): SessionContent {
  return new Plain(deadline, rememberMe, values)
}

/** A copy with another deadline. It shares the original's map of values. */
export function endingAt (deadline: number, original: SessionContent): SessionContent {
  // A codec of the user's may have added fields.
  const content = Object.assign(contentOf(deadline, original.rememberMe, original.values), original)
  content.deadline = deadline
  return content
}

// Contents have Object.prototype, so that a deep comparison with a literal succeeds. Instances of a class would fail.
const Plain = function (this: SessionContent, deadline: number, rememberMe: boolean | undefined, values: Map<string, unknown>): void {
  this.deadline = deadline
  this.rememberMe = rememberMe
  this.values = values
} as unknown as new (deadline: number, rememberMe: boolean | undefined, values: Map<string, unknown>) => SessionContent
Plain.prototype = Object.prototype
