import { HOUR_MS, MINUTE_MS, type AlertSeverity } from '@flowguard/contract'
import type { CheckNow } from '../etl/etl.ts'
import type { RunShown } from '../etl/store.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import type { Audit } from '../ops/audit.ts'
import type { AlertBook } from './book.ts'
import { readerFaults, type Batches, type Fault, type Read } from './reader-faults.ts'
import type { PipelineRules } from './rules.ts'

const LOOK_MS = 2_000
/** What goes on is added to the book less often than it is looked at. */
const GROW_MS = 10_000
/** The warehouse is asked less often. */
const RUNS_EVERY_MS = 15_000
/** The books of a system that has just been started are not gone through at once. */
const FIRST_AUDIT_MS = 5 * 60_000
/** While they do not balance, whether they do again is asked as often, if not oftener. */
const UNBALANCED_EVERY_MS = 5 * 60_000
/** Looks that lie further apart say nothing of what was between: the machine slept, or this process stood still. */
const GAP_MS_MAX = 10_000

interface Options {
  book: AlertBook
  /** Runs work in a transaction of the book's store. */
  inTransaction: (work: () => void) => void
  rules: () => PipelineRules
  /** Why the file of rules is not followed; undefined where it is. */
  rulesFault: () => string | undefined
  readers: () => Promise<readonly Read[]>
  batches?: Batches | undefined
  /** The latest run of the ETL that is done or failed. Rejects where nobody can say. */
  settledRun: (signal: AbortSignal) => Promise<Pick<RunShown, 'run_id' | 'state' | 'error' | 'days_kept_out'> | undefined>
  /** What came of the checks of silver and gold. Rejects likewise. */
  checks: (signal: AbortSignal) => Promise<readonly CheckNow[]>
  /** How many differences between stream and batch nothing explains that were found since then, and the latest; undefined where there is none. */
  unexplained: (since: number) => { count: number; latest: string } | undefined
  /** Goes through everything: given up when the signal aborts. */
  audit: (signal: AbortSignal) => Promise<Pick<Audit, 'balanced' | 'checks'>>
  clock: Clock
  logger: Logger
}

/** Looks at the pipeline itself, and tells the book what is wrong, and what is wrong no more. */
export function pipelineFaults({
  book,
  inTransaction,
  rules,
  rulesFault,
  readers,
  batches,
  settledRun,
  checks,
  unexplained,
  audit,
  clock,
  logger,
}: Options): Part {
  const ofReaders = readerFaults(batches)
  const runs = seldom(settledRun, logger)
  const quality = seldom(checks, logger)
  const books = seldom(audit, logger)
  let lookedAt = -Infinity
  let isTelling = true

  async function faultsNow(now: number, signal: AbortSignal): Promise<Fault[]> {
    const declared = rules()
    if (now - lookedAt > GAP_MS_MAX || now < lookedAt) ofReaders.clear()
    lookedAt = now
    const run = declared.etl_failed && (await runs.latest(now, RUNS_EVERY_MS, signal))
    const checked = declared.data_quality && (await quality.latest(now, RUNS_EVERY_MS, signal))
    const { books_unbalanced: unbalanced } = declared
    const isUnbalanced = books.known()?.balanced === false
    const everyMs = Math.min((unbalanced?.every_minutes ?? 0) * MINUTE_MS, isUnbalanced ? UNBALANCED_EVERY_MS : Infinity)
    if (unbalanced) void books.begin(now, everyMs, signal)
    return [
      ...ofReaders.look(await readers(), declared, now),
      ...(declared.etl_failed && run?.state === 'failed' ? [runFailed(run, declared.etl_failed.severity)] : []),
      ...(declared.data_quality ? failedChecks(checked ?? [], declared.data_quality.severity) : []),
      ...(declared.unexplained
        ? unexplainedFault(unexplained(now - declared.unexplained.within_hours * HOUR_MS), declared.unexplained.severity)
        : []),
      ...(unbalanced ? unbalancedBooks(books.known(), unbalanced.severity) : []),
      ...fileFault(rulesFault()),
    ]
  }

  function tell(faults: readonly Fault[], at: number) {
    const open = book.open('pipeline')
    if (faults.length === 0 && open.length === 0) return
    const openOf = (fault: Fault) => open.find(({ rule, subject }) => rule === fault.rule && subject === fault.subject)
    const due = faults.filter((fault) => at - (openOf(fault)?.lastSeen ?? -Infinity) >= GROW_MS)
    const over = open.filter(({ rule, subject }) => !faults.some((fault) => fault.rule === rule && fault.subject === subject))
    if (due.length + over.length === 0) return
    inTransaction(() => {
      for (const fault of due) book.raise({ ...fault, kind: 'pipeline', at })
      for (const { rule, subject } of over) book.calm(rule, subject, at)
    })
  }

  async function look(signal: AbortSignal) {
    try {
      const now = clock()
      tell(await faultsNow(now, signal), now)
      isTelling = true
    } catch (error) {
      // A store or an engine that is away for a while is told by whoever needs it; nothing is known meanwhile, and so nothing is over.
      if (!(error instanceof FlowGuardError && error.retriable)) throw error
      if (isTelling) logger.warn({ err: error }, 'faults of the pipeline cannot be looked for; trying again')
      isTelling = false
    }
  }

  return async (signal) => {
    books.from(clock() + FIRST_AUDIT_MS)
    for (; !signal.aborted; await pause(LOOK_MS, signal)) await look(signal)
  }
}

