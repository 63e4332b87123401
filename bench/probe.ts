/** Loaded before a process under measurement (`--import`): tells its parent what it uses, and profiles it when asked. The product knows nothing of it. */
import { Session, type Profiler } from 'node:inspector/promises'

export type ToProbe = { probe: 'usage' | 'profile' | 'profiled' }

export interface Usage {
  rss: number
  /** The highest so far. */
  rssMax: number
  /** Of it, what JavaScript's heap has taken, and what buffers hold beside it. */
  heap: number
  buffers: number
  /** CPU seconds since the start. */
  cpu: number
}

export type FromProbe = { usage: Usage } | { profiling: true } | { profile: Profiler.Profile; cpu: number }

const SAMPLE_US = 1_000

let session: Session | undefined
let cpuAtStart = 0

async function answer({ probe }: ToProbe): Promise<FromProbe> {
  if (probe === 'usage') {
    const { rss, heapTotal, external } = process.memoryUsage()
    return { usage: { rss, rssMax: process.resourceUsage().maxRSS * 1024, heap: heapTotal, buffers: external, cpu: cpuSeconds() } }
  }
  if (probe === 'profile') {
    session = new Session()
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US })
    await session.post('Profiler.start')
    cpuAtStart = cpuSeconds()
    return { profiling: true }
  }
  const cpu = cpuSeconds() - cpuAtStart
  const { profile } = await (session as Session).post('Profiler.stop')
  session?.disconnect()
  return { profile, cpu }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000_000
}

process.on('message', (message: Partial<ToProbe>) => {
  if (message.probe === undefined) return
  void answer(message as ToProbe).then((reply) => process.send?.(reply))
})
// Listening must not keep the process alive when it is told to stop.
process.channel?.unref()
