/*
 * What the compiler says of sessions whose keys were declared; `tsc` is the test, and fails for an expectation of an error
 * that is none. The keys are named so that no other test meets them.
 */
import t from 'tap'
import type { Session, SessionData, SessionKey, SessionRecord, SessionValue } from '../../plugin/index.js'
import { startSite } from '../support/site.js'

declare module 'fastify-sql-sessions' {
  interface SessionData {
    declaredNumber: number
    declaredCart: { items: string[] }
  }
}

type Same<A, B> = [A] extends [B] ? [B] extends [A] ? true : never : never
/** Compiles only if both types are the same. */
function same<A, B> (_same: Same<A, B>): void {}
/** Compiles only if the value has exactly this type. */
const exactly = <T>() => <A>(_value: A, _same: Same<A, T>): void => {}

/** Never called: some of it would fail. */
export function typed (session: Session, record: SessionRecord): void {
  same<SessionData['declaredNumber'], number>(true)
  same<SessionValue<'declaredNumber'>, number>(true)
  same<SessionValue<'undeclared'>, unknown>(true)

  exactly<number | undefined>()(session.get('declaredNumber'), true)
  // @ts-expect-error -- what exactly must find out
  exactly<string>()(session.get('declaredNumber'), true)
  exactly<{ items: string[] } | undefined>()(session.pop('declaredCart'), true)
  exactly<unknown>()(session.get('undeclared'), true)
  exactly<number>()(session.update('declaredNumber', n => { exactly<number | undefined>()(n, true); return 1 }), true)
  void session.take('declaredNumber').then(value => { exactly<number | undefined>()(value, true) })
  void session.take('undeclared').then(value => { exactly<unknown>()(value, true) })
  void session.exclusive(lost => { exactly<AbortSignal>()(lost, true); return 1 }).then(value => { exactly<number>()(value, true) })
  void session.exclusive(async () => 'x', { timeout: 1 }).then(value => { exactly<string>()(value, true) })
  void session.isEnded().then(value => { exactly<boolean>()(value, true) })
  session.renewToken({ keepOldFor: 1000 })
  const key: SessionKey = 'undeclared'
  session.put(key, 1)
  session.put('undeclared', { whatever: true })
  session.set('declaredNumber', undefined)

  exactly<number | undefined>()(record.data.declaredNumber, true)
  exactly<unknown>()(record.data['undeclared'], true)
  // @ts-expect-error -- a record is what there was: nobody changes a session by it
  record.data.declaredNumber = 1

  // @ts-expect-error -- a string is no number
  session.put('declaredNumber', 'one')
  // @ts-expect-error -- put does not remove
  session.put('declaredNumber', undefined)
  // @ts-expect-error -- a string is no number
  session.set('declaredNumber', 'one')
  // @ts-expect-error -- an item is missing its list
  session.put('declaredCart', {})
  // @ts-expect-error -- update must give the declared type
  session.update('declaredNumber', () => 'one')
  // @ts-expect-error -- update is synchronous
  session.update('declaredNumber', async () => 1)
  // @ts-expect-error -- a number is no text
  const text: string | undefined = session.get('declaredNumber')
  // @ts-expect-error -- no such option
  session.renewToken({ keepOld: 1000 })
  // @ts-expect-error -- nobody may set the token
  session.token = String(text)
  // @ts-expect-error -- a key is a string
  session.get(7)
}

t.test('declared keys are typed, and any other key takes any value', async t => {
  const browser = (await startSite(t)).browser()
  await browser.visit(session => { session.put('declaredNumber', 1); session.put('undeclared', 'x') })
  const { value } = await browser.visit((session, request) => (request.session.get('declaredNumber') ?? 0) + (session.get('declaredNumber') ?? 0))
  t.equal(value, 2)
})
