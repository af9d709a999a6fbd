/** What a session of the benchmark holds, beside the numbers `value` and `counter`. */
export interface Content {
  readonly user: number
  readonly value: number
  readonly name: string
  readonly profile: Profile
}

/** The object that is read. */
export interface Profile {
  readonly id: number
  readonly roles: readonly string[]
  readonly theme: string
  readonly note: string
}

/** What everything but the note takes as JSON, in bytes. */
const FRAME = 115

/** The content of a session of as many bytes. Below {@link FRAME} it has as many as that. */
export function contentOf (id: string, bytes: number): Content {
  const text = 'What a session of the benchmark is filled with. '
  const length = Math.max(0, bytes - FRAME)
  return {
    user: Number(id),
    value: 0,
    name: nameOf(id),
    profile: { id: Number(id), roles: ['reader', 'writer'], theme: 'dark', note: text.repeat(Math.ceil(length / text.length)).slice(0, length) }
  }
}

export function nameOf (id: string): string {
  return `user ${id}`
}

/** Whether a value is the profile of that session. */
export function isProfileOf (id: string, value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'id' in value && value.id === Number(id)
}
