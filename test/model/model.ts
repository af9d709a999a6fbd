/*
 * What sessions should do, in as few words as possible: every commit is one step that applies the request's log of changes to
 * the newest values. All data are plain, so that a state can be copied.
 */

type Values = Record<string, number>

/** A session as the database has it, under one token. */
interface Row {
  /** Known from the moment when the browser or the application is told. */
  token: string | undefined
  values: Values
  isLive: boolean
  /** The row that took this one's place when the token was renewed. */
  successor: number | undefined
  /** Whether a request with its token still finds the successor. */
  keepsOld: boolean
  /** Whether it was not used for long: the next request that loads it, and finds it unchanged at its end, touches it. */
  isAged: boolean
  /** Counts the writes. */
  version: number
}

type Change =
  | { readonly kind: 'put', readonly key: string, readonly value: number }
  | { readonly kind: 'update' | 'remove' | 'take', readonly key: string }
  | { readonly kind: 'clear' }
  | { readonly kind: 'merge', readonly row: number }

/** An open request. */
interface Visit {
  /** The row that it has loaded or written last. */
  row: number | undefined
  /** The row of its cookie, if another request has renewed that token: only a sign-out goes that way. */
  renewed: number | undefined
  /** What the request sees. */
  values: Values
  log: Change[]
  /** Of several renewals one that keeps no old token counts. */
  renews: false | 'strictly' | 'keeping'
  /** The cookie is from before a renewal that has kept it. */
  isFollowed: boolean
  /** What the last commit has taken. */
  taken: number | undefined
  /** The version of the row when it was loaded, if it was aged then. */
  agedVersion: number | undefined
  hasDestroyed: boolean
}

/** What becomes of a commit. */
export type Outcome = 'done' | 'gone'

interface State {
  rows: Row[]
  visits: Visit[]
}

/** The sessions of a schedule, as they should be. */
export class Model {
  #state: State = { rows: [], visits: [] }

  /** A model in the same state. */
  copy (): Model {
    const copy = new Model()
    copy.#state = structuredClone(this.#state)
    return copy
  }

