import assert from 'node:assert/strict'
import { step } from '../../kernel/crash.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import { partitionOf } from '../../kernel/partition.ts'
import { sqlStateOf, type Postgres, type Statements } from '../../kernel/postgres.ts'
import type { Database, OrderDraft, OrderResult } from '../database.ts'
import { packRecords, type OutboxRecord } from '../outbox-rows.ts'
import { workOff, type Call, type Known, type OrderEvent, type Outcome } from './postgres-group.ts'
import { OUTBOX_ROW_COUNT_MAX } from './postgres-outbox.ts'
import type { OrderRow } from './tables.ts'

/** So many drafts share a transaction, or those of one call. */
const GROUP_COUNT_MAX = 1_000
/** How often a group is worked off again because another process took one of its events first. */
const TRIES_MAX = 10
/** Repeats come in bursts: so many groups after one are looked up before they are written. */
const WARY_GROUPS_COUNT = 50
/** Locks of users, so that a group takes a bounded number of them: by the class, a number of our own, and the user's slot. */
const LOCK_CLASS = 6_001
const LOCK_SLOTS_COUNT = 64

interface Waiting {
  call: Call
  resolve: (results: readonly OrderResult[]) => void
  reject: (error: unknown) => void
}

type Orders = Pick<Database, 'prepareOrders' | 'take' | 'queueHeartbeats'>

/**
 * The way in for orders. What arrived in one turn of the event loop, or while the group before was written, is a group: one transaction, one flush. A group is worked off
 * in memory and written by one statement in the belief that all of it is new; where one of its events was there already that statement undoes
 * itself, and the group is looked up first. `close` writes what still waits.
 */
export function postgresOrdersOn(postgres: Postgres, clock: Clock): Orders & { close: () => Promise<void> } {
  const waiting: Waiting[] = []
  let running: Promise<void> | undefined
  let isClosed = false
  let wary = 0

  async function write(calls: readonly Call[]): Promise<Outcome> {
    const now = new Date(clock()).toISOString()
    for (let tries = 1; ; tries += 1) {
      const isLookedUp = wary > 0 || hasStatus(calls)
      try {
        return await (isLookedUp ? writeLookedUp(calls, now) : writeUnseen(calls, now))
      } catch (error) {
        // Looked up, only an event that another process has taken since is a repeat; that an order's own id is there already is a fault.
        if (!isTaken(error, isLookedUp ? ['order_events_pkey'] : ['order_events_pkey', 'orders_pkey']) || tries === TRIES_MAX) throw error
        wary = WARY_GROUPS_COUNT
      }
    }
  }

  async function writeUnseen(calls: readonly Call[], now: string): Promise<Outcome> {
    const outcome = workOff(calls, { events: [], orders: [] }, now)
    step('orders.before-commit')
    await writeOutcome(postgres, outcome)
    return outcome
  }

  function writeLookedUp(calls: readonly Call[], now: string): Promise<Outcome> {
    return postgres.transaction(async (on) => {
      const outcome = workOff(calls, await lookUp(on, calls), now)
      if (outcome.records.length > 0) await writeOutcome(on, outcome)
      step('orders.before-commit')
      return outcome
    })
  }

  async function writeGroup(group: readonly Waiting[]): Promise<void> {
    try {
      const { results } = await write(group.map(({ call }) => call))
      step('orders.after-commit')
      wary = Math.max(0, wary - 1)
      group.forEach(({ resolve }, at) => resolve(results[at] as readonly OrderResult[]))
    } catch (error) {
      const failure =
        error instanceof FlowGuardError ? error : new FlowGuardError('log_unavailable', `${postgres.at}: ${String(error)}`, error)
      for (const { reject } of group) reject(failure)
    }
  }

  async function writeAll(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    while (waiting.length > 0) await writeGroup(waiting.splice(0, groupLength(waiting)))
    running = undefined
  }

  function grouped(call: Call): Promise<readonly OrderResult[]> {
    if (isClosed) return Promise.reject(new FlowGuardError('database_unavailable', `${postgres.at} is closed`))
    return new Promise((resolve, reject) => {
      waiting.push({ call, resolve, reject })
      running ??= writeAll()
    })
  }

  return {
    prepareOrders() {
      // A connection, so that the first order need not wait for one.
      postgres.rows('select 1').catch(() => undefined)
    },
    take: (drafts) => grouped({ kind: 'drafts', drafts }),
    queueHeartbeats: async (records) => void (await grouped({ kind: 'heartbeats', records })),
    async close() {
      isClosed = true
      await running
    },
  }
}

function groupLength(waiting: readonly Waiting[]): number {
  let count = 0
  const end = waiting.findIndex(({ call }, at) => (count += sizeOf(call)) > GROUP_COUNT_MAX && at > 0)
  return end === -1 ? waiting.length : end
}

