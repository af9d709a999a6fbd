/** How a session is used: what the option `track` keeps of it. Times are milliseconds since 1970 UTC, in the database's time. */
export interface Tracked {
  /** When it began, or was signed in to. Undefined for a session from before it was tracked. */
  readonly began?: number
  /** When a request last used it, as exact as `touchInterval`. */
  readonly lastUsed: number
  /** Where it began, or was signed in to. */
  readonly userAgent?: string
  readonly address?: string
}

/** The same as one line of text, for codecs that keep it so: JSON that a person can read. */
export function trackedText ({ began, lastUsed, userAgent, address }: Tracked): string {
  return JSON.stringify({ began: began === undefined ? undefined : isoTime(began), lastUsed: isoTime(lastUsed), userAgent, address })
}

/** What such a text says. Undefined for another text. */
export function trackedIn (text: string): Tracked | undefined {
  const { began, lastUsed, userAgent, address } = objectIn(text)
  const tracked: { -readonly [Name in keyof Tracked]: Tracked[Name] } = { lastUsed: timeIn(lastUsed) }
  if (began !== undefined) tracked.began = timeIn(began)
  if (Number.isNaN(tracked.lastUsed) || Number.isNaN(tracked.began)) return undefined
  if (typeof userAgent === 'string') tracked.userAgent = userAgent
  if (typeof address === 'string') tracked.address = address
  return tracked
}

function timeIn (time: unknown): number {
  return typeof time === 'string' ? Date.parse(time) : NaN
}

function isoTime (time: number): string {
  return new Date(time).toISOString()
}

function objectIn (text: string): { readonly [name: string]: unknown } {
  try {
    return Object(JSON.parse(text)) as { readonly [name: string]: unknown }
  } catch {
    return {}
  }
}
