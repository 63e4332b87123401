import { EngineError } from '../engines/command.ts'
import { ENGINE_NAMES, ON_DEMAND, type EngineName } from '../engines/engines.ts'

/** `kafka,postgres`; where left out all, but of those on demand only these `also`. */
export function enginesNamed(text: string | undefined, also: readonly EngineName[] = []): readonly EngineName[] {
  if (text === undefined) return ENGINE_NAMES.filter((name) => !ON_DEMAND.includes(name) || also.includes(name))
  return text.split(',').map((word) => {
    const name = ENGINE_NAMES.find((each) => each === word.trim())
    if (name === undefined) throw new EngineError(`there is no engine ${word}; there are ${ENGINE_NAMES.join(', ')}`)
    return name
  })
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Aborts at Ctrl-C, SIGTERM, or when its terminal is closed, so that whoever holds engines lets go of them in order. */
export function untilStopped(): { signal: AbortSignal } & Disposable {
  const stopping = new AbortController()
  const stop = () => stopping.abort()
  for (const name of SIGNALS) process.on(name, stop)
  return {
    signal: stopping.signal,
    [Symbol.dispose]: () => SIGNALS.forEach((name) => process.off(name, stop)),
  }
}
