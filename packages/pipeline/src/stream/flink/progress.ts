import { FlowGuardError } from '../../kernel/errors.ts'
import { pause, type Clock, type Part } from '../../kernel/lifecycle.ts'
import type { Logger } from '../../kernel/logging.ts'
import type { Place } from '../../log/event-log.ts'

const LOOK_MS = 1_000
/** What a JobManager says of its tasks' watermarks may be so old: twice its own `metrics.fetcher.update-interval` would be of the tasks before a restart. */
const STALE_MS = 12_000

/** What the JobManager says of the job. Times in milliseconds. */
export interface JobProgress {
  /** Another one after each start and each restart. */
  run: string
  /** The lowest of all tasks: all before it is answered. Null where they have none yet. */
  watermark: number | null
  /** Its clock, once it had said that. */
  now: number
  /** When the last checkpoint began that is complete, by the same clock; null where there is none. */
  checkpointed: number | null
}

interface Mark {
  run: string
  watermark: number
  at: number
  /** Where the topics that Flink writes ended once a checkpoint had begun behind the mark. */
  written?: readonly Place[]
}

interface Options {
  /** Undefined where no job runs. */
  progress: () => Promise<JobProgress | undefined>
  /** Where the topics that it writes end, committed or not. */
  written: () => Promise<readonly Place[]>
  /** Up to where a partition of them is imported. */
  importedTo: (place: Place) => number
  clock: Clock
  logger: Logger
}

/**
 * Before when all that Flink has to say has come. Once every task has come to a watermark, the rows that were due at it are on their way to Kafka; a checkpoint that
 * begins then is complete only when they have reached it, and they are committed with it. So what has read the topics to where they ended after that has all of
 * them. A restart undoes what no checkpoint holds, and begins without a watermark: what was seen before it counts no more.
 */
export function flinkProgress({ progress, written, importedTo, clock, logger }: Options) {
  let marks: Mark[] = []
  let settled = 0
  let run = { id: '', since: 0 }

  async function look(): Promise<void> {
    const now = await progress()
    if (now && now.run !== run.id) run = { id: now.run, since: clock() }
    marks = marks.filter((mark) => mark.written ?? mark.run === now?.run)
    if (now) {
      await reach(now)
      note(now)
    }
    const done = marks.findLast((mark) => mark.written?.every((place) => importedTo(place) >= place.next))
    if (!done) return
    settled = done.watermark
    marks = marks.filter(({ watermark }) => watermark > settled)
  }

  async function reach({ checkpointed }: JobProgress): Promise<void> {
    const reached = marks.findLast((mark) => !mark.written && mark.at < (checkpointed ?? 0))
    if (!reached) return
    reached.written = await written()
    marks = marks.filter((mark) => mark.written ?? mark.watermark > reached.watermark)
  }

  function note({ watermark, now }: JobProgress): void {
    if (watermark === null || clock() - run.since < STALE_MS) return
    if (watermark > (marks.at(-1)?.watermark ?? settled)) marks.push({ run: run.id, watermark, at: now })
  }

  const follow: Part = async function flink(signal) {
    let isTelling = true
    for (; !signal.aborted; await pause(LOOK_MS, signal)) {
      try {
        await look()
        isTelling = true
      } catch (error) {
        if (!(error instanceof FlowGuardError)) throw error
        if (isTelling)
          logger.warn({ err: error, code: error.code, advice: error.advice }, 'how far Flink has come cannot be asked; trying again')
        isTelling = false
      }
    }
  }
  /** 0 until it is known: then nothing is settled that was not before. */
  return { settled: () => settled, look, run: follow }
}
