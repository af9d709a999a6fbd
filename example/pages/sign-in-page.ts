import { html } from './html.js'
import { page } from './page.js'

export const LONGEST_NAME = 50

/** What is on the page besides. */
export interface SignInSituation {
  /** Whether the visitor comes with the cookie of a session that has ended. */
  readonly hasEnded?: boolean
  readonly name?: string
  readonly isRemembered?: boolean
  /** What is wrong with the name. */
  readonly problem?: string
}

export function signInPage (where: string, tries: readonly string[], { hasEnded = false, name = '', isRemembered = false, problem }: SignInSituation): string {
  return page(problem === undefined ? 'Sign in' : 'Error: Sign in', html`
    <div class="narrow">
      ${hasEnded ? html`<p class="notice" role="status"><strong>Your session has ended.</strong> It was ended in another window or on another device, or its time was over.</p>` : ''}
      <h1>Sign in</h1>
      <p>Any name will do, and there is no password: this example is about what happens after.</p>
      <form class="card" method="post" action="/sign-in">
        <label for="name">Your name</label>
        <input id="name" name="name" value="${name}" required maxlength="${LONGEST_NAME}" autocomplete="username" autofocus
          ${problem === undefined ? '' : html`aria-invalid="true" aria-describedby="problem"`}>
        ${problem === undefined ? '' : html`<p id="problem" class="problem">${problem}</p>`}
        <label class="check"><input type="checkbox" name="remember" value="yes" ${isRemembered ? 'checked' : ''} aria-describedby="remember-note"> Remember me</label>
        <p id="remember-note" class="note">Otherwise the session ends with this browser.</p>
        <button class="primary">Sign in</button>
      </form>
      <h2>Then try this</h2>
      <ol>${tries.map(sentence => html`<li>${sentence}</li>`)}</ol>
      <p class="note">Sessions are kept ${where}.</p>
    </div>`)
}
