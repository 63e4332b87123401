declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** A user as the log carries it: a string of 1 to 128 characters, whatever the client sent. */
export type UserId = Brand<string, 'UserId'>
/** An event's own name, given by the client or made at the gateway (UUIDv7). Of 1 to 128 characters. */
export type EventId = Brand<string, 'EventId'>
/** A UUID that the gateway gave to an order. */
export type OrderId = Brand<string, 'OrderId'>
/** A dish: a positive safe integer. */
export type ItemId = Brand<number, 'ItemId'>
export type AdId = Brand<string, 'AdId'>
export type CampaignId = Brand<string, 'CampaignId'>

/** The item that a numeric ad id, or `food_<n>`, stands for; none for any other. */
export function itemOfAdId(adId: string): ItemId | undefined {
  const digits = /^(?:food_)?(\d{1,16})$/.exec(adId)?.[1]
  const item = Number(digits)
  return digits !== undefined && Number.isSafeInteger(item) && item > 0 ? (item as ItemId) : undefined
}
