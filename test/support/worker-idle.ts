/* A process whose application is never closed: nothing but the timer of the cleanup is left. */
import { createPool } from 'mysql2'
import Fastify from 'fastify'
import sessions from '../../plugin/index.js'

const app = Fastify()
const url = process.argv[2]
if (url === undefined) {
  await app.register(sessions)
  await app.ready()
} else {
  const pool = createPool(url)
  await app.register(sessions, { store: 'mysql', mysql: pool, createTable: true })
  await app.ready()
  // The pool is the user's to close; the timer must not need it.
  await pool.promise().end()
}
process.stdout.write('ready')
