import { createStore } from '../state/store.ts'
import { withState, type History } from '../model/figures.ts'
import { partsOf, type Part } from '../model/parts.ts'
import { refusalOf } from './client.ts'
import { authorization, operatorKey } from './key.ts'
import type { LiveState, PastState } from 'flowguard/answers'

const SILENT_MS_MAX = 6_000
const PAUSE_MS = 1_000
const PAUSE_MS_MAX = 10_000

export type Connection = 'connecting' | 'live' | 'lost'

export const connection = createStore<Connection>('connecting')
export const liveState = createStore<LiveState | undefined>(undefined)
export const parts = createStore<readonly Part[]>([])
/** The last minutes of each part, the oldest first. */
export const history = createStore<History>(new Map())

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
    if (!response.ok || !response.body) throw await refusalOf(response, false)
    let rest = ''
    for await (const text of response.body.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>) {
      const messages = (rest + text).split('\n\n')
      rest = messages.pop() ?? ''
      window.clearTimeout(silence)
      silence = window.setTimeout(() => stop.abort(), SILENT_MS_MAX)
      for (const was of said<PastState[]>(messages, 'past')) history.set(was.reduce(withState, new Map() as History))
      for (const state of said<LiveState>(messages, 'state')) {
        onHeard()
        take(state)
      }
    }
  } finally {
    window.clearTimeout(silence)
  }
}

/** The latest of these messages that says so; none where none does. */
function said<T>(messages: readonly string[], event: string): T[] {
  const found = messages.findLast((message) => message.startsWith(`event: ${event}\n`))
  return found === undefined ? [] : [JSON.parse(found.slice(found.indexOf('data: ') + 6)) as T]
}

function take(state: LiveState): void {
  history.set(withState(history.get(), state))
  parts.set(partsOf(state))
  liveState.set(state)
  connection.set('live')
}
