import { FlowGuardError } from './errors.ts'
import { pause, type Part } from './lifecycle.ts'
import type { Logger } from './logging.ts'
import { measures } from './measures.ts'

/** An owner that has not renewed its lease for so long has lost it. */
const LEASE_MS = 5_000
/** It is renewed five times in that, so that a renewal or two may fail. */
const RENEWALS = 5
/** Its owner believes in it for a tenth less than the others do: so it has been told to stop when another begins. */
const MARGINS = 10
/**
 * What has lost its lease, and has not stopped by then, never will: nobody would do its work for as long as this process lives. The lake writes down what it has in
 * hand first, hundreds of files where that is weeks.
 */
const STOPPING_MS_MAX = 5 * 60_000

/**
 * Says which of several processes does what only one may do at a time, so that they do not work against each other. That nothing is done twice is held by
 * the place in the store that is written to.
 */
export interface Leases {
  /**
   * Takes the lease of this name where it is free, or holds on to it where it is this owner's: its epoch, which rises with each owner. Undefined where another holds
   * it. Rejects with what the store failed with.
   */
  acquire(name: string, leaseMs: number): Promise<number | undefined>
  /** Gives it up where it is this owner's: another may have it at once. */
  release(name: string): Promise<void>
}

interface Options {
  logger: Logger
  /** What is lost does not stop: to end the process, as a kill would, for another to begin where the places are. */
  onStuck: () => void
  leaseMs?: number
  stoppingMsMax?: number
}

type Answer = { kind: 'held'; epoch: number; until: number } | { kind: 'with another' } | { kind: 'unknown' }
type Held = Answer & { kind: 'held' }

/**
 * The part, run only while this process holds the lease: it is told the lease's epoch. Until then, and when the lease is lost, it waits in standby; what is lost has
 * the part stopped first. What the part fails with ends it. At its end, once the part has drained, the lease is given up.
 */
export function underLease(
  leases: Leases,
  name: string,
  part: (signal: AbortSignal, epoch: number) => Promise<void>,
  { logger, onStuck, leaseMs = LEASE_MS, stoppingMsMax = STOPPING_MS_MAX }: Options,
): Part {
  const renewMs = leaseMs / RENEWALS
  let isFailing = false

  async function ask(): Promise<Answer> {
    // From before the question: the store cannot have begun to count earlier.
    const until = performance.now() + leaseMs - leaseMs / MARGINS
    try {
      const epoch = await leases.acquire(name, leaseMs)
      if (isFailing) logger.info({ lease: name }, `lease ${name}: can be asked for again`)
      isFailing = false
      return epoch === undefined ? { kind: 'with another' } : { kind: 'held', epoch, until }
    } catch (error) {
      if (!(error instanceof FlowGuardError && error.retriable)) throw error
      if (!isFailing) logger.warn({ lease: name, err: error, code: error.code }, `lease ${name}: cannot be asked for, trying again`)
      isFailing = true
      return { kind: 'unknown' }
    }
  }

  /** Renews it until the signal aborts; says when it is lost. */
  async function keep({ epoch, until }: Held, signal: AbortSignal, lose: (why: string) => void): Promise<void> {
    const lapsed = () => lose('could not be renewed in time; what it is for waits until it is held again')
    let timer = setTimeout(lapsed, Math.max(0, until - performance.now()))
    try {
      for (await pause(renewMs, signal); !signal.aborted; await pause(renewMs, signal)) {
        const answer = await ask()
        if (answer.kind === 'unknown') continue
        if (answer.kind === 'with another' || answer.epoch !== epoch) return lose('went to another, which does now what it is for')
        clearTimeout(timer)
        timer = setTimeout(lapsed, Math.max(0, answer.until - performance.now()))
      }
    } finally {
      clearTimeout(timer)
    }
  }

  async function hold(held: Held, signal: AbortSignal): Promise<{ isLost: boolean }> {
    const lost = new AbortController()
    const over = new AbortController()
    const lose = (why: string) => {
      if (over.signal.aborted || lost.signal.aborted) return
      logger.warn({ lease: name, epoch: held.epoch }, `lease ${name}: ${why}`)
      lost.abort()
      stopping = setTimeout(onStuck, stoppingMsMax)
    }
    let stopping: NodeJS.Timeout | undefined
    let failure: { error: unknown } | undefined
    const keeping = keep(held, AbortSignal.any([over.signal, lost.signal]), lose).catch((error: unknown) => {
      failure = { error }
      lost.abort()
    })
    try {
      await part(AbortSignal.any([signal, lost.signal]), held.epoch)
    } finally {
      clearTimeout(stopping)
      over.abort()
      await keeping
    }
    if (failure) throw failure.error
    return { isLost: lost.signal.aborted }
  }

  async function release(): Promise<void> {
    try {
      await leases.release(name)
    } catch (error) {
      logger.warn({ lease: name, err: error }, `lease ${name}: could not be given up, and will lapse`)
    }
  }

  return async (signal) => {
    let said: Answer['kind'] | undefined
    measures.leases.set(name, 'standby')
    while (!signal.aborted) {
      const answer = await ask()
      if (answer.kind !== 'held') {
        if (answer.kind === 'with another' && said !== answer.kind)
          logger.info({ lease: name }, `lease ${name}: another holds it, standing by`)
        said = answer.kind
        measures.leases.set(name, answer.kind === 'unknown' ? 'unknown' : 'standby')
        await pause(renewMs, signal)
        continue
      }
      said = undefined
      measures.leases.set(name, 'held')
      logger.info({ lease: name, epoch: answer.epoch }, `lease ${name}: held`)
      let isLost = false
      try {
        ;({ isLost } = await hold(answer, signal))
      } finally {
        measures.leases.set(name, isFailing ? 'unknown' : 'standby')
        if (!isLost) await release()
      }
      if (!isLost) return
    }
  }
}
