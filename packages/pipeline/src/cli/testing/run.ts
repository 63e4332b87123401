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

type IoOptions = Partial<Io> & { isTTY?: boolean }

/** Streams, environment and interruption of a command line's own. */
export function ownIo({ env = {}, isTTY = false, cwd = tmpdir(), ...rest }: IoOptions = {}) {
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
  return { io, text, interrupt: () => stop.abort() }
}

/** Starts one command line in this process. */
export function start(args: readonly string[], options?: IoOptions): Running {
  const { io, text, interrupt } = ownIo(options)
  return { text, interrupt, done: runCli(args, io).then((code) => ({ code, ...text })) }
}

/** Runs one command line to its end. */
export function run(args: readonly string[], options?: IoOptions): Promise<Ran> {
  return start(args, options).done
}

/** A folder of the test's own, gone with it. */
export function temporaryFolder(): Disposable & { path: string; file: (name: string) => string } {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-cli-'))
  return { path, file: (name) => join(path, name), [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
