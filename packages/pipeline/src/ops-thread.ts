// Answers questions about the stores, one after the other, in a thread of its own (ops-threads.ts).
import { parentPort, workerData } from 'node:worker_threads'
import { FlowGuardError, type ErrorCode } from './kernel/errors.ts'
import type { TopicSpecs } from './log/topics.ts'
import type { Stores } from './ops/stores.ts'
import { TASKS, type TaskName } from './ops/tasks.ts'
import { openStores } from './stores.ts'

export interface Folder {
  dataDir: string
  topics: TopicSpecs
}

export interface Question {
  name: TaskName
  args: readonly unknown[]
}

export type Reply = { value: unknown } | { code: ErrorCode; detail: string }

function answer({ name, args }: Question): Reply {
  try {
    using stores = openStores({ ...(workerData as Folder), clock: Date.now })
    return { value: (TASKS[name] as (stores: Stores, ...rest: readonly unknown[]) => unknown)(stores, ...args) }
  } catch (error) {
    if (!(error instanceof FlowGuardError)) throw error
    return { code: error.code, detail: error.message }
  }
}

parentPort?.on('message', (question: Question) => parentPort?.postMessage(answer(question)))
