import { FlowGuardError } from '../../kernel/errors.ts'
import { answerOf } from './rest.ts'

const SAVEPOINT_MS_MAX = 120_000
const POLL_MS = 200

/** As Flink names them. */
export type JobState =
  | 'INITIALIZING'
  | 'CREATED'
  | 'RUNNING'
  | 'RESTARTING'
  | 'FAILING'
  | 'FAILED'
  | 'CANCELLING'
  | 'CANCELED'
  | 'FINISHED'
  | 'SUSPENDED'
  | 'RECONCILING'

const OVER: readonly JobState[] = ['FAILED', 'CANCELED', 'FINISHED', 'SUSPENDED']

export interface Job {
  jid: string
  name: string
  state: JobState
  'start-time': number
}

export const isOver = ({ state }: Pick<Job, 'state'>) => OVER.includes(state)

export interface Checkpoint {
  id: number
  external_path: string
  is_savepoint: boolean
  /** When it began, by the JobManager's clock. */
  trigger_timestamp: number
  latest_ack_timestamp: number
  end_to_end_duration: number
  state_size: number
}

interface Checkpoints {
  counts: { completed: number; failed: number; in_progress: number; restored: number }
  latest: { completed: Checkpoint | null; savepoint: Checkpoint | null; restored: { external_path: string } | null }
}

export interface Vertex {
  id: string
  name: string
  parallelism: number
  status: string
}

export interface Failure {
  exceptionName: string
  stacktrace: string
  timestamp: number
}

/** The JobManager's REST API, what is used of it. All reject with `flink_unreachable` and `flink_refused`. */
export function jobsAt(url: string) {
  const base = url.replace(/\/+$/, '')
  const ask = async <T>(path: string, body?: object, method: 'GET' | 'POST' | 'PATCH' = body ? 'POST' : 'GET') =>
    (await answerOf(`${base}${path}`, body ? { method, body } : { method })) as T

  return {
    async all(): Promise<Job[]> {
      return (await ask<{ jobs: Job[] }>('/jobs/overview')).jobs
    },
    overview: () => ask<{ taskmanagers: number; 'slots-total': number; 'slots-available': number; 'flink-version': string }>('/overview'),
    async vertices(job: string): Promise<Vertex[]> {
      return (await ask<{ vertices: Vertex[] }>(`/jobs/${job}`)).vertices
    },
    /** The JobManager's clock. */
    async now(job: string): Promise<number> {
      return (await ask<{ now: number }>(`/jobs/${job}`)).now
    },
    checkpoints: (job: string) => ask<Checkpoints>(`/jobs/${job}/checkpoints`),
    async failures(job: string): Promise<Failure[]> {
      return (await ask<{ exceptionHistory: { entries: Failure[] } }>(`/jobs/${job}/exceptions`)).exceptionHistory.entries
    },
    /** Metrics of a job, or of one of its vertices, by name; those that it has. */
    async metrics(job: string, names: readonly string[], vertex?: string): Promise<Map<string, number>> {
      const at = vertex === undefined ? '' : `/vertices/${vertex}`
      const found = await ask<{ id: string; value: string }[]>(`/jobs/${job}${at}/metrics?get=${encodeURIComponent(names.join(','))}`)
      return new Map(found.map(({ id, value }) => [id, Number(value)]))
    },
    /** The lowest watermark of each of a vertex's tasks; none where it has none yet. */
    async watermarks(job: string, vertex: string): Promise<number[]> {
      return (await ask<{ value: string }[]>(`/jobs/${job}/vertices/${vertex}/watermarks`)).map(({ value }) => Number(value))
    },
    async metricNames(job: string, vertex: string): Promise<string[]> {
      return (await ask<{ id: string }[]>(`/jobs/${job}/vertices/${vertex}/metrics`)).map(({ id }) => id)
    },
    /** Ends it in order, all that it wrote committed; resolves to where the savepoint is. */
    async stop(job: string): Promise<string> {
      const { 'request-id': trigger } = await ask<{ 'request-id': string }>(`/jobs/${job}/stop`, { drain: false })
      const deadline = performance.now() + SAVEPOINT_MS_MAX
      while (performance.now() < deadline) {
        const { status, operation } = await ask<{
          status: { id: string }
          operation?: { location?: string; 'failure-cause'?: { 'stack-trace': string } }
        }>(`/jobs/${job}/savepoints/${trigger}`)
        if (status.id === 'COMPLETED') {
          if (operation?.location !== undefined) return operation.location
          throw new FlowGuardError(
            'flink_refused',
            `no savepoint: ${operation?.['failure-cause']?.['stack-trace'].split('\n')[0] ?? 'it does not say why'}`,
          )
        }
        await new Promise((wake) => setTimeout(wake, POLL_MS))
      }
      throw new FlowGuardError('flink_unreachable', `the savepoint was not done within ${SAVEPOINT_MS_MAX / 1_000} s`)
    },
    cancel: (job: string) => ask<object>(`/jobs/${job}?mode=cancel`, {}, 'PATCH'),
  }
}

export type Jobs = ReturnType<typeof jobsAt>
