/* The service "shop": users fill a cart here. Its sessions are those of the service "accounts" (main.go). */
import Fastify from 'fastify'
import sessions from 'fastify-sql-sessions'

declare module 'fastify-sql-sessions' {
  interface SessionData {
    /** The struct User of main.go. */
    customer: { ID: number | bigint, Name: string, Since: Date }
    /** How many of each article. In Go it is a map[string]interface{}. */
    articles: Record<string, number>
  }
}

const { MYSQL_URL, PORT = '3000' } = process.env
if (MYSQL_URL === undefined) throw new Error('MYSQL_URL must be like mysql://user:password@127.0.0.1:3306/shop')

const app = Fastify()
// The lifetime and the cookie are those of the other service: SCS's defaults, which this plugin has too.
await app.register(sessions, { store: 'mysql', mysql: MYSQL_URL, createTable: true, codec: 'gob' })

app.get('/', async ({ session }) => ({ name: session.get('customer')?.Name ?? '', articles: session.get('articles') ?? {} }))

app.post<{ Params: { article: string } }>('/cart/:article', async ({ session, params: { article } }, reply) => {
  if (!session.exists('customer')) return await reply.code(401).send({ error: 'Sign in first' })
  // No article is lost when the other service writes at the same moment: fn runs again on what that has written.
  return session.update('articles', (articles = {}) => ({ ...articles, [article]: (articles[article] ?? 0) + 1 }))
})

app.post('/logout', async ({ session }) => {
  await session.destroy()
  return { name: '' }
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void app.close() })
console.log(`shop: ${await app.listen({ host: '127.0.0.1', port: Number(PORT) })}`)
