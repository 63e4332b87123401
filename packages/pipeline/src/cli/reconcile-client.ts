import { hasCode } from '../kernel/errors.ts'
import { holderOf } from '../kernel/lock.ts'
import { createLogger } from '../kernel/logging.ts'
import { flagClick, planDays, reconcileDays, type Days, type Outcome } from '../reconcile/outcome.ts'
import type { CauseSum, DifferenceShown, FlagShown, HourShown, ReconRun } from '../reconcile/view.ts'
import type { Context } from './cli.ts'
import { isElsewhere, keyForOps, refused, request } from './http.ts'

/** The loader, which may load once an hour, is waited for besides. */
const RUN_MS_MAX = 3 * 60 * 60_000

export interface Found {
  differences: readonly DifferenceShown[]
  total: number
  causes: readonly CauseSum[]
}

/** Reconciliation as the commands meet it, in this process or in FlowGuard's. */
export interface ReconcileClient {
  run(days: Days): Promise<Outcome>
  plan(days: Days): Promise<Outcome>
  hours(days: Days): Promise<readonly HourShown[]>
  differences(days: Days, cause: string | undefined, limit: number): Promise<Found>
  runs(limit: number): Promise<readonly ReconRun[]>
  flags(): Promise<readonly FlagShown[]>
  flag(click: { user_id: string; event_id: string; reason: string }): Promise<unknown>
  /** False where it was not flagged. */
  unflag(click: { user_id: string; event_id: string }): Promise<boolean>
}

/** A FlowGuard that runs on the data folder does the work; otherwise this process. */
export async function withReconcile<T>(context: Context, work: (client: ReconcileClient) => Promise<T>): Promise<T> {
  const { settings, io } = context
  if (holderOf(settings.DATA_DIR, 'ops') !== undefined || isElsewhere(settings)) return work(remote(context))
  const { openOwnReconcile } = await import('../wiring/reconcile.ts')
  const opened = await openOwnReconcile(settings, createLogger('reconcile', settings, 'warn'), io.signal).catch((error: unknown) => {
    if (hasCode(error, 'warehouse_held')) return undefined
    throw error
  })
  if (!opened) return work(remote(context))
  await using own = opened
  const { view, book } = own
  return await work({
    run: (days) => reconcileDays(own, days),
    plan: (days) => planDays(own, days),
    hours: async ({ from, to }) => view.hours(from, to),
    differences: async (days, cause, limit) => view.differences({ ...days, cause: cause as CauseSum['cause'] | undefined, limit }),
    runs: async (limit) => view.runs(limit),
    flags: async () => view.flags(),
    flag: (click) => flagClick(own, click),
    unflag: async ({ user_id: user, event_id: event }) => book.unflag(user, event),
  })
}

function remote({ settings }: Context): ReconcileClient {
  async function ask<T>(path: string, body?: object): Promise<T> {
    const url = `${settings.OPS_URL}/api/reconcile/${path}`
    const sent = body === undefined ? {} : { method: 'POST' as const, body: JSON.stringify(body) }
    const answer = await request(url, { key: keyForOps(settings), timeoutMs: RUN_MS_MAX, ...sent })
    if (answer.status >= 200 && answer.status <= 299) return answer.body as T
    throw refused(url, answer)
  }
  const range = ({ from, to }: Days) => `from=${from}&to=${to}`
  return {
    run: (days) => ask('runs', days),
    plan: (days) => ask(`plan?${range(days)}`),
    hours: async (days) => (await ask<{ hours: HourShown[] }>(`hours?${range(days)}`)).hours,
    differences: (days, cause, limit) => ask(`differences?${range(days)}&limit=${limit}${cause === undefined ? '' : `&cause=${cause}`}`),
    runs: async (limit) => (await ask<{ runs: ReconRun[] }>(`runs?limit=${limit}`)).runs,
    flags: async () => (await ask<{ flags: FlagShown[] }>('flags')).flags,
    flag: (click) => ask('flags', click),
    unflag: async (click) => (await ask<{ removed: boolean }>('flags/remove', click)).removed,
  }
}
