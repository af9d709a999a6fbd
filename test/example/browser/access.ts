import axe from 'axe-core'
import type { AxeResults } from 'axe-core'
import type { BrowserContextOptions, Page } from 'playwright-core'
import type { Test } from 'tap'
import type { Chromium } from '../../support/chromium.js'
import { says, signIn, startSite, status } from './site.js'

const PHONE_WIDTH = 390
const PHONE: BrowserContextOptions = { viewport: { width: PHONE_WIDTH, height: 844 }, isMobile: true, hasTouch: true }

/** The pages in the light and in the dark, on a phone, by keyboard alone, and for a program that reads them out. */
export async function access (t: Test, chromium: Chromium): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await t.test(`no page keeps anybody out, in the ${colorScheme}`, async t => {
      const { origin } = await startSite(t)
      const visitor = await chromium.visitor(t, { colorScheme })
      const page = await visitor.newPage()
      await page.goto(origin)
      t.strictSame(await violations(page), [], 'the page for signing in')
      await page.evaluate('document.forms[0].noValidate = true')
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByText('Please enter a name').waitFor()
      t.strictSame(await violations(page), [], 'the page for signing in, after a mistake')
      await page.getByLabel('Your name').fill('Ada')
      await page.getByRole('button', { name: 'Sign in' }).click()
      await says(page, 'Hello, Ada')
      t.strictSame(await violations(page), [], 'the page of a session')
      await page.getByRole('button', { name: 'Tea' }).click()
      await status(page, 'The basket holds 1.')
      await page.getByRole('button', { name: 'Send 20' }).click()
      await status(page, 'This plugin counted 20 of 20')
      const other = await signIn(await chromium.visitor(t, { colorScheme }), origin)
      await page.getByRole('button', { name: 'Tea' }).click()
      await status(page, 'in 1 other place')
      t.strictSame(await violations(page), [], 'the page of a session in which there is something, with devices')
      await page.getByRole('button', { name: 'Sign out everywhere else' }).click()
      await status(page, 'nowhere else')
      await other.getByRole('alert').getByText('This session has ended.').waitFor()
      t.strictSame(await violations(other), [], 'the page of a session that has ended')
      await other.getByRole('link', { name: 'Sign in again' }).click()
      await other.getByText('Your session has ended.').waitFor()
      t.strictSame(await violations(other), [], 'the page for signing in again')
      await page.goto(`${origin}/nowhere`)
      t.strictSame(await violations(page), [], 'the page of an error')
    })
  }

  await t.test('it is dark for those who want it dark', async t => {
    const { origin } = await startSite(t)
    const background = async (colorScheme: 'light' | 'dark') => {
      const page = await (await chromium.visitor(t, { colorScheme })).newPage()
      await page.goto(origin)
      return await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    }
    const lightness = (color: string) => Math.max(...(color.match(/\d+/g) ?? []).map(Number))
    t.ok(lightness(await background('light')) > 200)
    t.ok(lightness(await background('dark')) < 60)
  })

  await t.test('it fits a phone, with the longest name too', async t => {
    const { origin } = await startSite(t)
    const visitor = await chromium.visitor(t, PHONE)
    const page = await visitor.newPage()
    await page.goto(origin)
    t.ok(await fits(page), 'the page for signing in')
    await page.goto(`${origin}/nowhere`)
    t.ok(await fits(page), 'the page of an error')
    const long = await signIn(visitor, origin, 'M'.repeat(50))
    await long.getByRole('button', { name: 'Tea' }).tap()
    await long.getByRole('button', { name: 'Send 20' }).tap()
    await status(long, 'This plugin counted 20 of 20')
    t.ok(await fits(long), 'the page of a session')
  })

  await t.test('it is used by keyboard alone', async t => {
    const { origin } = await startSite(t)
    const page = await (await chromium.visitor(t)).newPage()
    await page.goto(origin)
    t.match(await focused(page), { name: 'Your name', isVisible: true })
    await page.keyboard.type('Ada')
    t.match(await pressed(page, 'Tab'), { name: 'Remember me', isVisible: true })
    t.match(await pressed(page, 'Tab'), { name: 'Sign in', isVisible: true })
    await page.keyboard.press('Enter')
    await says(page, 'Hello, Ada')

    // Somebody who has signed in elsewhere has more to press.
    await signIn(await chromium.visitor(t), origin)
    await page.reload()
    const order: string[] = []
    for (let { name } = await pressed(page, 'Tab'); name !== ''; { name } = await pressed(page, 'Tab')) {
      order.push(name)
      t.ok((await focused(page)).isVisible, `the focus on ${name} is seen`)
    }
    t.strictSame(order, ['Sign out', 'Send 20 requests at once', 'Sign out', 'Sign out everywhere else', 'Apples', 'Bread', 'Coffee', 'Tea'])
    while ((await pressed(page, 'Tab')).name !== 'Bread');
    await page.keyboard.press('Enter')
    await status(page, 'The basket holds 1.')
    t.match(await focused(page), { name: 'Bread' }, 'the focus stays where it was')
    await page.keyboard.press('Space')
    await status(page, 'The basket holds 2.')
  })
}

/** What axe finds wrong with a page, in a line each. */
async function violations (page: Page): Promise<string[]> {
  // The page's own policy does not hold for what a test evaluates.
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html}`))
}

/** Whether nothing reaches over the side of a phone. A phone's own `innerWidth` grows with the page. */
async function fits (page: Page): Promise<boolean> {
  return await page.evaluate<number>('document.documentElement.scrollWidth') <= PHONE_WIDTH
}

/** What has the focus; its name is empty if that is nothing on the page. */
async function focused (page: Page): Promise<{ readonly name: string, readonly isVisible: boolean }> {
  return await page.evaluate(`(() => {
    const element = document.activeElement
    if (element === null || element === document.body) return { name: '', isVisible: false }
    const { outlineStyle, outlineWidth } = getComputedStyle(element)
    return { name: (element.labels?.[0] ?? element).textContent.trim(), isVisible: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 }
  })()`)
}

async function pressed (page: Page, key: string): Promise<{ readonly name: string, readonly isVisible: boolean }> {
  await page.keyboard.press(key)
  return await focused(page)
}
