import { availableParallelism, cpus } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'

const IDLE_MS = 1_000

export const processors = () => `${availableParallelism()} × ${cpus()[0]?.model ?? '?'}`

/** The share of the machine that is busy before anything is started: figures count on a quiet one. */
export async function usedByOthers(): Promise<string> {
  const times = () =>
    cpus().map(({ times: { idle, ...busy } }) => ({ idle, busy: Object.values(busy).reduce((sum, each) => sum + each, 0) }))
  const sum = (key: 'idle' | 'busy', all: ReturnType<typeof times>) => all.reduce((total, each) => total + each[key], 0)
  const before = times()
  await wait(IDLE_MS)
  const after = times()
  const busy = sum('busy', after) - sum('busy', before)
  const share = busy / (busy + sum('idle', after) - sum('idle', before))
  return `${(share * 100).toFixed(0)}% of the machine`
}
