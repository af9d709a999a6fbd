import type { SessionContent } from './codec.js'

/**
 * The content of a session, as a plain object. It comes from a constructor and not from a literal: see `stores/pending.ts`.
 */
export function contentOf (deadline: number, rememberMe: boolean | undefined, values: Map<string, unknown>): SessionContent {
  return new Plain(deadline, rememberMe, values)
}

/** The same content, which ends at another time. The values stay those of the original. */
export function endingAt (deadline: number, { rememberMe, values, tracked, notes }: SessionContent): SessionContent {
  const content = contentOf(deadline, rememberMe, values)
  if (tracked !== undefined) content.tracked = tracked
  if (notes !== undefined) content.notes = notes
  return content
}

// A class cannot have the prototype of plain objects, which whoever compares contents expects.
const Plain = function (this: SessionContent, deadline: number, rememberMe: boolean | undefined, values: Map<string, unknown>): void {
  this.deadline = deadline
  this.rememberMe = rememberMe
  this.values = values
} as unknown as new (deadline: number, rememberMe: boolean | undefined, values: Map<string, unknown>) => SessionContent
Plain.prototype = Object.prototype
