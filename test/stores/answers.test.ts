/* A store of the user's that gives wrong answers: each is an error that names the method, and no request hangs. */
import t from 'tap'
import { memoryStore, type SessionStore } from '../../plugin/index.js'
import { startSite } from '../support/site.js'

const wrong = <T>(value: unknown): T => value as T
const TOKEN = 'a'.repeat(43)
const DATA = 'what is in the session'
const NOW = 'its property now must be the database\'s time in milliseconds'

/** A store that gives these answers, and is otherwise in order. */
function answering (answers: { [method in keyof SessionStore]?: unknown }, isBounded: boolean): SessionStore {
  const store = memoryStore()
  const own = Object.fromEntries((['open', 'find', 'insert', 'update', 'touch', 'delete', 'rewrite', 'scan', 'deleteExpired', 'stopCleanup', 'close'] as const).map(method => {
    const call = store[method].bind(store) as (...args: unknown[]) => unknown
    return [method, method in answers ? async () => answers[method] : call]
  }))
  return wrong<SessionStore>({ ...own, isBounded })
}

const FOUND: ReadonlyArray<readonly [answer: unknown, message: string]> = [
  [undefined, 'it must be { now, sessions }, not undefined'],
  [DATA, 'it must be { now, sessions }, not a string'],
  [{ sessions: [] }, `${NOW}, not undefined`],
  [{ now: NaN, sessions: [] }, `${NOW}, not NaN`],
  [{ now: 1 }, 'its property sessions must be an array, not undefined'],
  [{ now: 1, sessions: [], renewed: DATA }, 'its property renewed must be an array of tokens, not a string'],
  [{ now: 1, sessions: [], successors: DATA }, 'its property successors must be an array, not a string'],
  [{ now: 1, sessions: [null] }, 'it must be a session { token, data, ttl }, not null'],
  [{ now: 1, sessions: [{ token: 5, data: Buffer.from(''), ttl: 1 }] }, 'the token of a session must be a string, not 5'],
  [{ now: 1, sessions: [{ token: TOKEN, data: DATA, ttl: 1 }] }, 'the data of a session must be a Uint8Array, a Buffer for example, not a string'],
  [{ now: 1, sessions: [{ token: TOKEN, data: Buffer.from(''), ttl: '1' }] }, 'the ttl of a session must be a number of milliseconds, not a string']
]

for (const isBounded of [true, false]) {
  t.test(`wrong answers to find${isBounded ? ', of a store that says that it is bounded' : ''}`, async t => {
    for (const [answer, message] of FOUND) {
      const browser = (await startSite(t, { store: answering({ find: answer }, isBounded) })).browser()
      const { response } = await browser.visit(() => {}, { headers: { cookie: `session=${TOKEN}` } })
      t.match(response.json(), { statusCode: 500, code: 'FST_SESSION_STORE_MISCONFIGURED', message: `The store's find gave a wrong answer: ${message}` })
      t.notMatch(response.body, DATA)
    }
  })
}

t.test('wrong answers to what writes', async t => {
  for (const [method, answer, message] of [
    ['update', undefined, "The store's update gave a wrong answer: it must be { kind }, not undefined"],
    ['update', { kind: 'done' }, "The store's update gave a wrong answer: its property kind must be 'saved', 'changed' or 'gone', not a string"],
    ['update', { kind: 'changed', session: {} }, `The store's update gave a wrong answer: ${NOW}, not undefined`],
    ['update', { kind: 'changed', now: 1 }, "The store's update gave a wrong answer: it must be a session { token, data, ttl }, not undefined"],
    ['rewrite', undefined, "The store's rewrite has resolved without a call of the function that decides what to write"]
  ] as const) {
    const browser = (await startSite(t, { store: answering({ [method]: answer }, true) })).browser()
    await browser.visit(session => { session.put('a', 1) })
    const { response } = await browser.visit(session => {
      session.put('a', 2)
      if (method === 'rewrite') session.renewToken()
    })
    t.match(response.json(), { statusCode: 500, code: 'FST_SESSION_STORE_MISCONFIGURED', message })
  }
  const { response } = await (await startSite(t, { store: answering({ insert: undefined }, true) })).browser().visit(session => { session.put('a', 1) })
  t.match(response.json(), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: "The store's insert gave a wrong answer: it must be true or false, not undefined" })
})

t.test('a store with find, commit and delete alone that finds what is no bytes', async t => {
  const store = { find: async () => wrong<Buffer>(DATA), commit: async () => {}, delete: async () => {} }
  const { response } = await (await startSite(t, { store })).browser().visit(() => {}, { headers: { cookie: `session=${TOKEN}` } })
  t.match(response.json(), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: "The store's find gave a wrong answer: the data of a session must be a Uint8Array, a Buffer for example, not a string" })
})
