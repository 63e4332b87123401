// One question about the stores, answered in a thread of its own (ops-threads.ts).
import { parentPort, workerData } from 'node:worker_threads'
import { FlowGuardError, type ErrorCode } from './kernel/errors.ts'
import type { TopicSpecs } from './log/topics.ts'
import type { Stores } from './ops/stores.ts'
import { TASKS, type TaskName } from './ops/tasks.ts'
import { openStores } from './stores.ts'

export interface Question {
  dataDir: string
  topics: TopicSpecs
  name: TaskName
  args: readonly unknown[]
}

export type Reply = { value: unknown } | { code: ErrorCode; detail: string }

function answer({ dataDir, topics, name, args }: Question): Reply {
  try {
    using stores = openStores({ dataDir, topics, clock: Date.now })
    return { value: (TASKS[name] as (stores: Stores, ...rest: readonly unknown[]) => unknown)(stores, ...args) }
  } catch (error) {
    if (!(error instanceof FlowGuardError)) throw error
    return { code: error.code, detail: error.message }
  }
}

parentPort?.postMessage(answer(workerData as Question))
