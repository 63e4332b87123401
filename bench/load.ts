/** The load generator, in a process of its own: takes jobs from its parent one at a time, and answers each with what came of it. */
import { openConnection, type Answer, type Connection } from './connection.ts'
import { renew, template, type Template, type Traffic } from './events.ts'

export interface Job {
  port: number
  traffic: Traffic
  /** Events a request: above 1 by `POST /api/v1/batch`. */
  size: number
  connections: number
  /** What is sent in this time is not counted. */
  warmUpMs: number
  durationMs: number
  /** Ends it sooner: so many events, those of the warm-up included. */
  countMax?: number
  /** Open loop: so many requests a second, whatever the answers take. Without it each connection sends as soon as it is answered. */
  requestsPerSecond?: number
}

export interface Result {
  /** Events answered as accepted: within the measured time, and in all. */
  accepted: number
  acceptedInAll: number
  ms: number
  /** Requests that were answered otherwise, by status. */
  refused: Record<string, number>
  /** From the intended time of sending to the answer, ms; of an open loop only. `late` is how much of it the generator itself was behind. */
  latency?: { p50: number; p95: number; p99: number; max: number; lateP99: number }
  /** CPU seconds of the generator by second of time: near 1, and it is the generator that is measured. */
  busy: number
}

export type ToLoad = { job: Job } | { hold: boolean }

const TEMPLATES_PER_CONNECTION = 8
const TEMPLATE_EVENTS_MAX = 500

const HELD_MS = 5

let isHeld = false

async function run(job: Job): Promise<Result> {
  const lanes = await openLanes(job)
  const measuredFrom = performance.now() + job.warmUpMs
  const end = measuredFrom + job.durationMs
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  const tally = { sent: 0, accepted: 0, acceptedInAll: 0, refused: {} as Record<string, number>, lastAt: measuredFrom }
  const [latencies, lateness]: [number[], number[]] = [[], []]

  const isOver = () => performance.now() >= end || (job.countMax !== undefined && tally.sent >= job.countMax)
  function count({ status, accepted }: Answer, now: number) {
    tally.acceptedInAll += accepted
    if (accepted === 0) tally.refused[status] = (tally.refused[status] ?? 0) + 1
    if (now >= measuredFrom && now <= end) {
      tally.accepted += accepted
      tally.lastAt = now
    }
  }
  const send = (lane: Lane, done: (now: number) => void) => {
    const each = lane.templates[lane.turn++ % lane.templates.length] as Template
    renew(each)
    tally.sent += job.size
    lane.connection.send(each.bytes, (answer) => {
      const now = performance.now()
      count(answer, now)
      done(now)
    })
  }

  if (job.requestsPerSecond === undefined) await closedLoop(lanes, send, isOver)
  else {
    await openLoop(lanes, send, isOver, job.requestsPerSecond, (intended, sentAt, now) => {
      if (intended < measuredFrom) return
      latencies.push(now - intended)
      lateness.push(sentAt - intended)
    })
  }
  const { user, system } = process.cpuUsage(cpu)
  const busy = (user + system) / 1_000 / (performance.now() - startedAt)
  for (const { connection } of lanes) connection.close()
  const { accepted, acceptedInAll, refused } = tally
  const ms = (job.countMax === undefined ? end : tally.lastAt) - measuredFrom
  return { accepted, acceptedInAll, ms, refused, busy, ...(latencies.length > 0 && { latency: percentiles(latencies, lateness) }) }
}

interface Lane {
  connection: Connection
  templates: readonly Template[]
  turn: number
}

type Send = (lane: Lane, done: (now: number) => void) => void

function openLanes({ port, traffic, size, connections }: Job): Promise<Lane[]> {
  const count = size >= TEMPLATE_EVENTS_MAX ? 1 : TEMPLATES_PER_CONNECTION
  return Promise.all(
    Array.from({ length: connections }, async () => ({
      connection: await openConnection(port),
      templates: Array.from({ length: count }, () => template(traffic, size, port)),
      turn: 0,
    })),
  )
}

/** Each lane sends again as soon as it is answered, except while its parent holds it. */
function closedLoop(lanes: readonly Lane[], send: Send, isOver: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    let busy = lanes.length
    const next = (lane: Lane) => {
      if (isOver()) {
        busy -= 1
        if (busy === 0) resolve()
      } else if (isHeld) {
        setTimeout(() => next(lane), HELD_MS)
      } else {
        send(lane, () => next(lane))
      }
    }
    lanes.forEach(next)
  })
}

/** Requests at their intended times; one that finds no free lane waits, and its waiting counts. */
function openLoop(
  lanes: readonly Lane[],
  send: Send,
  isOver: () => boolean,
  perSecond: number,
  note: (intended: number, sentAt: number, now: number) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const free = [...lanes]
    const due: number[] = []
    const startedAt = performance.now()
    let planned = 0
    const pump = () => {
      while (due.length > 0 && free.length > 0) {
        const intended = due.shift() as number
        const lane = free.pop() as Lane
        const sentAt = performance.now()
        send(lane, (now) => {
          note(intended, sentAt, now)
          free.unshift(lane)
          pump()
        })
      }
    }
    const tick = () => {
      const over = isOver()
      if (over && due.length === 0 && free.length === lanes.length) return resolve()
      const now = performance.now()
      for (let at = startedAt + (planned * 1_000) / perSecond; !over && at <= now; at = startedAt + (planned * 1_000) / perSecond) {
        due.push(at)
        planned += 1
      }
      pump()
      setTimeout(tick, 1)
    }
    tick()
  })
}

function percentiles(latencies: number[], lateness: number[]) {
  const sorted = Float64Array.from(latencies).sort()
  const late = Float64Array.from(lateness).sort()
  const at = (values: Float64Array, share: number) => values[Math.min(values.length - 1, Math.floor(values.length * share))] as number
  return { p50: at(sorted, 0.5), p95: at(sorted, 0.95), p99: at(sorted, 0.99), max: at(sorted, 1), lateP99: at(late, 0.99) }
}

process.on('message', (message: ToLoad) => {
  if ('hold' in message) {
    isHeld = message.hold
    return
  }
  isHeld = false
  run(message.job).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
