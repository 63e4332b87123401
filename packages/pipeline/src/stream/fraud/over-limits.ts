import { SECOND_MS } from '@flowguard/contract'
import type { FraudRule, FraudRules } from '../../alerts/rules.ts'
import { recentCounts, recentMembers, secondOf, type Recent } from './recent.ts'
import type { Usual } from './usual-values.ts'

/** What is to be told of one rule and subject. */
export type Told = { rule: FraudRule; subject: string; at: number } & (
  | { kind: 'opened' }
  /** `times` more since it was told of last; `at` is the last of them. */
  | { kind: 'grown'; times: number }
  | { kind: 'ended' }
) & {
    /** The most that there were. */
    value: number
    /** Fewer are usual. */
    limit: number
    unusual?: Unusual
  }

/** An order that came to more than is usual. */
export interface Unusual extends Usual {
  orderEventId: string
  itemId: number
  paise: number
}

/** A subject that is over the limit of a rule. */
interface Over {
  rule: FraudRule
  subject: string
  limit: number
  value: number
  lastAt: number
  /** Seen since it was told of last. */
  times: number
  unusual?: Unusual | undefined
}

interface Sign {
  recent: Recent
  /** Of the rule that `recent` was made for. */
  windowSeconds: number
  declared: string
  over: Map<string, Over>
}

const RULES = [
  'orders_per_user',
  'order_value',
  'clicks_per_user',
  'clicks_per_ad',
  'clicks_per_address',
  'accounts_per_address',
] as const satisfies readonly FraudRule[]

/** What is counted by rule and subject, and which subjects are over the limit of a rule: what opens, grows and ends is told. */
export function overLimits() {
  const signs = new Map<FraudRule, Sign>()
  let told: Told[] = []
  /** No subject that is over ends before this second. */
  let nextEnd = Infinity

  function tell(kind: Told['kind'], of: Over, at: number) {
    const { rule, subject, value, limit, unusual, times } = of
    const base = { rule, subject, at, value, limit, ...(unusual && { unusual }) }
    told.push(kind === 'grown' ? { ...base, kind, times } : { ...base, kind })
    of.times = 0
  }

  function tellGrown(of: Over) {
    if (of.times > 0) tell('grown', of, of.lastAt)
  }

  function end(of: Over, at: number) {
    tellGrown(of)
    tell('ended', of, at)
    signs.get(of.rule)?.over.delete(of.subject)
  }

  function* allOver(): Generator<Over> {
    for (const rule of RULES) yield* signs.get(rule)?.over.values() ?? []
  }

  /** What ended by that time, each when it did: what happens later does not hide it. */
  function endBy(ts: number) {
    const second = secondOf(ts)
    if (second < nextEnd) return
    const ended: { of: Over; at: number }[] = []
    nextEnd = Infinity
    for (const of of allOver()) {
      const { recent } = signs.get(of.rule) as Sign
      let leaves = recent.leavesAt(of.subject)
      while (leaves <= second && recent.countAt(of.subject, leaves) >= of.limit) leaves = recent.leavesAt(of.subject)
      if (leaves <= second) ended.push({ of, at: leaves * SECOND_MS })
      else nextEnd = Math.min(nextEnd, leaves)
    }
    ended.sort((a, b) => a.at - b.at || (keyOf(a.of) < keyOf(b.of) ? -1 : 1))
    for (const { of, at } of ended) end(of, at)
  }

  /** One more, in the order of time. Each `member` counts once where the rule counts members. */
  function count(rule: FraudRule, subject: string, ts: number, member: string, limit: number, unusual?: Unusual) {
    const { recent, over } = signs.get(rule) as Sign
    const value = recent.add(subject, secondOf(ts), member)
    if (value < limit && over.size === 0) return
    const known = over.get(subject)
    if (value < limit) {
      if (known) end(known, ts)
      return
    }
    if (known) {
      known.limit = limit
      known.value = Math.max(known.value, value)
      known.lastAt = ts
      known.times += 1
      known.unusual = unusual ?? known.unusual
      return
    }
    const of: Over = { rule, subject, limit, value, lastAt: ts, times: 0, unusual }
    over.set(subject, of)
    nextEnd = Math.min(nextEnd, recent.leavesAt(subject))
    tell('opened', of, ts)
  }

  return {
    /** From here on these rules hold: what was over by one that is another now is over no more, until it is again. */
    declare(rules: FraudRules, at: number) {
      for (const of of allOver()) if (signs.get(of.rule)?.declared !== JSON.stringify(rules[of.rule])) end(of, at)
      for (const rule of RULES) {
        const declared = JSON.stringify(rules[rule])
        const windowSeconds = rules[rule]?.within_seconds
        const before = signs.get(rule)
        if (windowSeconds === undefined) signs.delete(rule)
        else if (before?.windowSeconds === windowSeconds) before.declared = declared
        else {
          const recent = rule === 'accounts_per_address' ? recentMembers(windowSeconds) : recentCounts(windowSeconds)
          signs.set(rule, { recent, windowSeconds, declared, over: new Map() })
        }
      }
    },
    clear() {
      for (const { recent, over } of signs.values()) {
        recent.clear()
        over.clear()
      }
      told = []
      nextEnd = Infinity
    },
    count,
    endBy,
    /** This was over before a restart at `ts`. What orders came to cannot be judged again. */
    restore: ({ rule, subject, value, lastSeen }: { rule: string; subject: string; value: number; lastSeen: number }, ts: number) => {
      const known = signs.get(rule as FraudRule)?.over.get(subject)
      if (known) known.value = Math.max(known.value, value)
      const byValue = signs.get('order_value')
      if (rule !== 'order_value' || !byValue || secondOf(lastSeen) + byValue.windowSeconds <= secondOf(ts)) return
      byValue.recent.add(subject, secondOf(lastSeen), '')
      byValue.over.set(subject, { rule, subject, limit: 1, value, lastAt: lastSeen, times: 0 })
      nextEnd = Math.min(nextEnd, byValue.recent.leavesAt(subject))
    },
    /** What is to be told since it was asked for last. */
    take: (): Told[] => {
      for (const of of allOver()) tellGrown(of)
      const all = told
      told = []
      return all
    },
    isOver: (rule: string, subject: string) => signs.get(rule as FraudRule)?.over.has(subject) === true,
  }
}

const keyOf = ({ rule, subject }: Over) => `${rule} ${subject}`
