import { main } from '../../cli/main.js'
import type { Terminal } from '../../cli/terminal.js'

/** What a command line has written, told and ended with. */
export interface Ran {
  readonly code: number
  /** To the standard output. */
  readonly out: string
  /** To the standard error output. */
  readonly told: string
}

/** Runs a command line in this process. Its terminal is none unless `terminal` says otherwise. */
export async function run (args: readonly string[], env: Readonly<Record<string, string>> = {}, terminal: Partial<Terminal> = {}): Promise<Ran> {
  let out = ''
  let told = ''
  const code = await main(args, {
    write: async text => { out += text },
    tell: text => { told += text },
    ask: undefined,
    isColored: false,
    isLive: false,
    columns: 80,
    ...terminal
  }, env)
  return { code, out, told }
}

/** A terminal whose person gives this answer. */
export function answering (answer: string): Partial<Terminal> & { readonly questions: string[] } {
  const questions: string[] = []
  return { questions, ask: async question => { questions.push(question); return answer } }
}
