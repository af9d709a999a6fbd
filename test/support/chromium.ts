import { execFileSync, type ExecFileSyncOptions } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { chromium, type BrowserContext, type BrowserContextOptions } from 'playwright-core'
import type { Test } from 'tap'
import { guard } from './guard.js'

/** A browser that a test has started, and that ends with it. */
export interface Chromium {
  /** A window of a visitor of its own, who has no cookies yet. It is closed when the test is over. */
  visitor (t: Test, options?: BrowserContextOptions): Promise<BrowserContext>
  /**
   * Starts another browser, whose profile is the folder of this name: what it keeps on disk is there again when it is closed
   * and started once more. It is closed when the test is over, at the latest.
   */
  withProfile (t: Test, name: string): Promise<BrowserContext>
}

const WAYS = `The tests of the example's pages need Chromium. Any of these ways will do:
  - set CHROMIUM to the path of a Chromium or Chrome: CHROMIUM=/opt/chrome/chrome
  - install it, so that chromium, chromium-browser or google-chrome is on the PATH (Debian: apt-get install chromium)
  - on Debian run the tests as root, and they install it`

/** How long a page may take, in milliseconds, on however busy a machine: so a wait in vain says what it has waited for. */
const LIMIT = 180_000
/** Names under which tests visit the servers of this machine, as different sites. */
const NAMES = ['--host-resolver-rules=MAP *.test 127.0.0.1']

/** Starts Chromium without a window. It ends when the test is over, and also if this process is killed. */
export async function startChromium (t: Test): Promise<Chromium> {
  const executablePath = ensureChromium()
  const folder = await mkdtemp(join(tmpdir(), 'fastify-sql-sessions-'))
  const guarded = guard(folder)
  // What Playwright and the browser leave in folders of their own goes with this one.
  process.env['TMPDIR'] = folder
  const options = { timeout: LIMIT, executablePath, args: NAMES, env: { ...process.env, HOME: folder } }
  const browser = await chromium.launch(options)
  t.teardown(async () => {
    await browser.close()
    await rm(folder, { recursive: true, force: true })
    guarded.end()
  })
  return {
    visitor: async (t, options) => await closedAfter(t, await browser.newContext(options)),
    withProfile: async (t, name) => await closedAfter(t, await chromium.launchPersistentContext(join(folder, name), options))
  }
}

async function closedAfter (t: Test, context: BrowserContext): Promise<BrowserContext> {
  t.teardown(async () => { await context.close() })
  context.setDefaultTimeout(LIMIT)
  return context
}

/** The path of a Chromium; installs it where that can be done. Throws an error that names the ways otherwise. */
function ensureChromium (): string {
  const given = process.env['CHROMIUM'] ?? ''
  if (given !== '') {
    if (!existsSync(given)) throw new Error(`CHROMIUM names ${given}, and there is no such file.\n${WAYS}`)
    return given
  }
  const found = findChromium()
  if (found !== undefined) return found
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    console.error('There is no Chromium on this machine. Installing Debian\'s chromium ...')
    const options: ExecFileSyncOptions = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, stdio: ['ignore', 'ignore', 'inherit'] }
    execFileSync('apt-get', ['update', '-qq'], options)
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], options)
  }
  const installed = findChromium()
  if (installed === undefined) throw new Error(WAYS)
  return installed
}

function findChromium (): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return ['chromium', 'chromium-browser', 'google-chrome'].flatMap(name => folders.map(folder => join(folder, name))).find(existsSync)
}