function sizeOf(call: Call): number {
  return call.kind === 'drafts' ? call.drafts.length : call.records.length
}

function draftsOf(calls: readonly Call[]): OrderDraft[] {
  return calls.flatMap((call) => (call.kind === 'drafts' ? call.drafts : []))
}

function hasStatus(calls: readonly Call[]): boolean {
  return draftsOf(calls).some(({ orderType }) => orderType !== 'placed')
}

function isTaken(error: unknown, constraints: readonly string[]): boolean {
  return sqlStateOf(error) === '23505' && constraints.includes((error as { constraint?: string }).constraint ?? '')
}

/**
 * Reads before anything is written: a transaction gets its number, and the outbox its order, with the first write. So what is found was numbered before. The locks
 * have the changes of one user's orders come one after the other from all gateways, in the table as in the outbox.
 */
async function lookUp(on: Statements, calls: readonly Call[]): Promise<Known> {
  const drafts = draftsOf(calls)
  const statuses = drafts.filter(({ orderType, clientOrderId }) => orderType !== 'placed' && clientOrderId !== null)
  const users = statuses.map(({ userId }) => userId)
  const ids = statuses.map(({ clientOrderId }) => clientOrderId)
  if (statuses.length > 0) {
    const slots = [...new Set(users.map((user) => partitionOf(user, LOCK_SLOTS_COUNT)))].toSorted((one, other) => one - other)
    await on.rows(LOCK_USERS, [slots])
  }
  const events = await on.rows<OrderEvent>(FIND_EVENTS, [drafts.map(({ eventId }) => eventId)])
  const orders = statuses.length > 0 ? await on.rows<OrderRow>(FIND_ORDERS, [users, ids]) : []
  return { events, orders }
}

async function writeOutcome(on: Statements, { events, orders, changed, records }: Outcome): Promise<void> {
  // In one order everywhere, so that no two groups wait for each other.
  const sorted = events.toSorted((one, other) => (one.event_id < other.event_id ? -1 : 1))
  const rows = outboxRowsOf(records)
  assert(rows.length > 0 || events.length === 0, 'an order event has its record')
  await on.changed(WRITE, [
    ...columns(sorted, ['event_id', 'order_id', 'content_hash']),
    ...columns(orders, ORDER_COLUMNS),
    ...columns(changed, ['order_id', 'status', 'updated_at']),
    ...columns(rows, ['orders', 'count', 'text']),
  ])
}

function outboxRowsOf(records: readonly OutboxRecord[]) {
  const rows: { orders: number; count: number; text: string }[] = []
  for (let from = 0; from < records.length; from += OUTBOX_ROW_COUNT_MAX) {
    const part = records.slice(from, from + OUTBOX_ROW_COUNT_MAX)
    rows.push({ orders: part.filter(({ partition }) => partition === undefined).length, count: part.length, text: packRecords(part) })
  }
  return rows
}

function columns<Row>(rows: readonly Row[], names: readonly (keyof Row)[]): unknown[][] {
  return names.map((name) => rows.map((row) => row[name]))
}

const ORDER_COLUMNS = [
  'order_id',
  'event_id',
  'client_order_id',
  'user_id',
  'item_id',
  'item_name',
  'price_paise',
  'quantity',
  'status',
  'created_at',
  'updated_at',
] as const

const LOCK_USERS = {
  name: 'lock_users',
  text: `select pg_advisory_xact_lock(${LOCK_CLASS}, slot) from unnest($1::integer[]) as slot`,
}

const FIND_EVENTS = {
  name: 'find_order_events',
  text: 'select event_id, order_id, content_hash from order_events where event_id = any($1::text[])',
}

/** By the gateway's id, and the newest of that user by the client's own. */
const FIND_ORDERS = {
  name: 'find_orders',
  text: `select * from orders where order_id = any($2::text[])
    union
    select found.* from unnest($1::text[], $2::text[]) as asked (user_id, id) cross join lateral (
      select * from orders where user_id = asked.user_id and client_order_id = asked.id order by order_id desc limit 1
    ) as found`,
}

const WRITE = {
  name: 'write_orders',
  text: `with wrote_events as (
      insert into order_events (event_id, order_id, content_hash) select * from unnest($1::text[], $2::text[], $3::text[])
    ), wrote_orders as (
      insert into orders (${ORDER_COLUMNS.join(', ')})
      select * from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::bigint[], $11::integer[],
        $12::text[], $13::text[], $14::text[])
    ), changed_orders as (
      update orders set status = change.status, updated_at = change.updated_at
      from unnest($15::text[], $16::text[], $17::text[]) as change (order_id, status, updated_at) where orders.order_id = change.order_id
    )
    insert into outbox (orders, records_count, records) select * from unnest($18::integer[], $19::integer[], $20::text[])`,
}
