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
  const times = [began, lastUsed].map(time => typeof time === 'string' ? Date.parse(time) : undefined) as [number | undefined, number | undefined]
  if (times[1] === undefined || times.some(Number.isNaN)) return undefined
  return {
    ...times[0] !== undefined && { began: times[0] },
    lastUsed: times[1],
    ...typeof userAgent === 'string' && { userAgent },
    ...typeof address === 'string' && { address }
  }
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
