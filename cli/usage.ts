/** The command line is wrong, or what it asks for cannot be done. Its message is for the person who has typed it. */
export class UsageError extends Error {}

/** What a command ends with. */
export const DONE: 0 = 0
/** `check` has found something to change; there is no such session; the person has said no. */
export const NOT_SO: 1 = 1
/** The command line is wrong, the database cannot be reached, or it has failed. */
export const FAILED: 2 = 2

export type ExitCode = typeof DONE | typeof NOT_SO | typeof FAILED
