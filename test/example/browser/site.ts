import type { FastifyInstance } from 'fastify'
import type { BrowserContext, Page } from 'playwright-core'
import type { Test } from 'tap'
import { buildApplication, type ExampleOptions } from '../../../example/application.js'
import { memoryStore, type SessionStore } from '../../../plugin/index.js'

/** The example application, listening on a port of 127.0.0.1. */
export interface Site {
  readonly app: FastifyInstance
  /** `http://127.0.0.1:…` */
  readonly origin: string
  readonly port: number
}

/** Starts the example, until the test is over. Its sessions are in memory unless another store is given. */
export async function startSite (t: Test, options: ExampleOptions = {}, store: SessionStore = memoryStore()): Promise<Site> {
  const app = await buildApplication(store, 'in memory', options)
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(async () => { await app.close() })
  return { app, origin, port: Number(new URL(origin).port) }
}

/** Opens the example in a new tab, and signs in by its form. */
export async function signIn (visitor: BrowserContext, origin: string, name = 'Ada', remember = false): Promise<Page> {
  const page = await visitor.newPage()
  await page.goto(origin)
  await page.getByLabel('Your name').fill(name)
  if (remember) await page.getByLabel('Remember me').check()
  await page.getByRole('button', { name: 'Sign in' }).click()
  await says(page, `Hello, ${name}`)
  return page
}

/** Waits until the page has this heading. */
export async function says (page: Page, heading: string): Promise<void> {
  await page.getByRole('heading', { name: heading }).waitFor()
}

/** Waits until the page tells this in its line for news. */
export async function status (page: Page, news: string | RegExp): Promise<void> {
  await page.getByRole('status').filter({ hasText: news }).waitFor()
}

/** The session's cookie in this browser, or undefined. */
export async function sessionCookie (visitor: BrowserContext): Promise<{ name: string, value: string, expires: number, httpOnly: boolean, secure: boolean, sameSite: string, domain: string, path: string } | undefined> {
  return (await visitor.cookies()).find(({ name }) => name.endsWith('session'))
}
