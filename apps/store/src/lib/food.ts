/** A dish, as the catalogue answers it. The price is in rupees. */
export interface Food {
  food_id: number
  name: string
  category: string
  price: number
  description: string
  image_url: string
  is_available: boolean
}

export function parseFood(value: unknown): Food | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { food_id, name, category, price, description, image_url, is_available } = value as Record<string, unknown>
  if (!Number.isSafeInteger(food_id) || typeof name !== 'string' || typeof category !== 'string' || typeof price !== 'number')
    return undefined
  return {
    food_id: food_id as number,
    name,
    category,
    price,
    description: typeof description === 'string' ? description : '',
    image_url: localPath(image_url),
    is_available: is_available === true,
  }
}

/** Pictures are the store's own: an address of another host is not followed. */
function localPath(value: unknown): string {
  return typeof value === 'string' && /^\/(?!\/)[\w./-]+$/.test(value) ? value : ''
}

const RUPEES = new Intl.NumberFormat('en-IN', { style: 'currency', currency: 'INR', minimumFractionDigits: 0 })
const RUPEES_AND_PAISE = new Intl.NumberFormat('en-IN', { style: 'currency', currency: 'INR' })

/** `₹329`, `₹119.50`. */
export function rupees(amount: number): string {
  return (Number.isInteger(amount) ? RUPEES : RUPEES_AND_PAISE).format(amount)
}

/** Price times quantity, worked out in paise: 119.50 × 3 is 358.50 to the paisa. */
export function total(price: number, quantity: number): number {
  return (Math.round(price * 100) * quantity) / 100
}
