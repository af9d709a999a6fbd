import { createRequire } from 'node:module'
import { bench } from '../paths.js'

/**
 * The peers are not dependencies of the package (express-mysql-session pins an old mysql2), they are installed in the
 * benchmark's own folder. That is why they are required from there, and typed by hand where they are used.
 */
export const requirePeer = createRequire(new URL('package.json', bench))
