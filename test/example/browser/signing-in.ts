import type { Test } from 'tap'
import type { Chromium } from '../../support/chromium.js'
import { says, sessionCookie, signIn, startSite } from './site.js'

/** What a person does with the example's pages. */
export async function signingIn (t: Test, chromium: Chromium): Promise<void> {
  const { origin } = await startSite(t)

  await t.test('signs in, sees the visits counted, and signs out', async t => {
    const visitor = await chromium.visitor(t)
    const page = await signIn(visitor, origin)
    t.equal(await page.locator('#visits').textContent(), '1')
    await page.reload()
    t.equal(await page.locator('#visits').textContent(), '2')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await says(page, 'Sign in')
    t.equal(await sessionCookie(visitor), undefined)
  })

  await t.test('reads a time of their own time zone', async t => {
    const visitor = await chromium.visitor(t, { timezoneId: 'Asia/Tokyo', locale: 'de-DE' })
    const page = await signIn(visitor, origin)
    const time = page.locator('time').first()
    const since = new Date(await time.getAttribute('datetime') as string)
    t.equal(await time.textContent(), since.toLocaleString('de-DE', { timeZone: 'Asia/Tokyo' }))
  })

  await t.test('puts things into the basket in place, and in ten requests at once', async t => {
    const page = await signIn(await chromium.visitor(t), origin)
    await page.getByRole('button', { name: 'Tea' }).click()
    await page.getByText('The basket holds 1.').waitFor()
    await page.getByRole('button', { name: 'Ten Apples' }).click()
    await page.getByText('The basket holds 11. Saved in 10 requests at once.').waitFor()
    t.equal(await page.locator('#visits').textContent(), '1', 'the page was not loaded again')
    await page.getByRole('button', { name: 'Empty the basket' }).click()
    await page.getByText('The basket is empty.').waitFor()
  })

  await t.test('has one session in two tabs', async t => {
    const visitor = await chromium.visitor(t)
    const one = await signIn(visitor, origin)
    const two = await visitor.newPage()
    await two.goto(origin)
    await says(two, 'Hello, Ada')
    await Promise.all([one, two].map(async page => {
      await page.getByRole('button', { name: 'Ten Apples' }).click()
      await page.getByText('Saved in 10 requests at once.').waitFor()
    }))
    await one.reload()
    t.equal(await one.locator('#total').textContent(), '20')
    await one.getByRole('button', { name: 'Sign out' }).click()
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
    await page.getByRole('button', { name: 'Sign out' }).click()
    await says(page, 'Sign in')
  })
}
