import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { makeCertificate } from '../../support/certificate.js'
import type { Chromium } from '../../support/chromium.js'
import { says, sessionCookie, signIn, startSite, type Site } from './site.js'

const DAY = 24 * 60 * 60

/** What the browser does with the session's cookie. */
export async function cookies (t: Test, chromium: Chromium): Promise<void> {
  await t.test('is gone when the browser has been closed and is opened again', async t => {
    const { origin } = await startSite(t)
    const before = await chromium.withProfile(t, 'forgotten')
    await signIn(before, origin)
    t.match(await sessionCookie(before), { name: 'session', expires: -1, httpOnly: true, sameSite: 'Lax' })
    await before.close()
    const after = await chromium.withProfile(t, 'forgotten')
    const page = await after.newPage()
    await page.goto(origin)
    await says(page, 'Sign in')
    await after.close()
  })

  await t.test('is still there then for somebody who wanted to be remembered', async t => {
    const { origin } = await startSite(t)
    const before = await chromium.withProfile(t, 'remembered')
    await signIn(before, origin, 'Ada', true)
    const cookie = await sessionCookie(before)
    const days = ((cookie?.expires ?? 0) - Date.now() / 1000) / DAY
    t.ok(days > 6.9 && days < 7.1, `for ${days} days`)
    await before.close()
    const after = await chromium.withProfile(t, 'remembered')
    t.match(await sessionCookie(after), { value: cookie?.value })
    const page = await after.newPage()
    await page.goto(origin)
    await says(page, 'Hello, Ada')
    await after.close()
  })

  await t.test('has the prefix __Host- over https, and belongs to that host alone', async t => {
    const { port } = await startSite(t, {
      cookie: { name: '__Host-session', secure: true },
      serverFactory: handler => createSecureServer(makeCertificate(), handler)
    })
    const visitor = await chromium.visitor(t, { ignoreHTTPSErrors: true })
    const page = await signIn(visitor, `https://shop.test:${port}`)
    t.match(await sessionCookie(visitor), { name: '__Host-session', domain: 'shop.test', path: '/', secure: true, httpOnly: true })
    await page.reload()
    await says(page, 'Hello, Ada')
    await page.goto(`https://other.shop.test:${port}`)
    await says(page, 'Sign in')
  })

  await t.test('goes with a link of another site, and with nothing else that comes from there', async t => {
    const site = await startSite(t)
    const cookies = cookiesOf(site)
    const visitor = await chromium.visitor(t)
    const shop = `http://shop.test:${site.port}`
    await signIn(visitor, shop)
    const page = await visitor.newPage()
    const elsewhere = `http://elsewhere.test:${await startOtherSite(t, shop)}`

    await page.goto(elsewhere)
    await page.getByText('There was an answer').waitFor()
    await page.getByRole('button', { name: 'A form' }).click()
    await says(page, 'That came from another site')
    await page.goto(elsewhere)
    await page.getByRole('link', { name: 'A link' }).click()
    await says(page, 'Hello, Ada')
    t.strictSame([...cookies('/?from=fetch'), ...cookies('/sign-out')], [undefined, undefined, undefined], 'the form, and the script of both visits')
    t.match(cookies('/?from=link'), [/^session=/])
  })
}

/** The `Cookie` headers of the requests for a URL, so far. */
function cookiesOf ({ app }: Site): (url: string) => Array<string | undefined> {
  const seen: Array<{ readonly url: string | undefined, readonly cookie: string | undefined }> = []
  app.server.on('request', ({ url, headers: { cookie } }) => { seen.push({ url, cookie }) })
  return wanted => seen.filter(({ url }) => url === wanted).map(({ cookie }) => cookie)
}

/** A site of somebody else, with a form, a link and a script that lead to the shop. Resolves to its port. */
async function startOtherSite (t: Test, shop: string): Promise<number> {
  const page = `<!doctype html><title>Elsewhere</title><p id="answer"></p>
    <form method="post" action="${shop}/sign-out"><button>A form</button></form>
    <a href="${shop}/?from=link">A link</a>
    <script>
      fetch('${shop}/?from=fetch', { mode: 'no-cors', credentials: 'include' }).then(() => { document.getElementById('answer').textContent = 'There was an answer' })
    </script>`
  const server = createServer((_request, response) => { response.setHeader('content-type', 'text/html').end(page) }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}