  /** Begins a request with this token in its cookie. Returns its number. */
  open (token: string | undefined): number {
    const asked = token === undefined ? -1 : this.#state.rows.findIndex(row => row.token === token)
    const index = this.#follow(asked)
    const row = this.#state.rows[index]
    const isLive = row?.isLive === true
    return this.#state.visits.push({
      row: isLive ? index : undefined,
      renewed: isLive || this.#state.rows[asked]?.successor === undefined ? undefined : asked,
      isFollowed: isLive && index !== asked,
      taken: undefined,
      values: isLive ? { ...row.values } : {},
      log: [],
      renews: false,
      agedVersion: isLive && row.isAged ? row.version : undefined,
      hasDestroyed: false
    }) - 1
  }

  /** What a request sees. */
  values (visit: number): Readonly<Values> {
    return this.#visit(visit).values
  }

  put (number: number, key: string, value: number): void {
    this.#change(number, { kind: 'put', key, value })
  }

  update (number: number, key: string): number | undefined {
    this.#change(number, { kind: 'update', key })
    return this.#visit(number).values[key]
  }

  /** Removes a key that the request sees. Returns what the request saw. */
  remove (number: number, key: string): number | undefined {
    const value = this.#visit(number).values[key]
    if (value !== undefined) this.#change(number, { kind: 'remove', key })
    return value
  }

  clear (number: number): void {
    this.#change(number, { kind: 'clear' })
  }

  renew (number: number, how: 'strictly' | 'keeping'): void {
    const visit = this.#visit(number)
    if (visit.renews !== 'strictly') visit.renews = how
  }

  /** Takes a key out and commits. What was taken is in {@link taken}. */
  take (number: number, key: string): Outcome {
    const visit = this.#visit(number)
    visit.taken = undefined
    if (visit.values[key] !== undefined) this.#change(number, { kind: 'take', key })
    const outcome = this.commit(number)
    if (outcome === 'gone') visit.taken = undefined
    return outcome
  }

  taken (number: number): number | undefined {
    return this.#visit(number).taken
  }

  isFollowed (number: number): boolean {
    return this.#visit(number).isFollowed
  }

  merge (number: number, token: string | undefined): void {
    const asked = this.#state.rows.findIndex(row => row.token === token)
    if (asked === this.#visit(number).row) return
    const row = this.#follow(asked)
    if (this.#state.rows[row]?.isLive !== true) return
    if (token !== undefined && row !== -1 && row !== this.#visit(number).row) this.#change(number, { kind: 'merge', row })
  }

  destroy (number: number): void {
    const visit = this.#visit(number)
    let doomed = visit.row ?? visit.renewed
    visit.hasDestroyed ||= doomed !== undefined
    while (doomed !== undefined) {
      const row = this.#row(doomed)
      row.isLive = false
      doomed = row.successor
    }
    Object.assign(visit, { row: undefined, renewed: undefined, values: {}, log: [], renews: false, isFollowed: false, agedVersion: undefined })
  }

  /** Commits what a request has changed. */
  commit (number: number): Outcome {
    const visit = this.#visit(number)
    const { log } = visit
    let { renews } = visit
    if (log.length === 0 && renews === false) return 'done'
    const merged = log.flatMap(change => change.kind === 'merge' ? [change.row] : [])
    if (visit.row === undefined && merged.length === 0 && Object.keys(visit.values).length === 0) {
      this.#applyAll(visit, {})
      return this.#emptyLog(visit)
    }
    // The browser is about to get the renewed session's cookie.
    if (visit.row === undefined && visit.renewed !== undefined && renews !== 'strictly') return 'gone'
    if (!merged.every(row => this.#row(row).isLive)) return 'gone'
    const own = visit.row === undefined ? undefined : this.#follow(visit.row)
    // Whoever renews by time need not do it twice.
    if (own !== visit.row && renews === 'keeping' && own !== undefined && this.#row(own).isLive) renews = false
    const old = own === undefined ? undefined : this.#row(own)
    if (old !== undefined && !old.isLive && renews !== 'strictly') return 'gone'

    const values = old?.isLive === true ? { ...old.values } : {}
    this.#applyAll(visit, values)
    for (const row of merged) if (row !== own) this.#row(row).isLive = false
    if (old !== undefined && renews === false) {
      Object.assign(old, { values, isAged: false, version: old.version + 1 })
      visit.row = own
    } else {
      const next = this.#state.rows.push({ token: undefined, values, isLive: true, successor: undefined, keepsOld: false, isAged: false, version: 0 }) - 1
      if (old?.isLive === true) Object.assign(old, { isLive: false, successor: next, keepsOld: renews === 'keeping' })
      visit.row = next
    }
    visit.values = { ...values }
    visit.agedVersion = undefined
    return this.#emptyLog(visit)
  }

  /** Whether a request that ends now, having changed nothing, has touched its row. */
  touch (number: number): boolean {
    const { row: index, agedVersion } = this.#visit(number)
    const row = index === undefined ? undefined : this.#row(index)
    const isTouched = row?.isLive === true && row.isAged && row.version === agedVersion
    if (isTouched) row.isAged = false
    return isTouched
  }

  hasDestroyed (number: number): boolean {
    return this.#visit(number).hasDestroyed
  }

  /** The token of the row that a request ends with: undefined without a row, '' if the token is not known yet. */
  token (number: number): string | undefined {
    const { row } = this.#visit(number)
    return row === undefined ? undefined : this.#row(row).token ?? ''
  }

  learnToken (number: number, token: string): void {
    const { row } = this.#visit(number)
    if (row !== undefined) this.#row(row).token = token
  }

  expire (token: string | undefined): boolean {
    return this.#mark(token, { isLive: false })
  }

  age (token: string | undefined): boolean {
    return this.#mark(token, { isAged: true })
  }

  /** The live sessions, by their tokens. */
  live (): ReadonlyMap<string, Readonly<Values>> {
    return new Map(this.#state.rows.flatMap(({ token, isLive, values }) => isLive ? [[token ?? 'not told', values] as const] : []))
  }

  #mark (token: string | undefined, mark: Partial<Row>): boolean {
    const row = this.#state.rows.find(row => token !== undefined && row.token === token && row.isLive)
    if (row !== undefined) Object.assign(row, mark)
    return row !== undefined
  }

  #change (number: number, change: Change): void {
    const visit = this.#visit(number)
    visit.log.push(change)
    this.#apply(change, visit.values)
  }

  #applyAll (visit: Visit, values: Values): void {
    for (const change of visit.log) {
      if (change.kind === 'take') visit.taken = values[change.key]
      this.#apply(change, values)
    }
  }

  #apply (change: Change, values: Values): void {
    switch (change.kind) {
      case 'put': values[change.key] = change.value; break
      case 'update': values[change.key] = (values[change.key] ?? 0) + 1; break
      case 'remove':
      case 'take': delete values[change.key]; break
      case 'clear': for (const key of Object.keys(values)) delete values[key]; break
      case 'merge': Object.assign(values, this.#row(change.row).values); break
    }
  }

  /** The row that a request finds with the token of this one. */
  #follow (index: number): number {
    const row = this.#state.rows[index]
    return row?.isLive === false && row.keepsOld && row.successor !== undefined ? this.#follow(row.successor) : index
  }

  #emptyLog (visit: Visit): 'done' {
    visit.log = []
    visit.renews = false
    return 'done'
  }

  #row (index: number): Row {
    return this.#state.rows[index] as Row
  }

  #visit (number: number): Visit {
    return this.#state.visits[number] as Visit
  }
}
