import t from 'tap'
import { startChromium } from '../support/chromium.js'
import { access } from './browser/access.js'
import { cookies } from './browser/cookies.js'
import { devices } from './browser/devices.js'
import { signingIn } from './browser/signing-in.js'

const chromium = await startChromium(t)

await t.test('a person at the example', async t => { await signingIn(t, chromium) })
await t.test('a person who has signed in on several devices', async t => { await devices(t, chromium) })
await t.test('the cookie of the example in a browser', async t => { await cookies(t, chromium) })
await t.test('the example is for everybody', async t => { await access(t, chromium) })
