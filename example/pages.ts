import { html, type Html } from './html.js'

/** What the shop sells. */
export const PRODUCTS = ['Apples', 'Bread', 'Coffee', 'Tea'] as const
export const LONGEST_NAME = 50

/** How many there are of each product. */
export type Basket = Record<string, number>

/** What the page shows of a session. */
export interface Shown {
  readonly name: string
  readonly visits: number
  readonly basket: Basket
  readonly id: string
  readonly since: Date
  readonly deadline: Date
  readonly isRemembered: boolean
  /** Where sessions are kept. */
  readonly where: string
}

export function signInPage (where: string, wrong?: { readonly name: string, readonly isRemembered: boolean, readonly problem: string }): string {
  return page(wrong === undefined ? 'Sign in' : 'Error: Sign in', html`
    <h1>Sign in</h1>
    <p>Any name will do: this example is about what happens after.</p>
    <form class="card" method="post" action="/sign-in">
      <label for="name">Your name</label>
      <input id="name" name="name" value="${wrong?.name ?? ''}" required maxlength="${LONGEST_NAME}" autocomplete="username" autofocus
        ${wrong === undefined ? '' : html`aria-invalid="true" aria-describedby="problem"`}>
      ${wrong === undefined ? '' : html`<p id="problem" class="problem">${wrong.problem}</p>`}
      <label class="check"><input type="checkbox" name="remember" value="yes" ${wrong?.isRemembered ? 'checked' : ''} aria-describedby="remember-note"> Remember me</label>
      <p id="remember-note" class="note">Otherwise the session ends with this browser.</p>
      <button class="primary">Sign in</button>
    </form>
    <p class="note">Sessions are kept ${where}.</p>`)
}

export function sessionPage (shown: Shown): string {
  const { name, visits, basket, id, since, deadline, isRemembered, where } = shown
  return page('Your session', html`
    <h1>Hello, ${name}</h1>
    <section class="card" aria-labelledby="session-title">
      <h2 id="session-title">Your session</h2>
      <dl>
        <div><dt>Visits to this page</dt><dd id="visits" class="number">${visits}</dd></div>
        <div><dt>Signed in</dt><dd>${time(since)}</dd></div>
        <div><dt>Ends</dt><dd>${time(deadline)}${isRemembered ? '' : ', or with this browser'}</dd></div>
        <div><dt>Kept</dt><dd>${where}</dd></div>
        <div><dt>In the log as</dt><dd><code>${id}</code></dd></div>
      </dl>
      <form method="post" action="/sign-out"><button>Sign out</button></form>
    </section>
    <section class="card" aria-labelledby="shop-title">
      <h2 id="shop-title">Shop</h2>
      <form method="post" action="/basket" data-live>
        <p id="add" class="note">Add to the basket:</p>
        <div class="choices" role="group" aria-labelledby="add">
          ${PRODUCTS.map(product => html`<button name="product" value="${product}">${product}</button>`)}
        </div>
        <p class="together" hidden>
          <button name="product" value="${PRODUCTS[0]}" data-times="10" aria-describedby="together-note">Ten ${PRODUCTS[0]} in ten requests at once</button>
          <span id="together-note" class="note">None of them is lost.</span>
        </p>
      </form>
      <div id="basket" tabindex="-1">${basketList(basket)}</div>
      <p id="status" role="status" class="note"></p>
    </section>`)
}

/** The basket alone, for the page's script. */
export function basketFragment (basket: Basket): string {
  return basketList(basket).text
}

export function errorPage (title: string, advice: string): string {
  return page(title, html`
    <h1>${title}</h1>
    <p>${advice}</p>
    <p><a href="/">To the start</a></p>`)
}

function basketList (basket: Basket): Html {
  const entries = Object.entries(basket)
  if (entries.length === 0) return html`<p>The basket is empty.</p>`
  const total = entries.reduce((sum, [, count]) => sum + count, 0)
  return html`
        <h3>In the basket: <span id="total">${total}</span></h3>
        <ul>${entries.map(([product, count]) => html`<li>${product} <span class="number">${count}</span></li>`)}</ul>
        <form method="post" action="/basket/empty" data-live><button>Empty the basket</button></form>`
}

/** The page's script turns it into the reader's own time zone. */
function time (date: Date): Html {
  return html`<time datetime="${date.toISOString()}">${date.toISOString().slice(0, 16).replace('T', ' ')} UTC</time>`
}

function page (title: string, content: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>${title} – fastify-sql-sessions</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/style.css">
  <script src="/script.js" defer></script>
</head>
<body>
  <main>${content}</main>
</body>
</html>
`.text
}
