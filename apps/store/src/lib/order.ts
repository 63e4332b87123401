/** An order as the database has it. The price is of one, in rupees. */
export interface Order {
  orderId: string
  itemId: number
  itemName: string
  price: number
  quantity: number
  status: string
  createdAt: string
}

export function parseOrder(value: unknown): Order | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { order_id, item_id, item_name, price, quantity, status, created_at } = value as Record<string, unknown>
  if (typeof order_id !== 'string' || typeof price !== 'number' || typeof quantity !== 'number') return undefined
  if (typeof status !== 'string' || typeof created_at !== 'string' || !Number.isSafeInteger(item_id)) return undefined
  return {
    orderId: order_id,
    itemId: item_id as number,
    itemName: typeof item_name === 'string' && item_name ? item_name : `Dish ${String(item_id)}`,
    price,
    quantity,
    status,
    createdAt: created_at,
  }
}

export const STEPS = ['placed', 'confirmed', 'delivered'] as const

/** How far along an order is: the steps done, or that it was called off. */
export function progress(status: string): { cancelled: boolean; done: number } {
  if (status === 'cancelled') return { cancelled: true, done: 0 }
  return {
    cancelled: false,
    done:
      Math.max(
        0,
        STEPS.findIndex((step) => step === status),
      ) + 1,
  }
}

const MOMENT = new Intl.DateTimeFormat('en-IN', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'Asia/Kolkata', hourCycle: 'h23' })

/** `21 Nov 2026, 15:42`, in the kitchen's time. */
export function kitchenTime(iso: string): string {
  const time = Date.parse(iso)
  return Number.isNaN(time) ? iso : MOMENT.format(time)
}
