import type { ChargeKind } from '@flowguard/contract'
import type { CopyStanding } from '../kernel/copies.ts'

/**
 * The counters of billing, kept where many can ask for them. They are a copy: what they are sums of is the ledger, and they are made anew from it whenever
 * they were lost. A counter has a set (what it counts, and the day) and a field in it (the figure, and of which ad or item). Exact however large.
 */
export type CounterSums = Map<string, Map<string, bigint>>

export const TOTALS = 'totals'
/** Columns of `item_counters` and of `ad_days`, in their order. */
export const ITEM_FIGURES = [
  'impressions',
  'clicks',
  'double_clicks',
  'orders',
  'attributed_orders',
  'revenue_paise',
  'attributed_paise',
] as const
export const AD_FIGURES = ['impressions', 'clicks', 'attributed_orders', 'attributed_paise'] as const

export const setOf = (what: 'charges' | 'items' | 'ads', day: string) => `${what}:${day}`
export const chargesOf = (kind: ChargeKind, figure: 'count' | 'amount', adId: string) => `${kind}.${figure}:${adId}`

export const noSums = (): CounterSums => new Map()

export function plusSum(sums: CounterSums, set: string, field: string, by: number | bigint): void {
  if (by === 0 || by === 0n) return
  let fields = sums.get(set)
  if (!fields) sums.set(set, (fields = new Map()))
  fields.set(field, (fields.get(field) ?? 0n) + BigInt(by))
}

/** As one row of changes has them. */
export function textOf(sums: CounterSums): string {
  return JSON.stringify([...sums].map(([set, fields]) => [set, [...fields].map(([field, by]) => [field, String(by)])]))
}

/** Adds a row of changes. */
export function plusText(sums: CounterSums, text: string): void {
  for (const [set, fields] of JSON.parse(text) as [string, [string, string][]][]) {
    for (const [field, by] of fields) plusSum(sums, set, field, BigInt(by))
  }
}

export interface Step extends CopyStanding {
  /** The last row that `sums` hold. */
  to: number
  sums: CounterSums
  /** Up to when all has been charged by then; undefined where that is not known. */
  asOf: string | null | undefined
}

/** One set, and the row of changes that it has been told. */
export interface DumpedSet {
  set: string
  place: number
  fields: ReadonlyMap<string, bigint>
}

/** Counters elsewhere. All reject with `counters_unavailable` where they do not answer: then what was asked for is done, or not. */
export interface CounterStore extends AsyncDisposable {
  /** Undefined where there are none, or only half. */
  standing(): Promise<CopyStanding | undefined>
  /** Adds all and moves the place from where it stood, or does nothing: false where the epoch or the place is another. */
  apply(step: Step): Promise<boolean>
  /** Counters under a new epoch, which nobody sees until `finish`. */
  fill(epoch: string): Promise<Filling>
  /** Everything, set by set; undefined where there is none. */
  dump(): Promise<Dump | undefined>
}

export interface Filling {
  put(sums: CounterSums): Promise<void>
  /** Puts it in the place of what `before` names, or nothing: false where that is no longer what there is, or where some of it was lost. */
  finish(filled: { before: string | undefined; place: number; asOf: string | null }): Promise<boolean>
}

export interface Dump extends CopyStanding {
  sets: readonly DumpedSet[]
}

/** What `pipeline.db` holds, with the rows of changes that are still there. */
export interface Counted {
  /** The last row of changes that the counters here include. */
  place: number
  sums: CounterSums
  /** In their order, up to `place`. */
  changes: readonly { seq: number; sums: string }[]
}

export interface Compared {
  /** A line each. */
  differing: string[]
  compared: number
}

/**
 * How the counters elsewhere differ from those here, less the changes that they have yet to be told; undefined where that cannot be said, because those changes
 * are gone already or have yet to come.
 */
export function differingCounters(theirs: Dump, ours: Counted): Compared | undefined {
  const oldest = ours.changes[0]?.seq ?? ours.place + 1
  const places = [theirs.place, ...theirs.sets.map(({ place }) => place)]
  if (places.some((place) => place > ours.place || place < oldest - 1)) return undefined
  const found = new Map(theirs.sets.map((each) => [each.set, each]))
  const placeOf = (set: string) => found.get(set)?.place ?? theirs.place
  // From here back, a row at a time, to where each set stands.
  const expected: CounterSums = new Map([...ours.sums].map(([set, fields]) => [set, new Map(fields)]))
  for (const { seq, sums } of ours.changes) {
    const row = noSums()
    plusText(row, sums)
    for (const [set, fields] of row) if (seq > placeOf(set)) for (const [field, by] of fields) plusSum(expected, set, field, -by)
  }
  const differing: string[] = []
  let compared = 0
  for (const set of new Set([...expected.keys(), ...found.keys()])) {
    const [here, there] = [expected.get(set), found.get(set)?.fields]
    for (const field of new Set([...(here?.keys() ?? []), ...(there?.keys() ?? [])])) {
      const [wanted, has] = [here?.get(field) ?? 0n, there?.get(field) ?? 0n]
      compared += 1
      if (wanted !== has) differing.push(`${set} ${field}: ${has}, and should be ${wanted}`)
    }
  }
  return { differing, compared }
}
