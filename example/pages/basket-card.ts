import type { Basket } from '../keys.js'
import { html, type Html } from './html.js'
import { part } from './page.js'

/** What the shop sells. */
export const PRODUCTS = ['Apples', 'Bread', 'Coffee', 'Tea'] as const

export function basketCard (basket: Basket): Html {
  return html`
      <section class="card" aria-labelledby="basket-title">
        <h2 id="basket-title">A basket</h2>
        <form method="post" action="/basket" data-live="basket">
          <p id="add" class="note">Add to the basket:</p>
          <div class="choices" role="group" aria-labelledby="add">
            ${PRODUCTS.map(product => html`<button name="product" value="${product}">${product}</button>`)}
          </div>
        </form>
        ${basketPart(basket)}
      </section>`
}

export function basketPart (basket: Basket): Html {
  return part('basket', basketList(Object.entries(basket)))
}

function basketList (entries: ReadonlyArray<readonly [product: string, count: number]>): Html {
  if (entries.length === 0) return html`<p class="note" data-says="The basket is empty.">The basket is empty.</p>`
  const total = entries.reduce((sum, [, count]) => sum + count, 0)
  return html`
          <h3 data-says="The basket holds ${total}.">In the basket: <span id="total">${total}</span></h3>
          <ul class="lines">${entries.map(([product, count]) => html`<li>${product} <span class="number">${count}</span></li>`)}</ul>
          <form method="post" action="/basket/empty" data-live="basket"><button>Empty the basket</button></form>`
}
