import type { ChargeKind } from 'flowguard/answers'
import { count } from '../../model/format.ts'

export const KINDS: readonly ChargeKind[] = ['cpm', 'cpc', 'cpa', 'credit']
/** What was counted. */
const COUNTED: Record<ChargeKind, string> = { cpm: 'impressions', cpc: 'clicks', cpa: 'orders', credit: 'credits' }

/** `1 click`, `1,028 clicks`. */
export const counted = (number: number, kind: ChargeKind): string =>
  `${count(number)} ${number === 1 ? COUNTED[kind].slice(0, -1) : COUNTED[kind]}`
/** What a rate is for. */
export const PER: Record<string, string> = { cpm: 'per 1,000 shown', cpc: 'per click', cpa: 'per order' }
