import { createTracker, OrderError, type OrderDetails, type Tracker } from '@flowguard/tracker'
import type { Ad } from './ads.ts'

// The one place that speaks to the tracker. It is made at the first act, in the browser only: where the gateway is, the page says.

let tracker: Tracker | undefined

function theTracker(): Tracker {
  tracker ??= createTracker({ gatewayUrl: meta('gateway'), key: meta('key') })
  return tracker
}

const meta = (name: string) => document.querySelector<HTMLMetaElement>(`meta[name="flowguard-${name}"]`)?.content ?? ''

/** Counts when half of the card was seen for a second, and when it is hovered. Ends what it began. */
export function watchCard(element: HTMLElement, ad: Ad): () => void {
  const ends = [theTracker().watchViewable(element, ad), theTracker().watchHover(element, ad)]
  return () => ends.forEach((end) => end())
}

export function cardClicked(ad: Ad): void {
  theTracker().click(ad)
}

/** Who the customer of this browser is. */
export const customerId = (): string => theTracker().userId()

/** What was seen on the last page counts anew on this one. */
export function pageShown(): void {
  theTracker().newPageView()
}

/** Resolves to the number that the server gave; rejects where the order was refused. No price is sent: the catalogue's stands. */
export async function placeOrder(order: OrderDetails): Promise<string> {
  return (await theTracker().order(order)).order_id
}

/** Nobody answered: the order may stand, and asking again makes no second. */
export function mayBePlaced(error: unknown): boolean {
  return error instanceof OrderError && error.reason === 'unanswered'
}
