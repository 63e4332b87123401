import type { CheckNow } from '../etl/etl.ts'
import type { RunShown } from '../etl/store.ts'
import { isLoopback, type Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { readOperatorKey } from '../kernel/operator-key.ts'
import type { Audit } from '../ops/audit.ts'

const RUNS_MS_MAX = 5_000
/** It goes through everything. */
const AUDIT_MS_MAX = 10 * 60_000
/** Of so many runs one is settled; and as many as a day takes that is made table by table. */
const RUNS_COUNT = 50

/** The warehouse has one owner, and the audit its threads: both are asked where operations are, whichever process that is. */
export function settledRunOver(settings: Settings): (signal: AbortSignal) => Promise<RunShown | undefined> {
  return async (signal) => {
    const path = `/api/etl/runs?limit=${RUNS_COUNT}`
    return settledOf((await asked<{ runs: RunShown[] }>(settings, path, { signal, msMax: RUNS_MS_MAX })).runs)
  }
}

/** The latest that is done or failed. A run of single tables makes good what failed with the same tables of the same day, and nothing else. */
export function settledOf(runs: readonly RunShown[]): RunShown | undefined {
  const settled = runs.filter(({ state }) => state === 'done' || state === 'failed')
  const isMadeGood = (failed: RunShown, later: RunShown) =>
    later.tables === null || (later.tables === failed.tables && later.from_date === failed.from_date)
  return settled.find((run, at) => run.state === 'failed' && !settled.slice(0, at).some((later) => isMadeGood(run, later))) ?? settled[0]
}

export function checksOver(settings: Settings): (signal: AbortSignal) => Promise<readonly CheckNow[]> {
  return async (signal) => (await asked<{ checks: CheckNow[] }>(settings, '/api/etl/checks', { signal, msMax: RUNS_MS_MAX })).checks
}

export function auditOver(settings: Settings): (signal: AbortSignal) => Promise<Audit> {
  return (signal) => asked<Audit>(settings, '/api/audit', { signal, msMax: AUDIT_MS_MAX })
}

interface Limits {
  /** An answer that is waited for holds the process: who stops waits for none. */
  signal: AbortSignal
  msMax: number
}

async function asked<T>({ OPS_URL, WRITE_KEY, DATA_DIR }: Settings, path: string, { signal, msMax }: Limits): Promise<T> {
  // As for the commands: the folder's own key never goes to another machine.
  const key = WRITE_KEY || (isLoopback(new URL(OPS_URL).hostname.replaceAll(/[[\]]/g, '')) ? readOperatorKey(DATA_DIR) : undefined)
  let response: Response
  let body: unknown
  try {
    const headers = { accept: 'application/json', ...(key && { authorization: `Bearer ${key}` }) }
    response = await fetch(OPS_URL + path, { headers, signal: AbortSignal.any([signal, AbortSignal.timeout(msMax)]) })
    body = await response.json()
  } catch (error) {
    throw new FlowGuardError('unreachable', `${OPS_URL} does not answer: ${(error as Error).message}`, error)
  }
  if (!response.ok) throw new FlowGuardError('refused', `${OPS_URL}${path} answered ${response.status}`)
  return body as T
}
