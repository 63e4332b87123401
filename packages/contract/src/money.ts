import type { AdId } from './ids.ts'

declare const unit: unique symbol
/** Paise: hundredths of a rupee, an integer. */
export type MinorUnits = number & { readonly [unit]: 'paise' }
/** Thousandths of a paisa, an integer: what a single impression costs is less than a paisa. */
export type MilliPaise = number & { readonly [unit]: 'milli-paise' }

export const PRICE_RUPEES_MAX = 1_000_000
export const QUANTITY_MAX = 100_000
/** Price times quantity of one order: ten million rupees. So no sum of a day comes near to what a number holds exactly. */
export const ORDER_PAISE_MAX = 1_000_000_000
const PAISE_A_RUPEE = 100
const MILLI_A_PAISA = 1_000
/** A rate is for a thousand impressions (cost per mille). */
const IMPRESSIONS_A_RATE = 1_000

/** Whether a decimal amount has at most 2 decimals, so that it is a whole number of paise. */
export function isWholePaise(rupees: number): boolean {
  return Math.round(rupees * PAISE_A_RUPEE) / PAISE_A_RUPEE === rupees
}

/** Decimal rupees, as clients write them, to paise. */
export function toPaise(rupees: number): MinorUnits {
  return Math.round(rupees * PAISE_A_RUPEE) as MinorUnits
}

/** Paise to decimal rupees, as every answer gives them. */
export function toRupees(paise: number): number {
  return paise / PAISE_A_RUPEE
}

/** Milli-paise to decimal rupees, with up to 5 decimals. */
export function milliToRupees(milli: number): number {
  return milli / (PAISE_A_RUPEE * MILLI_A_PAISA)
}

/** Decimal rupees with up to 5 decimals to milli-paise. */
export function rupeesToMilli(rupees: number): number {
  return Math.round(rupees * PAISE_A_RUPEE * MILLI_A_PAISA)
}

export type Pricing = 'cpm' | 'cpc' | 'cpa'

/** An advertisement and what its advertiser pays. `rate` and `dailyBudget` in paise; a `cpm` rate is for 1,000 impressions. */
export interface Ad {
  adId: AdId
  itemId: number
  campaignId: string
  advertiserId: string
  pricing: Pricing
  rate: MinorUnits
  dailyBudget: MinorUnits
}

/** What one charge of this ad costs: exact, for a rate is whole paise and a cpm charge a thousandth of it. */
export function chargeOf(ad: Ad): MilliPaise {
  return (ad.pricing === 'cpm' ? (ad.rate * MILLI_A_PAISA) / IMPRESSIONS_A_RATE : ad.rate * MILLI_A_PAISA) as MilliPaise
}

/**
 * Whether an impression may be charged. One that says of itself that it is a hover is counted and never charged: the same showing of a card has another, once it
 * was in view for long enough. Whoever says nothing of the kind is charged, as ever.
 */
export function isChargeable({ metadata }: { metadata?: unknown }): boolean {
  return (metadata as { impression?: unknown } | null | undefined)?.impression !== 'hover'
}
