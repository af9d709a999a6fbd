/** How many there are of each product. */
export type Basket = Record<string, number>

// The keys of this application's sessions, and what they hold.
declare module 'fastify-sql-sessions' {
  interface SessionData {
    /** Who has signed in: whose session it is. */
    name: string
    signedIn: { since: Date, isRemembered: boolean }
    visits: number
    basket: Basket
    /** How many of the requests that were sent at once this session has counted. */
    counted: number
  }
}
