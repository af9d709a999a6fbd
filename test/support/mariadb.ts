import type { Test } from 'tap'
import { makeDatabase } from './database.js'
import type { MariaDbOptions } from '../tds/engine/mariadb.js'

/** A database for a TDS front, on the MariaDB of the run; gone when the test is over. */
export async function makeMariaDb (t: Test): Promise<MariaDbOptions> {
  const { name, url } = await makeDatabase(t, 'MariaDB')
  const { hostname, port, username, password } = new URL(url)
  return { host: hostname, port: Number(port || 3306), user: decodeURIComponent(username), password: decodeURIComponent(password), database: name }
}
