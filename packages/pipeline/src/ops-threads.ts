import { Worker } from 'node:worker_threads'
import { FlowGuardError } from './kernel/errors.ts'
import type { TopicSpecs } from './log/topics.ts'
import type { Ask, TaskName } from './ops/tasks.ts'
import type { Question, Reply } from './ops-thread.ts'

/** So many questions are worked on at once; others wait for their turn. */
const THREADS_MAX = 2

/** Has each question answered in a thread of its own, with stores of its own: the thread that asks goes on, and the memory is given back. */
export function askInThreads(dataDir: string, topics: TopicSpecs): Ask {
  const waiting: (() => void)[] = []
  let running = 0
  return (async (name: TaskName, ...args: readonly unknown[]) => {
    if (running >= THREADS_MAX) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await answered({ dataDir, topics, name, args })
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }) as Ask
}

function answered(question: Question): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./ops-thread.ts', import.meta.url), { workerData: question })
    thread.once('error', reject)
    thread.once('exit', () =>
      reject(new FlowGuardError('part_failed', `the thread that was to answer ${question.name} ended without an answer`)),
    )
    thread.once('message', (reply: Reply) => {
      if ('value' in reply) resolve(reply.value)
      else reject(new FlowGuardError(reply.code, reply.detail))
    })
  })
}
