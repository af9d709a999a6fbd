/* `npm run test:engines`: the tests of an engine, one after another, because they share a table. */
import './contract.js'
import './lost-writes.js'
import './application.js'
import './exclusive.js'
