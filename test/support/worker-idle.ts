/* A process whose application is never closed: nothing but the timer of the cleanup, and idle connections of its own, is left. */
import { createPool } from 'mysql2'
import Fastify from 'fastify'
import sessions from '../../plugin/index.js'

const app = Fastify()
const [url, isOwn] = process.argv.slice(2)
if (url === undefined) {
  await app.register(sessions)
  await app.ready()
} else if (isOwn !== undefined) {
  await app.register(sessions, { store: 'mysql', mysql: url, createTable: true })
  await app.ready()
} else {
  const pool = createPool(url)
  await app.register(sessions, { store: 'mysql', mysql: pool, createTable: true })
  await app.ready()
  // The pool is the user's to close; the timer must not need it.
  await pool.promise().end()
}
process.stdout.write('ready')
