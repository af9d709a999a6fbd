/** A member of a {@link LinkedList}. The list sets its neighbours. */
export interface Linked<Member> {
  before: Member | undefined
  after: Member | undefined
}

/**
 * A list from which a member can leave wherever it is, without a search.
 *
 * A Set would be shorter to write, but V8 keeps the table that a Set has outgrown linked to the next one. Once such a table is
 * in the old generation, all that the later ones held survives with it, and garbage collection costs more than the work.
 */
export class LinkedList<Member extends Linked<Member>> {
  #first: Member | undefined
  #last: Member | undefined
  #size = 0

  get size (): number {
    return this.#size
  }

  has (member: Member): boolean {
    return member.before !== undefined || member === this.#first
  }

  /** The member must be in no list. */
  add (member: Member): void {
    member.before = this.#last
    if (this.#last === undefined) this.#first = member
    else this.#last.after = member
    this.#last = member
    this.#size++
  }

  /** The member must be in this list. */
  delete (member: Member): void {
    const { before, after } = member
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    member.before = member.after = undefined
    this.#size--
  }

  /** Visits the members in the order in which they came. The one that is visited may leave the list. */
  forEach (visit: (member: Member) => void): void {
    for (let member = this.#first, after; member !== undefined; member = after) {
      after = member.after
      visit(member)
    }
  }
}
