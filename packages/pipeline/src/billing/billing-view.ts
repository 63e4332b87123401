import type { AdBill, AdMetrics, AdvertiserBills, ChargeKind, Statement, StatementEvents, StatementLine } from '@flowguard/contract'

/** A statement tells so many lines, a megabyte of JSON; its file has all. */
export const LINES_COUNT_MAX = 5_000

/** What the ledger and its counters answer. Days are UTC, `YYYY-MM-DD`, both ends included. Rejects with `store_missing` where the pipeline has never run. */
export interface BillingView {
  itemDay(itemId: number, day: string): Promise<AdMetrics>
  /** Undefined where there is no such ad. */
  adBill(adId: string, from: string, to: string): Promise<AdBill | undefined>
  /** Everybody who has an ad, the greatest total first. */
  advertisers(from: string, to: string): Promise<AdvertiserBills>
  /** With its first `LINES_COUNT_MAX` lines. Undefined where no ad belongs to this advertiser. */
  statement(advertiserId: string, from: string, to: string): Promise<Statement | undefined>
  /** All of its lines, ad by ad. */
  lines(advertiserId: string, from: string, to: string): Promise<AsyncIterable<readonly StatementLine[]> | undefined>
  /** The event ids behind one line, in the order of the ledger, those after `after`. */
  events(line: { adId: string; day: string; kind: ChargeKind; after: number; limit: number }): Promise<StatementEvents>
}
