/**
 * What Cache-Control must be beside a session's Set-Cookie, so that no shared cache keeps both: `no-store` if the application
 * has set nothing, else what it has set, with `private` unless a directive of the same effect is there. Where directives
 * conflict, caches honour the most restrictive one: RFC 9111 sections 4.2.1 and 5.2.2.
 */
export function withoutSharing (cacheControl: string): string {
  if (cacheControl.trim() === '') return 'no-store'
  return forbidsSharing(cacheControl) ? cacheControl : `${cacheControl}, private`
}

/** Whether a header is for shared caches alone, which obey it in place of Cache-Control: RFC 9213 section 2.1, and its forerunner. */
export function isForSharedCaches (header: string): boolean {
  return /^(?:[\w-]+-)?(?:cdn-cache-control|surrogate-control)$/i.test(header)
}

/** `no-cache` and `private` may name the headers that they are about. Without a name `no-cache` lets a cache keep the answer. */
function forbidsSharing (cacheControl: string): boolean {
  for (const [, name = '', headers] of cacheControl.matchAll(DIRECTIVE)) {
    switch (name.toLowerCase()) {
      case 'no-store': return true
      case 'private': if (headers === undefined || namesSetCookie(headers)) return true; break
      case 'no-cache': if (headers !== undefined && namesSetCookie(headers)) return true; break
    }
  }
  return false
}

/** A name, and what it is set to, if it is: RFC 9111 section 5.2. */
const DIRECTIVE = /([\w-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s,]*))?/g

function namesSetCookie (headers: string): boolean {
  return /(?:^|[\s",])set-cookie(?:$|[\s",])/i.test(headers)
}
