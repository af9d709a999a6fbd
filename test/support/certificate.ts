import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A key and its self-signed certificate, as `https.createServer` takes them. They are new, and good for a day. */
export function makeCertificate (): { readonly key: string, readonly cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-sql-sessions-'))
  const key = join(folder, 'key.pem')
  const cert = join(folder, 'cert.pem')
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=shop.test', '-keyout', key, '-out', cert], { stdio: 'pipe' })
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } catch (error) {
    throw new Error('The tests of https need the program openssl (Debian: apt-get install openssl).', { cause: error })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
