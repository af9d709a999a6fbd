/**
 * Hands on what is read in arrays of `size`, and waits for each to be done with. Returns how many there were, all together.
 */
export async function inPages<T> (all: AsyncIterable<T>, size: number, work: (page: readonly T[]) => Promise<void>): Promise<number> {
  let count = 0
  let page: T[] = []
  for await (const one of all) {
    count++
    page.push(one)
    if (page.length < size) continue
    await work(page)
    page = []
  }
  if (page.length > 0) await work(page)
  return count
}
