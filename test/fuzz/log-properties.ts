import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import type { SessionContent } from '../../plugin/codecs/codec.js'
import { Changes } from '../../plugin/commit/changes.js'
import { property, type Property } from './property.js'

type Change =
  | { readonly kind: 'put', readonly key: string, readonly value: unknown }
  | { readonly kind: 'remove' | 'update', readonly key: string }
  | { readonly kind: 'clear', readonly keep: readonly string[] }
  | { readonly kind: 'merge', readonly row: string }
  | { readonly kind: 'deadline', readonly deadline: number }
  | { readonly kind: 'rememberMe', readonly rememberMe: boolean }

const fewKeys = fc.constantFrom('a', 'b', 'c', '__proto__')
const fewRows = fc.constantFrom('first', 'second')
const anyDeadline = fc.nat(100)
const anyChange: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), key: fewKeys, value: fc.integer() }),
  fc.record({ kind: fc.constantFrom('remove' as const, 'update' as const), key: fewKeys }),
  fc.record({ kind: fc.constant('clear' as const), keep: fc.oneof(fc.constant([]), fc.array(fewKeys, { maxLength: 2 })) }),
  fc.record({ kind: fc.constant('merge' as const), row: fewRows }),
  fc.record({ kind: fc.constant('deadline' as const), deadline: anyDeadline }),
  fc.record({ kind: fc.constant('rememberMe' as const), rememberMe: fc.boolean() })
)
const anyChanges = fc.array(anyChange, { maxLength: 12 })
const anyContent: fc.Arbitrary<SessionContent> = fc.record({
  values: fc.dictionary(fewKeys, fc.integer()).map(values => new Map<string, unknown>(Object.entries(values))),
  deadline: anyDeadline,
  rememberMe: fc.constantFrom(undefined, true, false)
}, { noNullPrototype: true })

/** The sessions that may be merged in: what they held when the request asked, and what they hold at the commit. */
const asked: SessionContent = { values: new Map([['a', 'asked']]), deadline: 1, rememberMe: undefined }
const anyMerged = fc.tuple(anyContent, anyContent).map(([first, second]) => new Map([['first', first], ['second', second]]))
const append = (value: unknown) => `${String(value)}+`

function copyOf (content: SessionContent): SessionContent {
  return { ...content, values: new Map(content.values) }
}

/** What changes mean: each, in their order, on all there is. */
function applied (changes: readonly Change[], to: SessionContent, merged: ReadonlyMap<string, SessionContent>): SessionContent {
  const content = copyOf(to)
  const { values } = content
  for (const change of changes) {
    switch (change.kind) {
      case 'put': values.set(change.key, change.value); break
      case 'remove': values.delete(change.key); break
      case 'update': values.set(change.key, append(values.get(change.key))); break
      case 'clear': for (const key of [...values.keys()]) if (!change.keep.includes(key)) values.delete(key); break
      case 'merge': {
        const other = merged.get(change.row) as SessionContent
        for (const [key, value] of other.values) values.set(key, value)
        content.deadline = Math.max(content.deadline, other.deadline)
        break
      }
      case 'deadline': content.deadline = change.deadline; break
      case 'rememberMe': content.rememberMe = change.rememberMe; break
    }
  }
  return content
}

function addTo (changes: Changes, list: readonly Change[]): Changes {
  for (const change of list) {
    switch (change.kind) {
      case 'put': changes.put(change.key, change.value); break
      case 'remove': changes.remove(change.key); break
      case 'update': changes.update(change.key, append); break
      case 'clear': changes.clear(change.keep); break
      case 'merge': changes.merge(change.row, asked); break
      case 'deadline': changes.setDeadline(change.deadline); break
      case 'rememberMe': changes.rememberMe(change.rememberMe); break
    }
  }
  return changes
}

/** The order of the keys is not what a log is about. */
function sorted ({ values, ...fields }: SessionContent): unknown {
  return { ...fields, values: [...values].sort(([a], [b]) => a < b ? -1 : 1) }
}

/** The log of what a request has done to its session. */
export const LOG_PROPERTIES: readonly Property[] = [
  property('a log of changes means each of its changes, in their order', fc.property(anyChanges, anyContent, anyMerged, (changes, content, merged) => {
    const actual = copyOf(content)
    addTo(new Changes(), changes).apply(actual, merged)
    deepStrictEqual(sorted(actual), sorted(applied(changes, content, merged)))
  })),
  property('a log that is put back after a failure comes before what followed it', fc.property(anyChanges, anyChanges, anyContent, anyMerged, (first, second, content, merged) => {
    const failed = addTo(new Changes(), first)
    const next = addTo(failed.followedBy(), second)
    failed.putBack()
    const actual = copyOf(content)
    next.apply(actual, merged)
    deepStrictEqual(sorted(actual), sorted(applied([...first, ...second], content, merged)))
  })),
  property('a log whose update throws changes nothing', fc.property(anyChanges, anyChanges, anyContent, anyMerged, (before, after, content, merged) => {
    const changes = addTo(new Changes(), before)
    changes.update('thrown', () => { throw new RangeError('no') })
    // A later change of all keys takes the update out of the log.
    addTo(changes, after.filter(({ kind }) => kind !== 'clear'))
    const actual = copyOf(content)
    try {
      changes.apply(actual, merged)
    } catch (error) {
      deepStrictEqual(sorted(actual), sorted(content))
      return error instanceof RangeError
    }
    return false
  }))
]
