import { Worker } from 'node:worker_threads'
import { FlowGuardError } from './kernel/errors.ts'
import type { Ask, TaskName } from './ops/tasks.ts'
import type { Places, Question, Reply } from './ops-thread.ts'

/** So many questions are worked on at once; others wait for their turn. */
const THREADS_MAX = 2
/** A thread that nobody has asked for so long ends, and gives its memory back. */
const IDLE_MS = 15_000

/** Has each question answered in another thread: the one that asks goes on meanwhile. When the signal aborts, what is being asked rejects. */
export function askInThreads(places: Places, signal: AbortSignal): Ask {
  const idle: ReturnType<typeof startThread>[] = []
  const waiting: (() => void)[] = []
  let running = 0

  async function ask(name: TaskName, ...args: readonly unknown[]): Promise<unknown> {
    if (running >= THREADS_MAX) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    let thread = idle.pop()
    while (thread && !thread.isAlive()) thread = idle.pop()
    thread ??= startThread(places, signal)
    try {
      return await thread.ask({ name, args })
    } finally {
      idle.push(thread)
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
  return ask as Ask
}

function startThread(places: Places, signal: AbortSignal) {
  const thread = new Worker(new URL('./ops-thread.ts', import.meta.url), { workerData: places })
  let isAlive = true
  let answer: { resolve: (value: unknown) => void; reject: (error: unknown) => void } | undefined
  let idleTimer: NodeJS.Timeout | undefined
  const stop = () => void thread.terminate()
  const stopped = () => new FlowGuardError('part_failed', 'it stopped before it had an answer')
  /** From now on nobody asks it: it takes a while to end. */
  const retire = () => {
    isAlive = false
    stop()
  }
  // At once: an answer that is on its way while the thread ends would come after all.
  const abort = () => {
    answer?.reject(stopped())
    stop()
  }
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) stop()
  thread.on('message', (reply: Reply) => {
    if ('value' in reply) answer?.resolve(reply.value)
    else answer?.reject(new FlowGuardError(reply.code, reply.detail))
  })
  thread.on('error', (error) => answer?.reject(error))
  thread.on('exit', () => {
    isAlive = false
    signal.removeEventListener('abort', abort)
    answer?.reject(stopped())
  })
  return {
    isAlive: () => isAlive,
    async ask(question: Question): Promise<unknown> {
      clearTimeout(idleTimer)
      thread.ref()
      try {
        return await new Promise((resolve, reject) => {
          answer = { resolve, reject }
          if (signal.aborted) reject(stopped())
          else thread.postMessage(question)
        })
      } finally {
        answer = undefined
        // An idle thread holds up nobody's end.
        thread.unref()
        idleTimer = setTimeout(retire, IDLE_MS).unref()
      }
    },
  }
}
