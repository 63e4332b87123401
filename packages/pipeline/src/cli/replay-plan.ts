import { LATENESS_MS } from '@flowguard/contract'
import type { Context } from './cli.ts'
import { count, duration, type Output } from './output.ts'
import { retimed, type Retime } from './replay-batches.ts'
import { notePath, readNote, type ReplayNote } from './replay-note.ts'
import type { EventSource } from './replay-file.ts'
import { firstTime, timeSpan } from './replay-source.ts'

export interface PlanOptions {
  speed: number
  retime?: true
  restart?: true
}

/** A file with all that is decided before the first event goes out. */
export interface Plan {
  source: EventSource
  notePath: string
  note: ReplayNote | undefined
  retime: Retime | null
}

export interface TimeNow {
  highest_ts: number | null
  log_id: string
}

/** Undefined where what was asked contradicts what was sent before. */
export async function planFiles(
  { io, settings, out }: Context,
  options: PlanOptions,
  sources: readonly EventSource[],
  { highest_ts: highest, log_id: logId }: TimeNow,
): Promise<Plan[] | undefined> {
  const fresh = options.retime ? await newRetime(sources, options, io.clock()) : null
  const plans: Plan[] = []
  for (const source of sources) {
    const path = notePath(settings.DATA_DIR, source.sha256, logId)
    // Of a gateway that holds nothing, no note can be true.
    const note = highest === null ? undefined : readNote(path)
    if (note && options.retime && !note.retime) {
      out.note(
        `${source.name} was sent to this gateway before, with its own times: moved ones would be refused as other events under the same ids.`,
      )
      out.note(`Use a --data-dir of its own, or, where that gateway's data is gone, delete ${path}.`)
      return undefined
    }
    plans.push({ source, notePath: path, note, retime: note ? note.retime : fresh })
  }
  return plans
}

/** One shift for all files, so that they keep their distance. */
export async function newRetime(
  sources: readonly EventSource[],
  { speed: times }: Pick<PlanOptions, 'speed'>,
  now: number,
): Promise<Retime | null> {
  const spans = (await Promise.all(sources.map(timeSpan))).filter((span) => span !== undefined)
  if (spans.length === 0) return null
  if (Number.isFinite(times)) return { from: Math.min(...spans.map(({ first }) => first)), to: now, speed: times }
  return { from: Math.max(...spans.map(({ last }) => last)), to: now, speed: 1 }
}

/** Whether the file's events would still count, or time has already moved past them; then says so. */
export async function isInTime(
  out: Output,
  { source, retime }: Plan,
  options: PlanOptions,
  ask: () => Promise<TimeNow | undefined>,
): Promise<boolean> {
  const time = await ask()
  if (!time) return false
  const { highest_ts: highest } = time
  const own = highest === null ? undefined : await firstTime(source)
  if (highest === null || own === undefined) return true
  const first = retime ? retimed(own, retime) : own
  if (highest - LATENESS_MS <= first) return true
  const { name } = source
  out.note(
    `${name} begins at ${new Date(first).toISOString()}${retime ? ' (moved)' : ''}, but events up to ${new Date(highest).toISOString()} have been accepted:`,
  )
  out.note(`its first event would be ${duration(highest - first)} late, and late events are not attributed until reconciliation.`)
  out.note(
    retime
      ? `Even moved, it spans too long. Stop this FlowGuard and send it to one of its own without simulated customers (\`npx flowguard up --data-dir other\`), pace it (--retime --speed 1), or send it as it is with --late.`
      : `Move its times to now with --retime${Number.isFinite(options.speed) ? '' : ' (and --speed 1 where others are sending)'}, stop this FlowGuard and send it to one of its own without simulated customers (\`npx flowguard up --data-dir other\`), or send it as it is with --late.`,
  )
  return false
}

/** The line up to which the file has been sent, and what to say about it. */
export function startOf({ source, note, retime }: Plan, { restart }: PlanOptions, out: Output): number {
  const { name, unit } = source
  if (retime)
    out.note(
      `Times are moved: ${new Date(retime.from).toISOString()} becomes ${new Date(retime.to).toISOString()}${note ? ', as when it was first sent' : ''}.`,
    )
  if (!note) return 0
  if (note.finished || restart) {
    out.note(
      `${name} was sent to this gateway before (${note.finished ? 'all of it' : `up to ${unit} ${count(note.line)}`}): what is repeated counts once.`,
    )
    return 0
  }
  out.note(`${name}: going on after ${unit} ${count(note.line)}, where it was interrupted (--restart begins at the beginning).`)
  return note.line
}
