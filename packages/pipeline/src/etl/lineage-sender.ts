import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '../kernel/logging.ts'
import type { RunEvent } from './lineage.ts'

const POST_MS_MAX = 5_000
const TRIES_MAX = 3
const AGAIN_MS = 1_000
/** What waits while the receiver is away; what is more is dropped, and said. */
const WAITING_MAX = 1_000
/** Who stops waits so long for what has not been sent, and no longer; less where the receiver is away. */
const CLOSE_MS_MAX = 5_000
const CLOSE_AWAY_MS_MAX = 1_000
const LINEAGE_PATH = '/api/v1/lineage'

export interface LineageSender extends AsyncDisposable {
  /** Never waits, never throws: what cannot be sent is logged, and that is all. */
  send(events: readonly RunEvent[]): void
}

export interface SenderOptions {
  /** Of the receiver, as OpenLineage's own clients take it: `/api/v1/lineage` is added. */
  url: string
  apiKey: string
  logger: Logger
  postMsMax?: number
}

/** Sends run events one after the other, beside everything else: a receiver that is slow, down or refuses is nobody's trouble but its own. */
export function lineageSender({ url, apiKey, logger, postMsMax = POST_MS_MAX }: SenderOptions): LineageSender {
  const target = new URL(url.replace(/\/+$/, '') + LINEAGE_PATH)
  const shown = { url: target.origin }
  const { username, password } = target
  const basic = `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`
  // They are no part of an address that is asked for.
  target.username = target.password = ''
  const authorization = apiKey !== '' ? `Bearer ${apiKey}` : username === '' ? undefined : basic
  const headers = { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) }
  const stopping = new AbortController()
  const waiting: RunEvent[] = []
  let sending: Promise<void> | undefined
  let isAway = false
  let isFull = false

  /** Whether it was taken. What is refused is so for good; what passes is tried again. */
  async function post(event: RunEvent): Promise<{ isTaken: boolean; why: string; isFinal: boolean }> {
    try {
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(postMsMax)])
      const response = await fetch(target, { method: 'POST', headers, body: JSON.stringify(event), redirect: 'error', signal })
      await response.body?.cancel()
      const isFinal = response.status >= 400 && response.status < 500 && response.status !== 408 && response.status !== 429
      return { isTaken: response.ok, why: `it answered ${response.status}`, isFinal }
    } catch (error) {
      return { isTaken: false, why: (error as Error).message, isFinal: false }
    }
  }

  async function work() {
    for (let event = waiting[0]; event && !stopping.signal.aborted; event = waiting[0]) {
      let told = await post(event)
      // While it is away each event is tried once: the first one had its tries.
      for (let tries = 1; !told.isTaken && !told.isFinal && !isAway && tries < TRIES_MAX && !stopping.signal.aborted; tries += 1) {
        await wait(AGAIN_MS, undefined, { signal: stopping.signal }).catch(() => undefined)
        told = await post(event)
      }
      waiting.shift()
      if (told.isTaken && isAway) logger.info(shown, 'run events are taken again')
      if (!told.isTaken && !isAway) logger.warn({ ...shown, why: told.why }, 'run events cannot be sent; runs go on without')
      isAway = !told.isTaken
    }
  }

  return {
    send(events) {
      const room = Math.max(0, WAITING_MAX - waiting.length)
      waiting.push(...events.slice(0, room))
      if (events.length > room) {
        if (!isFull) logger.warn(shown, `more than ${WAITING_MAX} run events wait: the rest is dropped`)
      }
      isFull = events.length > room
      sending ??= work().finally(() => (sending = undefined))
    },
    async [Symbol.asyncDispose]() {
      await Promise.race([sending, wait(isAway ? CLOSE_AWAY_MS_MAX : CLOSE_MS_MAX, undefined, { ref: false })])
      stopping.abort()
      await sending
    },
  }
}
