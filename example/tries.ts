/** What a visitor may try, as sentences: the page for signing in shows them, and `npm start` prints them. */
export function thingsToTry (hasDevices: boolean): readonly string[] {
  return [
    'Sign in with any name, and send 20 requests at once.',
    ...hasDevices
      ? [
          'Sign in with the same name in a private window, too. Both are among “Your devices”.',
          'Sign out one from the other, and look at its window.'
        ]
      : ['Open it in two tabs, sign out in one, and look at the other.'],
    'Sign in with “Remember me”, close the browser, and open it again.'
  ]
}
