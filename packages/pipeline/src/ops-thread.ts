// Answers questions about the stores, one after the other, in a thread of its own (ops-threads.ts).
import { parentPort, workerData } from 'node:worker_threads'
import { FlowGuardError, type ErrorCode } from './kernel/errors.ts'
import type { Stores } from './ops/stores.ts'
import { TASKS, type TaskName } from './ops/tasks.ts'
import { openStores, type StoresOptions } from './stores.ts'

/** Which stores: plain values, as they are told to the thread. */
export type Places = Omit<StoresOptions, 'clock'>

export interface Question {
  name: TaskName
  args: readonly unknown[]
}

export type Reply = { value: unknown } | { code: ErrorCode; detail: string }

async function answer({ name, args }: Question): Promise<Reply> {
  try {
    await using stores = openStores({ ...(workerData as Places), clock: Date.now })
    return { value: await (TASKS[name] as (stores: Stores, ...rest: readonly unknown[]) => Promise<unknown>)(stores, ...args) }
  } catch (error) {
    if (!(error instanceof FlowGuardError)) throw error
    return { code: error.code, detail: error.message }
  }
}

// Who asks waits for the answer. What is no error of ours ends the thread, and so rejects there.
parentPort?.on('message', (question: Question) => void answer(question).then((reply) => parentPort?.postMessage(reply)))
