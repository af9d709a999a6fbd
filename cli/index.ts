#!/usr/bin/env node
/* The command line: npx fastify-sql-sessions. */
import { createInterface } from 'node:readline/promises'
import { once } from 'node:events'
import { main } from './main.js'
import type { Terminal } from './terminal.js'

const { stdin, stdout, stderr, env } = process

// Whoever reads the list, `head` for example, may have had enough.
stdout.on('error', (error: NodeJS.ErrnoException) => { process.exit(error.code === 'EPIPE' ? 0 : 2) })

const terminal: Terminal = {
  async write (text) {
    if (!stdout.write(text)) await once(stdout, 'drain')
  },
  tell: text => { stderr.write(text) },
  ask: stdin.isTTY && stderr.isTTY ? ask : undefined,
  isColored: stdout.isTTY && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
  isLive: stderr.isTTY,
  columns: stderr.columns > 0 ? stderr.columns : 80
}

process.exitCode = await main(process.argv.slice(2), terminal, env)

async function ask (question: string): Promise<string> {
  const lines = createInterface({ input: stdin, output: stderr })
  try {
    return await lines.question(question)
  } catch {
    // Ctrl-C or Ctrl-D.
    terminal.tell('\n')
    return ''
  } finally {
    lines.close()
  }
}
