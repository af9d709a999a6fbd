import type { Test } from 'tap'
import type { Chromium } from '../../support/chromium.js'
import { says, sessionCookie, signIn, startSite, status } from './site.js'

/** What a person does with the example's pages. */
export async function signingIn (t: Test, chromium: Chromium): Promise<void> {
  const { origin } = await startSite(t)

  await t.test('signs in, sees the visits counted, and signs out', async t => {
    const visitor = await chromium.visitor(t)
    const page = await signIn(visitor, origin)
    t.equal(await page.locator('#visits').textContent(), '1')
    await page.reload()
    t.equal(await page.locator('#visits').textContent(), '2')
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await says(page, 'Sign in')
    t.equal(await sessionCookie(visitor), undefined)
  })

  await t.test('reads a time of their own time zone', async t => {
    const visitor = await chromium.visitor(t, { timezoneId: 'Asia/Tokyo', locale: 'de-DE' })
    const page = await signIn(visitor, origin)
    const time = page.locator('time').first()
    const since = new Date(await time.getAttribute('datetime') as string)
    t.equal(await time.textContent(), since.toLocaleString('de-DE', { timeZone: 'Asia/Tokyo', dateStyle: 'medium', timeStyle: 'short' }))
  })

  await t.test('puts things into the basket in place', async t => {
    const page = await signIn(await chromium.visitor(t), origin)
    await page.getByRole('button', { name: 'Tea' }).click()
    await status(page, 'The basket holds 1.')
    t.equal(await page.locator('#values').getByText('{"Tea":1}').count(), 1, 'the session’s values are shown')
    await page.getByRole('button', { name: 'Coffee' }).click()
    await status(page, 'The basket holds 2.')
    t.equal(await page.locator('#visits').textContent(), '1', 'the page was not loaded again')
    await page.getByRole('button', { name: 'Empty the basket' }).click()
    await status(page, 'The basket is empty.')
  })

  await t.test('sends twenty requests at once: each is counted, and a session that is saved whole loses some', async t => {
    const page = await signIn(await chromium.visitor(t), origin)
    for (let i = 0; i < 2; i++) {
      await page.getByRole('button', { name: 'Send 20' }).click()
      await status(page, 'This plugin counted 20 of 20 requests.')
      const [ours, whole] = await page.locator('#race .number').allTextContents()
      t.equal(ours, '20 of 20')
      const counted = Number(whole?.split(' ')[0])
      t.ok(counted > 0 && counted < 20, `${counted}`)
      t.equal(await page.locator('#race .full').count(), 20 + counted, 'a dot for each')
      await page.evaluate('document.getElementById("status").textContent = ""')
    }
  })

  await t.test('has one session in two tabs, and is told in both when it has ended', async t => {
    const visitor = await chromium.visitor(t)
    const one = await signIn(visitor, origin)
    const two = await visitor.newPage()
    await two.goto(origin)
    await says(two, 'Hello, Ada')
    await Promise.all([one, two].map(async page => {
      await page.getByRole('button', { name: 'Tea' }).click()
      await status(page, /The basket holds [12]\./)
    }))
    await one.reload()
    t.equal(await one.locator('#total').textContent(), '2')
    await one.getByRole('button', { name: 'Sign out', exact: true }).click()
    await says(one, 'Sign in')
    await two.getByRole('button', { name: 'Tea' }).click()
    await says(two, 'Sign in')
  })

  await t.test('does all of it without JavaScript', async t => {
    const page = await signIn(await chromium.visitor(t, { javaScriptEnabled: false }), origin)
    await page.getByRole('button', { name: 'Tea' }).click()
    await page.getByText('In the basket: 1').waitFor()
    await page.getByRole('button', { name: 'Empty the basket' }).click()
    await page.getByText('The basket is empty.').waitFor()
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await says(page, 'Sign in')
  })
}
