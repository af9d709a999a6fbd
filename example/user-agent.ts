/** The browser and the system that a `User-Agent` header names, for people: 'Firefox on Windows'. */
export function deviceOf (userAgent: string | undefined): string {
  const browser = nameIn(BROWSERS, userAgent) ?? 'A program'
  const system = nameIn(SYSTEMS, userAgent)
  return system === undefined ? browser : `${browser} on ${system}`
}

type Names = ReadonlyArray<readonly [pattern: RegExp, name: string]>

/** Most browsers name others, too: those that are named last here are named by the most. */
const BROWSERS: Names = [
  [/\bEdg(A|iOS)?\//, 'Edge'], [/\bOPR\//, 'Opera'], [/\bSamsungBrowser\//, 'Samsung Internet'], [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/(Chrome|CriOS|Chromium)\//, 'Chrome'], [/\bSafari\//, 'Safari'], [/^curl\//, 'curl']
]
const SYSTEMS: Names = [
  [/\biPhone\b/, 'iPhone'], [/\biPad\b/, 'iPad'], [/\bAndroid\b/, 'Android'], [/\bWindows\b/, 'Windows'], [/\bMac OS X\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'], [/\bLinux\b/, 'Linux']
]

function nameIn (names: Names, userAgent = ''): string | undefined {
  return names.find(([pattern]) => pattern.test(userAgent))?.[1]
}
