export { OrderError, type OrderAnswer } from './orders.ts'
export { createTracker, type Counts, type Loss, type Tracker, type TrackerOptions } from './tracker.ts'
export type { Ad, ImpressionKind, OrderDetails, TrackedEvent } from './events.ts'
export type { Environment } from './environment.ts'
