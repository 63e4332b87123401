import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FlowGuardError, hasCode } from '../../kernel/errors.ts'
import { jobNameOf, jobSql, type JobOptions } from './job-sql.ts'
import { isOver, jobsAt, type Job, type Jobs } from './jobs.ts'
import { reasonsOf } from './rest.ts'
import { openSqlSession } from './sql-gateway.ts'

const RUNNING_MS_MAX = 300_000
const POLL_MS = 250

export interface FlinkAddress {
  /** Of the SQL Gateway. */
  gatewayUrl: string
  /** Of the JobManager. */
  jobsUrl: string
}

export interface DeployOptions extends JobOptions, FlinkAddress {
  /** Where what is known of the job is kept. */
  file: string
  /** A savepoint or checkpoint to go on from, whatever is kept; `beginning` for none, all rows then come again. */
  from?: string | undefined
}

const BEGINNING = 'beginning'

export interface Deployed {
  job: string
  name: string
  /** What it went on from, or null where it began with the log. */
  from: string | null
}

/** What is kept of a job, so that the next one goes on where it was. */
interface Kept {
  job: string
  /** What it went on from itself, or null where it began with the log. */
  from: string | null
  /** The folder of its checkpoints; null until it is known to have one. */
  checkpoints: string | null
  /** Where it was stopped; null while it runs. */
  savepoint: string | null
}

/** Submits the job and waits until it runs and has its first checkpoint. */
export async function deploy(options: DeployOptions): Promise<Deployed> {
  const jobs = jobsAt(options.jobsUrl)
  const name = jobNameOf(options.address)
  const running = await runningJob(jobs, name)
  if (running) {
    throw new FlowGuardError('flink_running', `${name} is ${running.state.toLowerCase()} already, as job ${running.jid}`)
  }
  const from = options.from === BEGINNING ? undefined : (options.from ?? (await startOf(jobs, options.file)))
  const { prepare, submit } = jobSql(options, from)
  await using session = await openSqlSession(options.gatewayUrl)
  for (const statement of prepare) await session.run(statement)
  const [[job] = []] = await session.run(submit)
  if (typeof job !== 'string') throw new FlowGuardError('flink_refused', 'the SQL Gateway made no job')
  const kept: Kept = { job, from: from ?? null, checkpoints: null, savepoint: null }
  keep(options.file, kept)
  keep(options.file, { ...kept, checkpoints: await firstCheckpoint(jobs, job) })
  return { job, name, from: from ?? null }
}

export interface Stopped {
  job: string
  savepoint: string
}

/** Stops the job in order: what it wrote is committed, and what it knows is in the savepoint from which the next `deploy` goes on. */
export async function stop({ jobsUrl, address, file }: Pick<DeployOptions, 'jobsUrl' | 'address' | 'file'>): Promise<Stopped> {
  const jobs = jobsAt(jobsUrl)
  const name = jobNameOf(address)
  const running = await runningJob(jobs, name)
  if (!running) throw new FlowGuardError('flink_not_running', `Flink at ${jobsUrl} runs no ${name}`)
  await allTasksRun(jobs, running.jid)
  const savepoint = await jobs.stop(running.jid)
  keep(file, { job: running.jid, from: null, checkpoints: null, savepoint })
  return { job: running.jid, savepoint }
}

/** Only then a savepoint can be taken: a job that is being restarted has none to give. */
async function allTasksRun(jobs: Jobs, job: string): Promise<void> {
  const deadline = performance.now() + RUNNING_MS_MAX
  for (;;) {
    const tasks = await jobs.vertices(job)
    if (tasks.every(({ status }) => status === 'RUNNING')) return
    if (performance.now() > deadline)
      throw new FlowGuardError('flink_failed', `not all tasks of job ${job} run: ${await whyNot(jobs, job)}`)
    await new Promise((wake) => setTimeout(wake, POLL_MS))
  }
}

async function whyNot(jobs: Jobs, job: string): Promise<string> {
  const [failure] = await jobs.failures(job)
  return failure ? reasonsOf([failure.stacktrace]) : 'is there a TaskManager with enough free slots?'
}

export async function runningJob(jobs: Jobs, name: string): Promise<Job | undefined> {
  return (await jobs.all()).find((each) => each.name === name && !isOver(each))
}

/** Resolves to the folder of its checkpoints. */
async function firstCheckpoint(jobs: Jobs, job: string): Promise<string> {
  const deadline = performance.now() + RUNNING_MS_MAX
  while (performance.now() < deadline) {
    const found = (await jobs.all()).find(({ jid }) => jid === job)
    if (found && isOver(found))
      throw new FlowGuardError('flink_failed', `job ${job} is ${found.state.toLowerCase()}: ${await whyNot(jobs, job)}`)
    // Until it is made, nobody can be asked about it.
    const latest = found && found.state !== 'INITIALIZING' ? (await jobs.checkpoints(job)).latest : undefined
    if (latest?.completed && !latest.completed.is_savepoint) return dirname(latest.completed.external_path)
    await new Promise((wake) => setTimeout(wake, POLL_MS))
  }
  throw new FlowGuardError('flink_failed', `job ${job} had no checkpoint within ${RUNNING_MS_MAX / 1_000} s: ${await whyNot(jobs, job)}`)
}

/**
 * Where to go on from: the savepoint of the last job, else its newest checkpoint, else, where it never had one and so wrote nothing that counts, where it began
 * itself. Throws `flink_state_missing` where it had one, and it cannot be found.
 */
async function startOf(jobs: Jobs, file: string): Promise<string | undefined> {
  const kept = readKept(file)
  if (!kept) return undefined
  if (kept.savepoint !== null) return kept.savepoint
  const known = await jobs.checkpoints(kept.job).catch((error: unknown) => {
    // A JobManager that was started anew knows no job of before.
    if (hasCode(error, 'flink_refused')) return undefined
    throw error
  })
  // A savepoint by whoever else stopped it counts as well: what was written up to there is committed.
  const [newest] = [known?.latest.completed ?? [], known?.latest.savepoint ?? []].flat().toSorted((a, b) => b.id - a.id)
  if (newest) return newest.external_path
  if (known) return kept.from ?? undefined
  const found = kept.checkpoints === null ? undefined : newestCheckpoint(kept.checkpoints)
  if (found !== undefined) return found
  const where = kept.checkpoints === null ? '' : ` in ${kept.checkpoints}`
  throw new FlowGuardError('flink_state_missing', `no checkpoint of job ${kept.job} was found${where}`)
}

/** Undefined where the folder is none of this machine's. One that was not finished has no `_metadata`. */
function newestCheckpoint(folder: string): string | undefined {
  const path = folder.startsWith('file:') ? fileURLToPath(folder.replace(/^file:\/*/, 'file:///')) : undefined
  if (path === undefined || !existsSync(path)) return undefined
  const whole = readdirSync(path)
    .map((name) => ({ name, metadata: join(path, name, '_metadata') }))
    .filter(({ name, metadata }) => name.startsWith('chk-') && existsSync(metadata))
    .toSorted((a, b) => statSync(b.metadata).mtimeMs - statSync(a.metadata).mtimeMs)
  return whole[0] && `file://${join(path, whole[0].name)}`
}

export function readKept(file: string): Kept | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Kept) : undefined
}

/** Whole or not at all: a job that goes on from nothing would write every row again. */
function keep(file: string, kept: Kept): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.part`, `${JSON.stringify(kept, null, 2)}\n`, { flush: true })
  renameSync(`${file}.part`, file)
}
