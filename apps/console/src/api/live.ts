import { createStore } from '../state/store.ts'
import { partsOf, type Part } from '../model/parts.ts'
import { refusalOf } from './client.ts'
import { authorization, operatorKey } from './key.ts'
import type { LiveState } from 'flowguard/answers'

const SILENT_MS_MAX = 6_000
const PAUSE_MS = 1_000
const PAUSE_MS_MAX = 10_000
const HISTORY_COUNT_MAX = 300

export type Connection = 'connecting' | 'live' | 'lost'

export interface Sample {
  /** Seconds since 1970. */
  at: number
  rate: number | null
  lag: number | null
}

export const connection = createStore<Connection>('connecting')
export const liveState = createStore<LiveState | undefined>(undefined)
export const parts = createStore<readonly Part[]>([])
/** The last minutes of each part, the oldest first. */
export const history = createStore<ReadonlyMap<string, readonly Sample[]>>(new Map())

/** Follows the live state for as long as the page is open; a connection that is lost, or falls silent, is made again. */
export async function followLive(): Promise<never> {
  let pauseMs = PAUSE_MS
  for (;;) {
    const stop = new AbortController()
    const unfollow = operatorKey.subscribe(() => stop.abort())
    try {
      await listen(stop, () => (pauseMs = PAUSE_MS))
    } catch {
      // Whatever it was: said by the connection's state, and tried again.
    }
    unfollow()
    connection.set('lost')
    await new Promise<void>((resolve) => {
      const again = operatorKey.subscribe(() => {
        again()
        resolve()
      })
      window.setTimeout(() => {
        again()
        resolve()
      }, pauseMs)
    })
    pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2)
  }
}

async function listen(stop: AbortController, onHeard: () => void): Promise<void> {
  let silence = window.setTimeout(() => stop.abort(), SILENT_MS_MAX)
  try {
    // Not EventSource: it cannot carry a key.
    const response = await fetch('/api/live', { headers: { accept: 'text/event-stream', ...authorization() }, signal: stop.signal })
    if (!response.ok || !response.body) throw await refusalOf(response)
    let rest = ''
    for await (const text of response.body.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>) {
      const messages = (rest + text).split('\n\n')
      rest = messages.pop() ?? ''
      window.clearTimeout(silence)
      silence = window.setTimeout(() => stop.abort(), SILENT_MS_MAX)
      const states = messages.filter((message) => message.startsWith('event: state\n'))
      for (const message of states.slice(-1)) {
        onHeard()
        take(JSON.parse(message.slice(message.indexOf('data: ') + 6)) as LiveState)
      }
    }
  } finally {
    window.clearTimeout(silence)
  }
}

function take(state: LiveState): void {
  const at = Date.parse(state.at) / 1_000
  const now = partsOf(state)
  const past = history.get()
  history.set(
    new Map(
      now.map(({ id, rate, lag }) => [id, [...(past.get(id) ?? []).slice(1 - HISTORY_COUNT_MAX), { at, rate, lag: lag?.value ?? null }]]),
    ),
  )
  parts.set(now)
  liveState.set(state)
  connection.set('live')
}
