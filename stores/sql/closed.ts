import { StoreUnavailableError } from '../errors.js'

/** What a caller gets of a store that is closed. */
export function closed (): StoreUnavailableError {
  return new StoreUnavailableError('it was closed with the application')
}
