import type { CheckNow, Progress, Readiness } from '../etl/etl.ts'
import type { Stretch } from '../etl/model.ts'
import type { Plan } from '../etl/plan.ts'
import type { RunDetail, RunShown } from '../etl/store.ts'
import { hasCode } from '../kernel/errors.ts'
import { holderOf } from '../kernel/lock.ts'
import { createLogger } from '../kernel/logging.ts'
import type { Context } from './cli.ts'
import { isElsewhere, keyForOps, refused, request } from './http.ts'

/** The ETL as the commands meet it, in this process or in FlowGuard's. */
export interface EtlClient {
  /** In this process: what is begun ends with it. */
  isOwn: boolean
  plan(asked: Stretch | undefined): Promise<Plan>
  /** Without days: what runs have left. With tables: these alone, of one day. */
  start(asked: Stretch | undefined, only?: readonly string[]): Promise<number>
  ready(day: string): Promise<Readiness>
  checks(day: string | undefined): Promise<readonly CheckNow[]>
  progress(): Promise<Progress | undefined>
  runs(countMax: number): Promise<readonly RunShown[]>
  run(id: number): Promise<RunDetail | undefined>
  /** Cuts off what runs in this process. */
  stop(): Promise<void>
}

/** A FlowGuard that runs on the data folder does the work; otherwise DuckDB's own lock on the file decides, so that it is always this folder's warehouse. */
export async function withEtl<T>(context: Context, work: (etl: EtlClient) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const { settings } = context
  // It may have yet to open the file.
  if (holderOf(settings.DATA_DIR, 'ops') !== undefined || isElsewhere(settings)) return work(remote(context))
  const { openOwnEtl } = await import('../wiring/etl.ts')
  const logger = createLogger('etl', settings, 'warn')
  const stopping = new AbortController()
  const opened = await openOwnEtl(settings, logger, signal ? AbortSignal.any([signal, stopping.signal]) : stopping.signal).catch(
    (error: unknown) => {
      if (hasCode(error, 'warehouse_held')) return undefined
      throw error
    },
  )
  if (!opened) return work(remote(context))
  await using own = opened
  const { etl } = own
  return await work({
    isOwn: true,
    plan: (asked) => etl.plan(asked),
    start: (asked, only) => etl.start(asked, 'operator', only),
    ready: (day) => etl.ready(day),
    checks: (day) => etl.checks(day),
    progress: async () => etl.progress(),
    runs: (countMax) => etl.runs(countMax),
    run: (id) => etl.run(id),
    async stop() {
      stopping.abort()
      await etl.idle()
    },
  })
}

function remote({ settings }: Context): EtlClient {
  async function ask<T>(path: string, body?: object): Promise<T | undefined> {
    const url = `${settings.OPS_URL}/api/etl/${path}`
    const sent = body === undefined ? {} : { method: 'POST' as const, body: JSON.stringify(body) }
    const answer = await request(url, { key: keyForOps(settings), ...sent })
    if (answer.status >= 200 && answer.status <= 299) return answer.body as T
    if (answer.status === 404) return undefined
    throw refused(url, answer)
  }
  const asked = async <T>(path: string, body?: object) => (await ask<T>(path, body))!
  return {
    isOwn: false,
    plan: (days) => asked(days ? `plan?from=${days.from}&to=${days.to}` : 'plan?resume=true'),
    start: async (days, tables) => (await asked<{ run_id: number }>('runs', days ? { ...days, tables } : { resume: true })).run_id,
    ready: (day) => asked(`ready?date=${day}`),
    checks: async (day) => (await asked<{ checks: CheckNow[] }>(day === undefined ? 'checks' : `checks?date=${day}`)).checks,
    progress: async () => (await asked<{ running: Progress | null }>('runs?limit=1')).running ?? undefined,
    runs: async (countMax) => (await asked<{ runs: RunShown[] }>(`runs?limit=${countMax}`)).runs,
    run: (id) => ask(`runs/${id}`),
    stop: async () => undefined,
  }
}
