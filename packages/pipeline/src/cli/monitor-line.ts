import { ATTRIBUTED, DEAD, type Topic } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import { printable, type Colors } from './output.ts'

/** A record of any topic, as far as a line about it needs. */
export interface SeenRecord {
  record: LogRecord
  type: string
  fields: Readonly<Record<string, unknown>>
}

/** Names a record: an event by its type, what is derived by its topic's first word. */
export function seen(record: LogRecord): SeenRecord {
  const fields = fieldsOf(record.value)
  if (record.topic === ATTRIBUTED) return { record, type: fields['click'] ? 'attributed' : 'unattributed', fields }
  const type = fields['event_type']
  const isRaw = record.topic.startsWith('raw.')
  return { record, type: isRaw && typeof type === 'string' ? printable(type) : (record.topic.split('.')[0] ?? ''), fields }
}

function fieldsOf(value: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(value)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    // What is no event is shown by its place alone.
    return {}
  }
}

const PAINTS: Readonly<Record<string, (c: Colors) => (text: string) => string>> = {
  impression: (c) => c.dim,
  click: (c) => c.blue,
  order: (c) => c.green,
  attributed: (c) => c.magenta,
  unattributed: (c) => c.gray,
  heartbeat: (c) => c.dim,
  dead: (c) => c.red,
  alerts: (c) => c.yellow,
}
const PLACE_CHARS = 26
const TYPE_CHARS = 12

/** One line: when it was appended, where it lies, what it is, whose, of what, for how much. */
export function lineOf({ record, type, fields }: SeenRecord, c: Colors): string {
  const paint = PAINTS[type]?.(c) ?? c.cyan
  const time = new Date(record.appendedAt).toISOString().slice(11, 23)
  const place = `${record.topic}-${record.partition}@${record.offset}`
  return [c.dim(time), c.dim(place.padEnd(PLACE_CHARS)), paint(type.padEnd(TYPE_CHARS)), ...details(record.topic, fields, c)]
    .join('  ')
    .trimEnd()
}

function details(topic: Topic, fields: Readonly<Record<string, unknown>>, c: Colors): string[] {
  const text = (name: string) =>
    typeof fields[name] === 'string' || typeof fields[name] === 'number' ? printable(String(fields[name])) : undefined
  if (topic === DEAD) return [c.red(text('reason') ?? ''), text('detail') ?? '', c.dim(text('dead_id') ?? '')]
  const click = fields['click'] as { ad_id?: unknown } | null | undefined
  const ad = click ? printable(String(click.ad_id)) : text('ad_id')
  const price = typeof fields['price'] === 'number' ? fields['price'] : undefined
  const quantity = typeof fields['quantity'] === 'number' && fields['quantity'] !== 1 ? ` × ${fields['quantity']}` : ''
  const status = text('order_type')
  return [
    text('user_id') === undefined ? '' : `user ${text('user_id')}`,
    text('item_id') === undefined ? '' : `item ${text('item_id')}${text('item_name') ? ` ${text('item_name')}` : ''}`,
    ad === undefined ? '' : `ad ${ad}`,
    price === undefined ? '' : c.bold(`₹${price.toFixed(2)}${quantity}`),
    status === undefined || status === 'placed' ? '' : c.yellow(status),
    fields['is_bot'] === true ? c.yellow('bot') : '',
    text('severity') ?? '',
    text('message') ?? '',
  ].filter(Boolean)
}
