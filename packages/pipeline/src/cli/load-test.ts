import { Command } from 'commander'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { pause } from '../kernel/lifecycle.ts'
import { action, EXIT, example, positiveNumber, wholeNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { eventsClient } from './events-client.ts'
import { generalEvent } from './general-events.ts'
import { requestOk } from './http.ts'
import { openLoop } from './open-loop.ts'
import { count, duration, pairs } from './output.ts'

const EVENTS = 1_000
const EVENTS_MAX = 10_000_000
const RATE = 100
const CONNECTIONS = 64
/** Beyond so many without an answer nothing is sent until one comes; the time counts. */
const OPEN_MAX = 5_000
const WAIT_SECONDS = 60
const POLL_MS = 100

interface Flags {
  events: number
  rate: number
  connections: number
  wait: number
}

export interface LoadReport {
  sent: number
  accepted: number
  /** Answered otherwise, by status; or not at all, by what went wrong. */
  refused: Record<string, number>
  /** Milliseconds from when each was due until its answer. */
  latency_ms: { p50: number; p95: number; p99: number; max: number }
  seconds: number
  accepted_per_s: number
  /** By the workers, until the lane was empty. */
  processed: number
  processed_seconds: number
}

/** `load-test`: EventFlow's load test, as an open loop. */
export function loadTestCommand(cli: Cli): Command {
  return new Command('load-test')
    .description('single general events by a schedule: how many are taken, how fast, and whether all of them are processed')
    .option('--events <n>', 'how many', wholeNumber(1, EVENTS_MAX), EVENTS)
    .option('--rate <per second>', 'how many a second, whatever the answers take', positiveNumber, RATE)
    .option('--connections <n>', 'over so many connections', wholeNumber(1, 1_000), CONNECTIONS)
    .option('--wait <seconds>', 'how long to wait until all are processed', wholeNumber(0, 3_600), WAIT_SECONDS)
    .addHelpText('after', example('load-test --events 1000 --rate 100', 'load-test --events 60000 --rate 1000 --json'))
    .action(action<Flags, []>(cli, loadTest))
}

async function loadTest(context: Context, flags: Flags): Promise<ExitCode> {
  const { io, settings, out } = context
  const before = await laneNow(context)
  using client = eventsClient(settings, flags.connections)
  const latencies = new Float64Array(flags.events)
  const refused: Record<string, number> = {}
  let [answered, accepted] = [0, 0]
  const startedAt = performance.now()
  const loop = { count: flags.events, perSecond: flags.rate, openMax: OPEN_MAX, signal: io.signal, now: () => performance.now() }
  const sent = await openLoop(loop, async (tookMs) => {
    const status = await client.post(generalEvent(undefined, io.random, io.clock()))
    latencies[answered++] = tookMs()
    if (status === 202) accepted += 1
    else refused[status] = (refused[status] ?? 0) + 1
    out.progress(`${count(answered)} of ${count(flags.events)} answered, ${count(accepted)} accepted`)
  })
  const seconds = (performance.now() - startedAt) / 1_000
  const processed = await untilProcessed(context, before.processed, accepted, flags.wait)
  out.endProgress()
  const report: LoadReport = {
    sent,
    accepted,
    refused,
    latency_ms: percentiles(latencies.subarray(0, answered)),
    seconds,
    accepted_per_s: accepted / seconds,
    processed,
    processed_seconds: (performance.now() - startedAt) / 1_000,
  }
  if (out.isJson) out.json(report)
  else print(report, flags, out)
  if (io.signal.aborted) return EXIT.interrupted
  return accepted === flags.events && processed >= accepted ? EXIT.done : EXIT.failed
}

interface LaneNow {
  processed: number
  queue_length: number
  pending_messages: number
}

async function laneNow({ settings }: Context): Promise<LaneNow> {
  const { general_lane: lane } = (await requestOk(`${settings.GATEWAY_URL}/metrics`)) as { general_lane?: LaneNow }
  if (!lane) throw new FlowGuardError('unreachable', `${settings.GATEWAY_URL} cannot read the general lane just now`)
  return lane
}

/** How many more have been processed than before: all that were accepted, or what it came to when the lane was empty or the time was up. */
async function untilProcessed(context: Context, before: number, accepted: number, waitS: number): Promise<number> {
  const { io, out } = context
  const until = performance.now() + waitS * 1_000
  let processed = 0
  while (!io.signal.aborted) {
    try {
      const { processed: total, queue_length: queue, pending_messages: pending } = await laneNow(context)
      processed = total - before
      out.progress(`${count(processed)} of ${count(accepted)} processed`)
      if (processed >= accepted || queue + pending === 0) return processed
    } catch (error) {
      if (!hasCode(error, 'unreachable')) throw error
    }
    if (performance.now() > until) return processed
    await pause(POLL_MS, io.signal)
  }
  return processed
}

function percentiles(latencies: Float64Array): LoadReport['latency_ms'] {
  const sorted = latencies.toSorted()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}

function print(report: LoadReport, { events, rate }: Flags, out: Context['out']): void {
  const { sent, accepted, refused, latency_ms: latency, seconds, accepted_per_s: perSecond, processed, processed_seconds: took } = report
  const c = out.colors
  const share = (part: number) => `${count(part)}  ${c[part === events ? 'green' : 'red'](`${((100 * part) / events).toFixed(2)}%`)}`
  const ms = (value: number) => `${value.toFixed(1)} ms`
  out.line(
    pairs(
      [
        ['sent', `${count(sent)} in ${duration(seconds * 1_000)}, ${rate} a second asked for`],
        ['accepted', `${share(accepted)}  ${perSecond.toFixed(1)} a second`],
        ...Object.entries(refused).map(([status, times]) => ['refused', c.red(`${count(times)} with ${status}`)] as const),
        ['latency', `p50 ${ms(latency.p50)}   p95 ${ms(latency.p95)}   p99 ${ms(latency.p99)}   max ${ms(latency.max)}`],
        ['processed', `${share(Math.min(processed, events))}  within ${duration(took * 1_000)}`],
      ],
      c,
    ),
  )
}
