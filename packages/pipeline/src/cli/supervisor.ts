import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { FlowGuardError } from '../kernel/errors.ts'
import { aborted, pause, runAll, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { backoffMs } from '../kernel/retry.ts'

const STOP_MS = 15_000
/** More restarts than this within the span, and the fault is not a passing one. */
const RESTARTS_MAX = 5
const RESTARTS_SPAN_MS = 60_000
const BACKOFF = { firstMs: 100, longestMs: 5_000, random: Math.random }

export interface ChildSpec {
  name: string
  entry: string
  args: readonly string[]
  /** Flags of Node itself. */
  flags: readonly string[]
  env: NodeJS.ProcessEnv
  /** Without it the others are of no use. One that is not vital is given up by itself when it dies over and over. */
  isVital: boolean
}

interface Options {
  logger: Logger
  /** Called once, when every child has said that it is ready. */
  onReady: () => void
  onRestart: (name: string, restarts: number) => void
  /** A child that is not vital will not be started again. */
  onGivenUp: (name: string, how: string) => void
}

/**
 * Starts processes and watches over them: one that dies after it was ready is started again, with backoff. One that cannot start ends all, and so does a vital
 * one that dies over and over; any other is then given up, and the rest goes on. Stopping is passed on, and waited for.
 */
export function supervise(children: readonly ChildSpec[], { logger, onReady, onRestart, onGivenUp }: Options): Part {
  const ready = new Set<string>()

  async function runOnce({ name, entry, args, flags, env }: ChildSpec, signal: AbortSignal): Promise<{ wasReady: boolean; how: string }> {
    const child = fork(entry, [...args], { env, execArgv: [...flags], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    let wasReady = false
    child.on('message', (message) => {
      if (message !== 'ready') return
      wasReady = true
      if (ready.has(name)) return
      ready.add(name)
      if (ready.size === children.length) onReady()
    })
    logger.info({ child: name, pid: child.pid }, 'started')
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    await Promise.race([ended, aborted(signal)])
    if (signal.aborted) stop(child)
    const [code, killedBy] = await ended
    return { wasReady, how: killedBy ? `was killed by ${killedBy}` : `ended with code ${code}` }
  }

  const watch =
    (spec: ChildSpec): Part =>
    async (signal) => {
      let restartedAt: number[] = []
      while (!signal.aborted) {
        const { wasReady, how } = await runOnce(spec, signal)
        if (signal.aborted) return
        restartedAt = [...restartedAt.filter((at) => Date.now() - at < RESTARTS_SPAN_MS), Date.now()]
        if (!wasReady && restartedAt.length === 1) throw new FlowGuardError('part_failed', `${spec.name} ${how} before it was ready`)
        if (restartedAt.length > RESTARTS_MAX) {
          const often = `${how}, ${restartedAt.length} times within a minute`
          if (spec.isVital) throw new FlowGuardError('part_failed', `${spec.name} ${often}`)
          logger.error({ child: spec.name }, `${often}; given up`)
          onGivenUp(spec.name, often)
          return
        }
        logger.error({ child: spec.name }, `${how}; starting it again`)
        onRestart(spec.name, restartedAt.length)
        await pause(backoffMs(restartedAt.length, BACKOFF), signal)
      }
    }

  return (signal) => runAll(children.map(watch), signal)
}

/** Asks the process to stop; kills it where it has not within the time. */
export function stop(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  child.once('exit', () => clearTimeout(timer))
}
