/* A renewal whose old token still leads to the session for a moment, on every store. In memory it is tried by npm test, too. */
import { keptTokens } from './kept-tokens.js'
import { onEveryStore } from '../../support/every-store.js'

onEveryStore(keptTokens)
