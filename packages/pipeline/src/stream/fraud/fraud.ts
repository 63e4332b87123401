import type { DatabaseSync } from 'node:sqlite'
import { toRupees } from '@flowguard/contract'
import type { AlertBook, Raised } from '../../alerts/book.ts'
import type { FraudRule, FraudRules } from '../../alerts/rules.ts'
import type { Step } from '../step.ts'
import type { Told, Unusual } from './over-limits.ts'
import { fraudSigns, USUAL_MINUTES } from './signs.ts'
import { usualValues } from './usual-values.ts'

interface Options {
  db: DatabaseSync
  book: Pick<AlertBook, 'raise' | 'calm' | 'open'>
  /** Another object once they are others. */
  rules: () => FraudRules
}

/** Signs of fraud, as the stream meets them: told to the book of alerts in the transaction of the steps that they are signs in. */
export function fraudIn({ db, book, rules }: Options) {
  const values = usualValues(db)
  const signs = fraudSigns(values)
  /** Open in the book, and over by no rule that holds now. */
  let strays: { rule: string; subject: string }[] = []

  return {
    /** Fills the memory: steps of before, in order, up to where time had come. */
    load(known: readonly Step[], passed: number) {
      signs.follow(rules(), passed)
      signs.clear()
      values.load()
      for (const step of known) signs.add(step, true)
      signs.pass(passed)
      const open = book.open('fraud').toSorted((a, b) => a.lastSeen - b.lastSeen)
      for (const { rule, subject, value, lastSeen } of open) signs.restore({ rule, subject, value: value ?? 0, lastSeen }, passed)
      signs.take()
      strays = open.filter(({ rule, subject }) => !signs.isOver(rule, subject))
    },
    /** Steps in the order of time, up to where time has come; before the transaction commits. */
    pass(steps: readonly Step[], passed: number) {
      const declared = rules()
      signs.follow(declared, passed)
      for (const step of steps) signs.add(step)
      signs.pass(passed)
      for (const { rule, subject } of strays.splice(0)) book.calm(rule, subject, passed)
      for (const told of signs.take()) {
        if (told.kind === 'ended') book.calm(told.rule, told.subject, told.at)
        else book.raise(raisedOf(told, declared))
      }
      values.write()
    },
  }
}

export type Fraud = ReturnType<typeof fraudIn>

function raisedOf(told: Told & { kind: 'opened' | 'grown' }, rules: FraudRules): Raised {
  const { rule, subject, at, value, limit } = told
  const declared = rules[rule]
  const base = {
    rule,
    kind: 'fraud',
    subject,
    severity: declared?.severity ?? 'warning',
    at,
    ...(told.kind === 'grown' && { times: told.times }),
  } as const
  if (told.unusual) return { ...base, ...ofUnusual(subject, told.unusual) }
  const within = durationOf(declared?.within_seconds ?? 0)
  return { ...base, value, expected: { low: null, high: limit - 1 }, ...WORDS[rule]({ subject, value, limit, within }) }
}

interface Seen {
  subject: string
  value: number
  limit: number
  within: string
}

type Words = Pick<Raised, 'title' | 'detail' | 'reason'>

const WORDS: Readonly<Record<FraudRule, (seen: Seen) => Words>> = {
  orders_per_user: ({ subject, value, limit, within }) => ({
    title: `User ${subject} has placed ${value} orders within ${within}`,
    detail: `Look at what this user ordered, and where to, before it is cooked.`,
    reason: `${value} orders of one user within ${within}; ${limit} are a sign`,
  }),
  order_value: ({ subject }) => ({
    title: `User ${subject} has placed an order of unusual value`,
    detail: 'Look at it before it is cooked.',
    reason: 'an order came to far more than is usual',
  }),
  clicks_per_user: ({ subject, value, limit, within }) => ({
    title: `User ${subject} has clicked ${value} times within ${within}`,
    detail: 'Nobody clicks so fast by hand. A bot that said so would be charged to nobody; this one does not.',
    reason: `${value} clicks of one user within ${within}; ${limit} are a sign`,
  }),
  clicks_per_ad: ({ subject, value, limit, within }) => ({
    title: `Ad ${subject} has been clicked ${value} times within ${within}`,
    detail: `Look who clicks, and whether orders come of it; the advertiser pays for it.`,
    reason: `${value} clicks on one ad within ${within}; by the ${USUAL_MINUTES} minutes before, and by the least that counts, ${limit} are a sign`,
  }),
  clicks_per_address: ({ subject, value, limit, within }) => ({
    title: `${value} clicks from ${subject} within ${within}`,
    detail: `Many share an address at work; few click so much.`,
    reason: `${value} clicks from one address within ${within}; ${limit} are a sign`,
  }),
  accounts_per_address: ({ subject, value, limit, within }) => ({
    title: `${value} accounts on ${subject} within ${within}`,
    detail: `Who works or lives together shares an address. Where that is not so, somebody has many accounts: look at what they order, and with which offers.`,
    reason: `${value} accounts on one address within ${within}; ${limit} are a sign`,
  }),
}

function ofUnusual(
  user: string,
  { orderEventId, itemId, paise, median, limit, of, orders }: Unusual,
): Words & Pick<Raised, 'value' | 'expected'> {
  const [rupees, usual, most] = [paise, median, limit].map((each) => toRupees(Math.round(each))) as [number, number, number]
  return {
    value: rupees,
    expected: { low: null, high: most },
    title: `User ${user} has placed an order of ₹${rupees}`,
    detail: `It is the event ${orderEventId}, of item ${itemId}: npx flowguard trace ${orderEventId}. Look at it before it is cooked; a wrong price is one cause, a stolen card another.`,
    reason: `₹${rupees}, ${(paise / median).toFixed(1)} times ₹${usual}, the middle of the last ${orders} orders ${of === 'item' ? 'of the item' : 'of all items'}; up to ₹${most} is usual`,
  }
}

function durationOf(seconds: number): string {
  if (seconds % 60 !== 0) return `${seconds} seconds`
  return seconds === 60 ? 'a minute' : `${seconds / 60} minutes`
}
