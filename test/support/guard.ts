import { spawn } from 'node:child_process'

/** Sees to it that a folder, and a process that works in it, do not outlive this process, however it ends. */
export interface Guard {
  /** From now on this is the process that works in the folder; undefined if there is none. */
  watch (pid: number | undefined): void
  /** Ends the process, removes the folder, and then ends itself. */
  end (): void
}

/*
 * Its input ends when this process ends, also if that was killed. The shell has a group of its own, so that a terminal's
 * Ctrl-C does not end it. The process may still write while it dies, so the folder is removed until it is gone.
 */
const SCRIPT = 'while read -r line; do pid=$line; done; [ -n "$pid" ] && kill -9 "$pid" 2>/dev/null; while [ -e "$0" ]; do rm -rf "$0" 2>/dev/null; done'

/** Guards a folder. */
export function guard (folder: string): Guard {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  shell.unref()
  // The guard's input must not keep this process alive.
  ;(shell.stdin as typeof shell.stdin & { unref (): void }).unref()
  shell.stdin.on('error', () => {})
  return {
    watch: pid => { shell.stdin.write(`${pid ?? ''}\n`) },
    end: () => { shell.stdin.end() }
  }
}