/** Something that is asked for now and then; where nobody can say, the last answer holds. */
function seldom<T>(ask: (signal: AbortSignal) => Promise<T>, logger: Logger) {
  let next = -Infinity
  let latest: T | undefined
  let asking: Promise<void> | undefined

  function begin(now: number, everyMs: number, signal: AbortSignal): Promise<void> | undefined {
    if (asking || now < next) return asking
    next = now + everyMs
    asking = ask(signal)
      .then((answer) => void (latest = answer))
      .catch((error: unknown) => logger.debug({ err: error }, 'no answer'))
      .finally(() => (asking = undefined))
    return asking
  }
  return {
    from: (at: number) => void (next = at),
    /** Asks, and does not wait for it. */
    begin,
    known: () => latest,
    async latest(now: number, everyMs: number, signal: AbortSignal) {
      await begin(now, everyMs, signal)
      return latest
    },
  }
}

function runFailed(
  { run_id: id, error, days_kept_out: days }: Pick<RunShown, 'run_id' | 'error' | 'days_kept_out'>,
  severity: AlertSeverity,
): Fault {
  const isKeptOut = days > 0
  return {
    rule: 'etl_failed',
    subject: 'etl',
    severity,
    title: isKeptOut ? `ETL run ${id} has kept ${days} ${days === 1 ? 'day' : 'days'} out of silver and gold` : `ETL run ${id} has failed`,
    detail: isKeptOut
      ? `A check that stops has failed: these days are as they were before. \`npx flowguard etl runs ${id}\` shows the rows; mend them or the check, then \`npx flowguard etl backfill --resume\`.`
      : 'What it had not come to in silver and gold is as it was before. `npx flowguard etl runs` shows how far it came; mend the cause, then `npx flowguard etl backfill --resume`.',
    reason: error ?? 'it does not say why',
  }
}

/** One of a table: what stops is told with its run. */
function failedChecks(checks: readonly CheckNow[], severity: AlertSeverity): Fault[] {
  const failing = checks.filter((each) => each.state === 'failed' && each.severity === 'warn')
  return [...Map.groupBy(failing, ({ model }) => model)].map(([model, of]) => ({
    rule: 'data_quality',
    subject: model,
    severity,
    title: `${model} does not pass ${of.length === 1 ? 'a check' : `${of.length} checks`}`,
    detail: `Its days are made all the same. \`npx flowguard etl runs ${of[0]?.latest?.run_id}\` shows rows that fail; where they are right as they are, change the check in the model's header.`,
    reason: of.map(({ name, latest }) => `${name} (${latest?.failing_rows} rows)`).join('; '),
    value: of.reduce((sum, { latest }) => sum + (latest?.failing_rows ?? 0), 0),
    expected: { low: null, high: 0 },
  }))
}

function unbalancedBooks(books: Pick<Audit, 'balanced' | 'checks'> | undefined, severity: AlertSeverity): Fault[] {
  if (!books || books.balanced) return []
  const failing = books.checks.filter(({ ok }) => !ok)
  return [
    {
      rule: 'books_unbalanced',
      subject: 'books',
      severity,
      title: 'The books do not balance',
      detail:
        'Something was lost, counted twice, or changed by hand. `npx flowguard audit` shows what; docs/OPERATIONS.md says what to do.',
      reason: failing.map(({ name }) => name).join('; '),
      value: failing.length,
      expected: { low: null, high: 0 },
    },
  ]
}

function unexplainedFault(found: { count: number; latest: string } | undefined, severity: AlertSeverity): Fault[] {
  if (!found) return []
  return [
    {
      rule: 'unexplained',
      subject: 'reconciliation',
      severity,
      title: `${found.count === 1 ? 'A difference' : `${found.count} differences`} between stream and batch that nothing explains`,
      detail:
        'The ledger was put right. A charge was changed by hand, or a reader is wrong: `npx flowguard reconcile differences --cause unexplained` shows them.',
      reason: found.latest,
      value: found.count,
      expected: { low: null, high: 0 },
    },
  ]
}

function fileFault(fault: string | undefined): Fault[] {
  if (fault === undefined) return []
  return [
    {
      rule: 'alerts_file',
      subject: 'ALERTS_FILE',
      severity: 'warning',
      title: 'The file of alert rules cannot be used',
      detail: 'The rules stay as they were. Mend the file: it is read again by itself.',
      reason: fault,
    },
  ]
}
