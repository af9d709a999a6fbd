import type { BrowserContext, Page } from 'playwright-core'
import type { Test } from 'tap'
import type { Chromium } from '../../support/chromium.js'
import { says, sessionCookie, signIn, startSite, status } from './site.js'

const PHONE = 'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36'
const TABLET = 'Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/604.1'

/** A person who has signed in on several devices. */
export async function devices (t: Test, chromium: Chromium): Promise<void> {
  /** The laptop has seen the others; each device is a browser of its own. */
  const three = async (t: Test) => {
    const { origin } = await startSite(t)
    const phone = await signedIn(await chromium.visitor(t, { userAgent: PHONE }), origin)
    const tablet = await signedIn(await chromium.visitor(t, { userAgent: TABLET }), origin)
    const laptop = await signedIn(await chromium.visitor(t), origin)
    return { phone, tablet, laptop }
  }

  await t.test('sees them all, the one in use first', async t => {
    const { laptop: { page } } = await three(t)
    t.strictSame(await listed(page), ['Chrome on Linux this one', 'Safari on iPad', 'Chrome on Android'])
    t.match(await page.locator('#devices li').first().textContent(), /Last used .*2\d{3}.*Signed in .*2\d{3}.* from 127\.0\.0\.1/s)
  })

  await t.test('sees a new one on coming back to the window', async t => {
    const { origin } = await startSite(t)
    const page = await signIn(await chromium.visitor(t), origin)
    await signIn(await chromium.visitor(t, { userAgent: TABLET }), origin)
    await page.evaluate('dispatchEvent(new Event("focus"))')
    await status(page, 'in 1 other place')
    t.strictSame(await listed(page), ['Chrome on Linux this one', 'Safari on iPad'])
  })

  await t.test('signs out another: its window says so by itself, and at the next click', async t => {
    const { phone, tablet, laptop } = await three(t)
    await laptop.page.getByRole('button', { name: 'Sign out Chrome on Android' }).click()
    await status(laptop.page, 'You are signed in here, and in 1 other place.')
    t.strictSame(await listed(laptop.page), ['Chrome on Linux this one', 'Safari on iPad'])

    await phone.page.getByRole('alert').getByText('This session has ended.').waitFor()
    t.equal(await phone.page.getByRole('alert').getByText('This session has ended.').count(), 1, 'once')
    await phone.page.getByRole('button', { name: 'Tea' }).click()
    await phone.page.getByText('Your session has ended.').waitFor()
    await says(phone.page, 'Sign in')
    await tablet.page.reload()
    await says(tablet.page, 'Hello, Ada')
  })

  await t.test('signs out everywhere else', async t => {
    const { phone, tablet, laptop } = await three(t)
    await laptop.page.getByRole('button', { name: 'Sign out everywhere else' }).click()
    await status(laptop.page, 'You are signed in here, and nowhere else.')
    t.strictSame(await listed(laptop.page), ['Chrome on Linux this one'])
    for (const { page } of [phone, tablet]) {
      await page.getByRole('alert').getByRole('link', { name: 'Sign in again' }).click()
      await page.getByText('Your session has ended.').waitFor()
    }
  })

  await t.test('signs out here, and stays signed in there', async t => {
    const { tablet, laptop } = await three(t)
    await laptop.page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await says(laptop.page, 'Sign in')
    t.equal(await laptop.page.getByText('Your session has ended.').count(), 0, 'that was no surprise')
    t.equal(await sessionCookie(laptop.visitor), undefined)
    await tablet.page.reload()
    t.strictSame(await listed(tablet.page), ['Safari on iPad this one', 'Chrome on Android'])
  })

  await t.test('does it without JavaScript, and is told at the next click', async t => {
    const { origin } = await startSite(t)
    const one = await signedIn(await chromium.visitor(t, { javaScriptEnabled: false }), origin)
    const two = await signedIn(await chromium.visitor(t, { javaScriptEnabled: false, userAgent: PHONE }), origin)
    await two.page.getByRole('button', { name: 'Sign out everywhere else' }).click()
    await two.page.getByText('and it is listed here').waitFor()
    await one.page.getByRole('button', { name: 'Tea' }).click()
    await says(one.page, 'You are not signed in')
    await one.page.getByRole('link', { name: 'To the start' }).click()
    await one.page.getByText('Your session has ended.').waitFor()
  })
}

async function signedIn (visitor: BrowserContext, origin: string): Promise<{ readonly visitor: BrowserContext, readonly page: Page }> {
  return { visitor, page: await signIn(visitor, origin) }
}

/** The devices on the page, each with its mark. */
async function listed (page: Page): Promise<string[]> {
  return await page.evaluate<string[]>('Array.from(document.querySelectorAll("#devices li > div"), ({ children: [name, mark] }) => name.textContent + (mark.className === "mark" ? " " + mark.textContent : ""))')
}
