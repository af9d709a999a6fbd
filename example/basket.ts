import type { FastifyInstance } from 'fastify'
import { PRODUCTS } from './pages/basket-card.js'
import { done, showError, type Live } from './reply.js'

/** What somebody wants to buy. */
export function addBasket (app: FastifyInstance): void {
  app.post<{ Body: { product?: unknown } | undefined, Querystring: Live }>('/basket', async ({ session, body, query }, reply) => {
    const product = PRODUCTS.find(product => product === body?.product)
    if (product === undefined) return showError(reply, 400, 'There is no such product', 'Please choose one from the shop.')
    // update, not get and put: of two requests at once each adds its own.
    session.update('basket', (basket = {}) => ({ ...basket, [product]: (basket[product] ?? 0) + 1 }))
    return done(reply, query.live)
  })

  app.post<{ Querystring: Live }>('/basket/empty', async ({ session, query }, reply) => {
    session.remove('basket')
    return done(reply, query.live)
  })
}
