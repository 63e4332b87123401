import type { Profiler } from 'node:inspector/promises'

/** What one part of the work took of an event, by a CPU profile. */
export interface Part {
  name: string
  /** Of the CPU time that the process used. */
  share: number
  usPerEvent: number
}

interface Rule {
  part: string
  url: RegExp
  functionName?: RegExp
}

/** The first rule that the innermost frame outside Node itself fits names the part. */
const RULES: readonly Rule[] = [
  { part: 'parse', url: /http\/body\.ts$/ },
  { part: 'canonical form', url: /contract\/src\/canonical\.ts$/ },
  { part: 'validate', url: /^$/, functionName: /^check_/ },
  { part: 'validate', url: /contract\/src\/(time|money)\.ts$|gateway\/field-errors\.ts$/ },
  { part: 'parse and check', url: /contract\/src\/logged\.ts$|reader\/checked\.ts$/ },
  { part: 'admit', url: /gateway\/(admission|bots|reference)\.ts$|\/uuid\/|contract\/src\/ids\.ts$/ },
  { part: 'serialise', url: /gateway\/ingest\.ts$/, functionName: /^recordsOf$/ },
  { part: 'queue and answer', url: /gateway\/(ingest|routes-\w+|event-time)\.ts$/ },
  { part: 'count', url: /gateway\/metrics\.ts$|prom-client/ },
  { part: 'headers (helmet, CORS)', url: /helmet|@fastify\/cors/ },
  {
    part: 'HTTP and Fastify',
    url: /gateway\/|pipeline\/src\/http\/|node_modules\/(@?fastify|find-my-way|light-my-request|avvio|process-warning|secure-json-parse|fast-\w+)/,
  },
  { part: 'orders table and outbox', url: /database\/|outbox\// },
  {
    part: 'read and unpack',
    url: /log\/adapters\//,
    functionName: /^(unpack|readPartition|rowsFrom|firstRow|readShares|read|take|find|add|passed)$/,
  },
  { part: 'log write', url: /log\/adapters\//, functionName: /^(append|appendNow|appendByTopic|commitWaiting|pack)$/ },
  { part: 'recognise repeats', url: /reader\/(seen|identity)\.ts$|kernel\/hash\.ts$/ },
  { part: 'attribution', url: /pipeline\/src\/stream\// },
  { part: 'billing', url: /pipeline\/src\/billing\// },
  { part: 'journal', url: /reader\/journal\.ts$/ },
  { part: 'make batches for DuckDB', url: /warehouse\/adapters\/|pipeline\/src\/loader\/|node_modules\/@duckdb\// },
  { part: 'reader loop', url: /pipeline\/src\/reader\// },
]
/** Whose callers say what it is for: Node's own code, and what every store shares. */
const TRANSPARENT = /^node:|^$|kernel\/sqlite\.ts$/
const UNCOUNTED = new Set(['(idle)', '(root)'])
const OTHER = 'other'

/** Shares of a profile by part, the largest first. `cpu` in seconds, over which so many events passed. */
export function partsOf({ profile, cpu }: { profile: Profiler.Profile; cpu: number }, events: number): Part[] {
  const parents = new Map<number, Profiler.ProfileNode>()
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  for (const node of profile.nodes) for (const child of node.children ?? []) parents.set(child, node)
  const partOfNode = new Map<number, string | undefined>()
  const took = new Map<string, number>()
  let total = 0
  let counted = 0
  profile.samples?.forEach((id, at) => {
    const node = nodes.get(id)
    const delta = profile.timeDeltas?.[at] ?? 0
    if (!node || UNCOUNTED.has(node.callFrame.functionName)) return
    total += delta
    if (!partOfNode.has(id)) partOfNode.set(id, partOf(node, parents))
    const part = partOfNode.get(id)
    // The profiler's own work.
    if (part === undefined) return
    counted += delta
    took.set(part, (took.get(part) ?? 0) + delta)
  })
  const usPerEvent = ((cpu * (counted / total)) / events) * 1_000_000
  return [...took]
    .map(([name, us]): Part => ({ name, share: us / counted, usPerEvent: (us / counted) * usPerEvent }))
    .sort((a, b) => b.share - a.share)
}

function partOf(leaf: Profiler.ProfileNode, parents: ReadonlyMap<number, Profiler.ProfileNode>): string | undefined {
  const { functionName, url } = leaf.callFrame
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (functionName === '(program)') return 'kernel and runtime'
  if (functionName === 'oneShotDigest') return 'hash'
  if (url.startsWith('node:inspector')) return undefined
  let isHttp = false
  for (let node: Profiler.ProfileNode | undefined = leaf; node; node = parents.get(node.id)) {
    const frame = node.callFrame
    isHttp ||= /^node:(_http|net|internal\/(http|stream|streams))/.test(frame.url)
    const rule = RULES.find(
      (each) => each.url.test(frame.url) && (each.functionName?.test(frame.functionName) ?? !TRANSPARENT.test(frame.url)),
    )
    // Beginning and committing are statements of their own; the commit holds the flush to the disk.
    if (rule) return functionName === 'exec' ? `${rule.part}: commit` : rule.part
  }
  return isHttp ? 'HTTP and Fastify' : OTHER
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
