import { requirePeer } from './peer.js'
import { login, settings } from './settings.js'

interface MySQLStore { onReady (): Promise<void> }
type MySQLStoreClass = new (options: object) => MySQLStore

/** The store of express-mysql-session, with the driver that it brings. */
export async function mysqlStore (): Promise<MySQLStore> {
  const define = requirePeer('express-mysql-session') as (session: unknown) => MySQLStoreClass
  const Store = define(requirePeer('express-session'))
  const store = new Store({
    ...login(), connectionLimit: settings.pool, maxIdle: settings.pool, disableTouch: settings.disableTouch === true
  })
  await store.onReady()
  return store
}
