import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Io } from '../cli.ts'
import { runCli } from '../program.ts'

export interface Ran {
  code: number
  stdout: string
  stderr: string
}

export interface Running {
  /** What has been written so far. */
  readonly text: { stdout: string; stderr: string }
  interrupt(): void
  done: Promise<Ran>
}

/** Starts one command line in this process, with streams, environment and interruption of its own. */
export function start(
  args: readonly string[],
  { env = {}, isTTY = false, cwd = tmpdir(), ...rest }: Partial<Io> & { isTTY?: boolean } = {},
): Running {
  const text = { stdout: '', stderr: '' }
  const stop = new AbortController()
  const sink = (name: 'stdout' | 'stderr') => ({ write: (part: string) => (text[name] += part), isTTY, columns: 200 })
  const io: Io = {
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    stdin: () => Readable.from([]),
    env,
    cwd,
    clock: Date.now,
    random: () => 0,
    signal: stop.signal,
    ...rest,
  }
  return { text, interrupt: () => stop.abort(), done: runCli(args, io).then((code) => ({ code, ...text })) }
}

/** Runs one command line to its end. */
export function run(args: readonly string[], options?: Parameters<typeof start>[1]): Promise<Ran> {
  return start(args, options).done
}

/** A folder of the test's own, gone with it. */
export function temporaryFolder(): Disposable & { path: string; file: (name: string) => string } {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-cli-'))
  return { path, file: (name) => join(path, name), [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
