import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { SparkJob } from './spark-job.ts'

export interface SparkProgram {
  python: string
  /** engines/spark/run.py */
  script: string
  env: NodeJS.ProcessEnv
}

interface Submission {
  job: SparkJob
  /** This submission's own: what Spark writes down while it works. */
  scratch: string
  log: string
  /** How long it may be at one table. */
  tableMsMax: number
  onTable: (name: string) => void
  signal: AbortSignal
}

/** A cluster without room lets a job wait for ever. */
const READY_MS_MAX = 300_000
const KILL_MS = 5_000
const LOGS_KEPT_COUNT = 20
const LINES_TOLD_COUNT = 6
const TOLD = 'flowguard '

/** What it tells on its output. */
type Told = { ready?: string; at?: string; failed?: string; done?: boolean }

/**
 * Submits the job and resolves once everything is made. Throws `spark_missing`, or `spark_failed` with the last that was said and where the log is; where the signal aborts,
 * with its reason, once Spark has ended. A process that dies takes its Spark along: what that waits on is a pipe from here.
 */
export async function submitSpark(program: SparkProgram, { job, scratch, log, tableMsMax, onTable, signal }: Submission): Promise<void> {
  signal.throwIfAborted()
  mkdirSync(dirname(log), { recursive: true })
  forgetLogs(dirname(log))
  mkdirSync(scratch, { recursive: true })
  const fd = openSync(log, 'w')
  const ended = Promise.withResolvers<string>()
  let last: Told = {}
  // A group of its own: Python, and the Java that it starts.
  const options = { cwd: scratch, env: program.env, stdio: ['pipe', 'pipe', fd] as ['pipe', 'pipe', number], detached: true }
  const child = spawn(program.python, [program.script], options) as ChildProcessByStdio<Writable, Readable, null>
  let forced: NodeJS.Timeout | undefined
  const force = () => (forced ??= setTimeout(() => kill(child, 'SIGKILL'), KILL_MS))
  const stop = () => {
    kill(child, 'SIGTERM')
    force()
  }
  let isReady = false
  const late = (msMax: number, what: string) =>
    setTimeout(() => {
      last.failed ??= `${what} after ${msMax / 1_000} s`
      stop()
    }, msMax)
  let limit = late(READY_MS_MAX, 'it was not ready')
  try {
    signal.addEventListener('abort', stop, { once: true })
    const { stdin, stdout } = child
    child.once('error', (error) =>
      ended.reject(new FlowGuardError('spark_missing', `${program.python} cannot be started: ${error.message}`, error)),
    )
    // Told by how it ends.
    stdin.on('error', () => undefined)
    stdin.write(`${JSON.stringify(job)}\n`)
    createInterface({ input: stdout }).on('line', (line) => {
      const told = toldIn(line)
      if (!told) return void writeSync(fd, `${line}\n`)
      // What went wrong first is why.
      last = last.failed === undefined ? { ...last, ...told } : last
      isReady ||= told.ready !== undefined
      if (isReady) {
        // Whatever it told: from one table to the next.
        clearTimeout(limit)
        limit = late(tableMsMax, 'it was not done with that (SPARK_TABLE_MINUTES)')
      }
      if (told.at !== undefined) onTable(told.at)
    })
    // Java may hang on behind Python.
    child.once('exit', force)
    child.once('close', (code, killed) => ended.resolve(killed === null ? `with code ${code}` : `by ${killed}`))
    const how = await ended.promise
    signal.throwIfAborted()
    if (last.done !== true || how !== 'with code 0') throw failure(last, { how, log, isReady })
  } finally {
    clearTimeout(limit)
    clearTimeout(forced)
    signal.removeEventListener('abort', stop)
    closeSync(fd)
  }
}

/** Undefined where it is not its own: a line that was torn, or that another has written. */
function toldIn(line: string): Told | undefined {
  if (!line.startsWith(TOLD)) return undefined
  try {
    const told: unknown = JSON.parse(line.slice(TOLD.length))
    return typeof told === 'object' && told !== null ? told : undefined
  } catch {
    return undefined
  }
}

function failure({ at, failed }: Told, { how, log, isReady }: { how: string; log: string; isReady: boolean }): FlowGuardError {
  const where = at === undefined ? 'before its first table' : `at ${at}`
  if (!isReady && failed !== undefined && /No module named '?(pyspark|py4j)/.test(failed))
    return new FlowGuardError('spark_missing', failed)
  const said = failed ?? `it ended ${how}: ${lastLines(log)}`
  return new FlowGuardError('spark_failed', `Spark failed ${where}: ${said} (its log: ${log})`)
}

function lastLines(log: string): string {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-LINES_TOLD_COUNT)
  return lines.map((line) => line.trim()).join(' | ') || 'it said nothing'
}

/** Of the whole group; none is left is as good. */
function kill({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The latest stay. */
function forgetLogs(folder: string): void {
  const logs = readdirSync(folder).filter((name) => name.endsWith('.log'))
  const byAge = logs.map((name) => ({ name, at: statSync(join(folder, name)).mtimeMs })).toSorted((a, b) => b.at - a.at)
  for (const { name } of byAge.slice(LOGS_KEPT_COUNT - 1)) rmSync(join(folder, name))
}
