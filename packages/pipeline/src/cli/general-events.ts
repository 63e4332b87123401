import { randomUUID } from 'node:crypto'
import { GENERAL_TYPES, type GeneralType } from '@flowguard/contract'

const USERS = 10_000
const PAGES = ['/', '/menu', '/menu/biryani', '/cart', '/offers', '/orders']
/** Some purchases are above the 1,000 that make them of high value. */
const AMOUNT_MAX = 1_500

/** A general event as EventFlow's producer sends them: one that the workers find nothing wrong with. */
export function generalEvent(type: GeneralType | undefined, random: () => number, now: number): object {
  const pick = (count: number) => Math.floor(random() * count)
  const event_type = type ?? GENERAL_TYPES[pick(GENERAL_TYPES.length)]!
  const user = pick(USERS)
  const properties = {
    purchase: () => ({ amount: (100 + pick(AMOUNT_MAX * 100 - 100)) / 100, currency: 'INR' }),
    user_signup: () => ({ email: `user${user}@example.com`, plan: 'free' }),
    page_view: () => ({ page: PAGES[pick(PAGES.length)] }),
    custom: () => ({ action: 'button_click' }),
  }[event_type]()
  return { event_id: randomUUID(), event_type, user_id: `user_${user}`, timestamp: new Date(now).toISOString(), properties }
}
