import { readFileSync } from 'node:fs'
import { BATCH_COUNT_MAX, type BatchResult, type Food } from '@flowguard/contract'
import { Command } from 'commander'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { pause, type Clock } from '../kernel/lifecycle.ts'
import { action, EXIT, example, positiveNumber, share, wholeNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { refused, request, requestOk, type Answer } from './http.ts'
import { count, counted, duration, type Output } from './output.ts'
import { simulatePeople, type SimulatedAd, type SimulatedEvent } from './simulate-people.ts'

const SEND_MS_MAX = 5_000
const PAUSE_MS_MAX = 60_000
/** Up to so many due at once go one by one, by the routes that an app uses; more go as a batch. */
const SINGLES_MAX = 4
const SEED_MAX = 2 ** 32 - 1
const USERS = 200
const BOTS = 0.02
const ROUTES = { click: '/api/v1/clicks', impression: '/api/v1/clicks/impression', order: '/api/v1/orders' } as const

export interface SimulateTotals {
  sent: number
  accepted: number
  duplicate: number
  rejected: number
  /** Not taken, for the gateway was away or had no room. */
  unavailable: number
  impressions: number
  clicks: number
  orders: number
}

export interface SimulateOptions {
  settings: Pick<Settings, 'GATEWAY_URL' | 'WRITE_KEY' | 'FOODS_FILE' | 'ADS_FILE'>
  /** Events a second, on average. */
  rate: number
  signal: AbortSignal
  /** 0 is until the signal aborts. */
  durationS?: number
  users?: number
  seed?: number
  late?: number
  duplicates?: number
  bots?: number
  clock?: Clock
  onSent?: (totals: Readonly<SimulateTotals>) => void
  /** Hears once that the gateway went away, and once that it is back. */
  onAway?: (isAway: boolean, why: string) => void
}

/** People who browse, click and order, in real time. A gateway that goes away does not stop them. Throws `refused` where the write key is. */
export async function simulate(options: SimulateOptions): Promise<SimulateTotals> {
  const { settings, rate, durationS = 0, users = USERS, seed = randomSeed(Math.random), late = 0, duplicates = 0, bots = BOTS } = options
  const { clock = Date.now, signal, onSent, onAway } = options
  const totals: SimulateTotals = { sent: 0, accepted: 0, duplicate: 0, rejected: 0, unavailable: 0, impressions: 0, clicks: 0, orders: 0 }
  const menu = { foods: readList<Food>(settings.FOODS_FILE), ads: readList<SimulatedAd>(settings.ADS_FILE) }
  const people = simulatePeople({ seed, rate, durationMs: durationS * 1_000, startMs: clock(), users, late, duplicates, bots, ...menu })
  let isAway = false
  let next = people.next()
  while (!next.done && !signal.aborted) {
    await pause(Math.min(PAUSE_MS_MAX, Math.max(0, next.value.atMs - clock())), signal)
    const due: SimulatedEvent[] = []
    for (; !next.done && next.value.atMs <= clock() && due.length < BATCH_COUNT_MAX; next = people.next()) due.push(next.value)
    if (due.length === 0) continue
    const why = await send(due, settings, totals)
    if (isAway !== (why !== undefined)) onAway?.(!isAway, why ?? '')
    isAway = why !== undefined
    onSent?.(totals)
  }
  return totals
}

type Target = SimulateOptions['settings']

/** Resolves to why the gateway could not take them, or undefined. */
async function send(due: readonly SimulatedEvent[], target: Target, totals: SimulateTotals): Promise<string | undefined> {
  for (const { kind } of due) totals[`${kind}s`] += 1
  totals.sent += due.length
  if (due.length > SINGLES_MAX) return sendBatch(due, target, totals)
  let why: string | undefined
  for (const { kind, event } of due) {
    const answer = await post(ROUTES[kind], event, target)
    if (typeof answer === 'string') totals.unavailable += 1
    else if (answer.status < 300) totals.accepted += 1
    else totals.rejected += 1
    if (typeof answer === 'string') why = answer
  }
  return why
}

async function sendBatch(due: readonly SimulatedEvent[], target: Target, totals: SimulateTotals): Promise<string | undefined> {
  const answer = await post(
    '/api/v1/batch',
    due.map(({ event }) => event),
    target,
  )
  if (typeof answer === 'string') {
    totals.unavailable += due.length
    return answer
  }
  if (answer.status >= 300) throw refused(`${target.GATEWAY_URL}/api/v1/batch`, answer)
  for (const { status } of answer.body as BatchResult[]) totals[status] += 1
  return undefined
}

/** An answer that is final, or why there is none. */
async function post(route: string, body: unknown, { GATEWAY_URL: gatewayUrl, WRITE_KEY: key }: Target): Promise<Answer | string> {
  const url = `${gatewayUrl}${route}`
  try {
    const answer = await request(url, { method: 'POST', body: JSON.stringify(body), key, timeoutMs: SEND_MS_MAX })
    if (answer.status === 401 || answer.status === 403) throw refused(url, answer)
    return answer.status >= 500 || answer.status === 429 ? `it answers ${answer.status}` : answer
  } catch (error) {
    if (hasCode(error, 'unreachable')) return (error as Error).message
    throw error
  }
}

function randomSeed(random: () => number): number {
  return Math.floor(random() * SEED_MAX)
}

function readList<T>(file: string): T[] {
  try {
    const list: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (Array.isArray(list) && list.length > 0) return list as T[]
  } catch (error) {
    throw new FlowGuardError('file_invalid', `${file}: ${(error as Error).message}`, error)
  }
  throw new FlowGuardError('file_invalid', `${file}: must be a JSON array with at least one entry`)
}

interface Flags {
  rate: number
  duration: number
  users: number
  seed?: number
  late: number
  duplicates: number
  bots: number
}

export function simulateCommand(cli: Cli): Command {
  return new Command('simulate')
    .description('customers who browse, click and order, in real time')
    .option('--rate <n>', 'events a second, on average; more at lunch and dinner', positiveNumber, 5)
    .option('--duration <seconds>', 'how long; 0: until stopped', wholeNumber(0), 10)
    .option('--users <n>', 'how many people there are', wholeNumber(1, 1_000_000), USERS)
    .option('--seed <n>', 'makes the same people do the same things again', wholeNumber(0, SEED_MAX))
    .option('--late <share>', 'share of events that are late, 0 to 1', share, 0)
    .option('--duplicates <share>', 'share of events sent twice, 0 to 1', share, 0)
    .option('--bots <share>', 'share of people who are bots, 0 to 1', share, BOTS)
    .addHelpText(
      'after',
      example('simulate --rate 5 --duration 10', 'simulate --rate 50 --duration 0 --late 0.01 --duplicates 0.05', 'simulate --seed 42'),
    )
    .action(action<Flags, []>(cli, run))
}

async function run({ io, settings, out }: Context, flags: Flags): Promise<ExitCode> {
  const seed = flags.seed ?? randomSeed(io.random)
  await requestOk(`${settings.GATEWAY_URL}/livez`)
  out.note(
    `Simulating ${flags.users} people at ${flags.rate} events/s${flags.duration ? ` for ${flags.duration} s` : ' until stopped'}. Seed ${seed}.`,
  )
  const startedAt = io.clock()
  const totals = await simulate({
    ...flags,
    seed,
    durationS: flags.duration,
    settings,
    clock: io.clock,
    signal: io.signal,
    onSent: (now) => out.progress(`${duration(io.clock() - startedAt)}  ${parts(now)}`),
    onAway: (isAway, why) =>
      out.note(isAway ? `The gateway does not take events: ${why}. Going on all the same.` : 'The gateway takes events again.'),
  })
  out.endProgress()
  report(out, totals, seed, io.clock() - startedAt)
  if (io.signal.aborted) return EXIT.interrupted
  return totals.sent > 0 && totals.accepted + totals.duplicate === 0 ? EXIT.failed : EXIT.done
}

function parts({ sent, impressions, clicks, orders }: SimulateTotals): string {
  return `${count(sent)} sent: ${counted(impressions, 'impression')}, ${counted(clicks, 'click')}, ${counted(orders, 'order')}`
}

function report(out: Output, totals: SimulateTotals, seed: number, ms: number): void {
  if (out.isJson) return out.json({ ...totals, seed, seconds: ms / 1_000 })
  const { accepted, duplicate, rejected, unavailable } = totals
  const c = out.colors
  out.line(`${parts(totals)} in ${duration(ms)}`)
  const rest = [
    duplicate && `${count(duplicate)} duplicate`,
    rejected && c.red(`${count(rejected)} rejected`),
    unavailable && c.red(`${count(unavailable)} not taken`),
  ]
  out.line(
    `${c.green(`${count(accepted)} accepted`)}${rest
      .filter(Boolean)
      .map((text) => `, ${text}`)
      .join('')}`,
  )
}
