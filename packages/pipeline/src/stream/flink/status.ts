import { isoOf } from '@flowguard/contract'
import { readKept, runningJob, type DeployOptions } from './deployment.ts'
import { jobNameOf } from './job-sql.ts'
import { isOver, jobsAt, type JobState, type Jobs, type Vertex } from './jobs.ts'
import type { JobProgress } from './progress.ts'
import { reasonsOf } from './rest.ts'

const FAILURES_MAX = 3
/** What Flink says where there is no watermark yet: the least that a long holds. */
const NO_WATERMARK = -(2 ** 63)
/** Event time is kept in half milliseconds (engines/flink/raw.sql). */
const TIME_SCALE = 2

export interface FlinkStatus {
  name: string
  /** Null where Flink knows no such job. */
  job: string | null
  state: JobState | 'NONE'
  started_at: string | null
  /** As the embedded stream's: all before it is answered. */
  watermark: string | null
  /** Records of the raw topics that are yet to be read; null where it does not say. */
  lag: number | null
  restarts: number
  checkpoints: { completed: number; failed: number; last_at: string | null; last_ms: number | null; state_bytes: number | null }
  /** The newest first. */
  failures: { at: string; reason: string }[]
  /** Where the next deploy goes on from, where that is known to be a savepoint. */
  savepoint: string | null
  task_managers: number
  slots_free: number
}

export async function flinkStatus({ jobsUrl, address, file }: Pick<DeployOptions, 'jobsUrl' | 'address' | 'file'>): Promise<FlinkStatus> {
  const jobs = jobsAt(jobsUrl)
  const name = jobNameOf(address)
  const kept = readKept(file)
  const overview = await jobs.overview()
  // One that is over is shown as long as Flink knows it.
  const job = (await runningJob(jobs, name)) ?? (await jobs.all()).find(({ jid }) => jid === kept?.job)
  const cluster = { task_managers: overview.taskmanagers, slots_free: overview['slots-available'] }
  const savepoint = job && !isOver(job) ? null : (kept?.savepoint ?? null)
  if (job?.state === 'INITIALIZING') {
    return { name, job: job.jid, state: job.state, started_at: isoOf(job['start-time']), ...NOTHING, savepoint, ...cluster }
  }
  if (!job) return { name, job: null, state: 'NONE', started_at: null, ...NOTHING, savepoint, ...cluster }
  const [{ counts, latest }, failures, metrics, time] = await Promise.all([
    jobs.checkpoints(job.jid),
    jobs.failures(job.jid),
    jobs.metrics(job.jid, ['numRestarts']),
    timeOf(jobs, job.jid),
  ])
  return {
    name,
    job: job.jid,
    state: job.state,
    started_at: isoOf(job['start-time']),
    ...time,
    restarts: metrics.get('numRestarts') ?? 0,
    checkpoints: {
      completed: counts.completed,
      failed: counts.failed,
      last_at: latest.completed ? isoOf(latest.completed.latest_ack_timestamp) : null,
      last_ms: latest.completed?.end_to_end_duration ?? null,
      state_bytes: latest.completed?.state_size ?? null,
    },
    failures: failures
      .slice(0, FAILURES_MAX)
      .map(({ timestamp, stacktrace }) => ({ at: isoOf(timestamp), reason: reasonsOf([stacktrace]) })),
    savepoint,
    ...cluster,
  }
}

/** How far the job has come; undefined where none runs. Rejects with `flink_unreachable` and `flink_refused`. */
export async function jobProgress({ jobsUrl, address }: Pick<DeployOptions, 'jobsUrl' | 'address'>): Promise<JobProgress | undefined> {
  const jobs = jobsAt(jobsUrl)
  const job = await runningJob(jobs, jobNameOf(address))
  if (!job || job.state === 'INITIALIZING') return undefined
  const { counts, latest } = await jobs.checkpoints(job.jid)
  // Before its first checkpoint a job that failed begins again without being restored.
  const restarts = (await jobs.metrics(job.jid, ['numRestarts'])).get('numRestarts') ?? 0
  const watermark = lowestOf(await watermarksOf(jobs, job.jid, await jobs.vertices(job.jid)))
  return {
    run: `${job.jid}/${counts.restored}/${restarts}`,
    watermark,
    now: await jobs.now(job.jid),
    checkpointed: latest.completed?.trigger_timestamp ?? null,
  }
}

const watermarksOf = async (jobs: Jobs, job: string, vertices: readonly Vertex[]) =>
  (await Promise.all(vertices.map(({ id }) => jobs.watermarks(job, id)))).flat()

/** A watermark stands one unit before the first event that is not yet answered. Null where there is none of all. */
function lowestOf(watermarks: readonly number[]): number | null {
  const lowest = Math.min(...watermarks)
  return watermarks.length > 0 && lowest > NO_WATERMARK ? (lowest + 1) / TIME_SCALE : null
}

const NOTHING = {
  watermark: null,
  lag: null,
  restarts: 0,
  checkpoints: { completed: 0, failed: 0, last_at: null, last_ms: null, state_bytes: null },
  failures: [],
} satisfies Partial<FlinkStatus>

/** How far it has come: the lowest watermark of all its tasks, and what its sources have yet to read. */
async function timeOf(jobs: Jobs, job: string): Promise<{ watermark: string | null; lag: number | null }> {
  const vertices = await jobs.vertices(job)
  const watermark = lowestOf(await watermarksOf(jobs, job, vertices))
  const lags = await Promise.all(
    vertices
      .filter(({ name }) => name.startsWith('Source:'))
      .map(async ({ id }) => {
        const names = (await jobs.metricNames(job, id)).filter((each) => each.endsWith('.pendingRecords'))
        const values = names.length > 0 ? await jobs.metrics(job, names, id) : new Map<string, number>()
        return values.size > 0 ? [...values.values()].reduce((sum, value) => sum + value, 0) : null
      }),
  )
  return {
    watermark: watermark === null ? null : isoOf(watermark),
    lag: lags.every((each) => each === null) ? null : lags.reduce<number>((sum, each) => sum + (each ?? 0), 0),
  }
}
