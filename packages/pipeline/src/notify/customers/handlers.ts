import { AttributedEvent, Compile, parseTimestamp, type NoteKind, type OrderEvent } from '@flowguard/contract'
import type { Clock } from '../../kernel/lifecycle.ts'
import type { LogRecord } from '../../log/event-log.ts'
import { checkedOf } from '../../reader/checked.ts'
import type { Handler } from '../../reader/loop.ts'
import type { Fate } from '../../reader/places.ts'
import type { Note } from './notes.ts'
import { NOTES_KEPT_MS, type NotesTable } from './table.ts'

/** Orders are confirmed by being placed (CONTRACT, An order's life): who places one and has it confirmed later is told once. */
const KIND_OF: Readonly<Record<OrderEvent['order_type'], NoteKind>> = {
  placed: 'order_confirmed',
  confirmed: 'order_confirmed',
  delivered: 'order_delivered',
  cancelled: 'order_cancelled',
}

const schema = Compile(AttributedEvent)

/** What customers are told of their orders, from `raw.orders.v1`. What is no event is the stream's to bury: here it is passed. */
export function orderNotes(table: NotesTable, clock: Clock): Handler {
  return handlerOf(table, clock, (record) => {
    const checked = checkedOf(record)
    if (checked.kind !== 'event' || checked.event.event_type !== 'order' || checked.event.is_bot) return undefined
    const { user_id, order_id, item_id, item_name, quantity, order_type, ts } = checked.event
    return noted(
      KIND_OF[order_type],
      { userId: user_id, orderId: order_id, itemId: item_id, itemName: item_name ?? null, quantity, ts },
      record,
    )
  })
}

/** Thanks for orders that an ad led to, from `attributed.events.v1`, which has dishes by their numbers. */
export function adNotes(table: NotesTable, clock: Clock, nameOf: (itemId: number) => string | undefined): Handler {
  return handlerOf(table, clock, (record) => {
    const order = parsed(record.value)
    const ts = order && parseTimestamp(order.timestamp)
    if (!order?.click || order.is_bot || ts === undefined) return undefined
    const { user_id, order_id, item_id, quantity } = order
    const itemName = nameOf(item_id) ?? null
    return noted('ad_order', { userId: user_id, orderId: order_id, itemId: item_id, itemName, quantity, ts }, record)
  })
}

function noted(kind: NoteKind, order: Omit<Note, 'id' | 'kind' | 'notedAt'>, { appendedAt }: LogRecord): Note {
  return { ...order, kind, id: `${kind}/${order.orderId}`, notedAt: appendedAt }
}

function handlerOf(table: NotesTable, clock: Clock, noteIn: (record: LogRecord) => Note | undefined): Handler {
  function fateOf(record: LogRecord): Fate {
    const note = noteIn(record)
    if (!note) return 'skipped'
    return table.add(note) ? 'applied' : 'duplicate'
  }

  return {
    load: () => undefined,
    apply(batch) {
      const fates = batch.map(fateOf)
      table.expire(clock() - NOTES_KEPT_MS)
      return fates
    },
    timeOf: () => -Infinity,
  }
}

function parsed(value: string): AttributedEvent | undefined {
  try {
    const event: unknown = JSON.parse(value)
    return schema.Check(event) ? event : undefined
  } catch {
    return undefined
  }
}
