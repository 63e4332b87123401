import type { DatabaseSync } from 'node:sqlite'
import type { AnomalySignal } from './detector.ts'
import type { AnomalyRule, MinuteTotals } from './measures.ts'
import { emptySlot, emptyState, type DetectorNow, type DetectorState, type Slot } from './state.ts'

/** What of the open anomalies was told, and what is too old to be: it is told when time has come up to the present, if it is there still. */
export interface Telling {
  told: AnomalyRule[]
  untold: AnomalySignal[]
}

const COLUMNS = 'impressions, clicks, orders, attributed_orders, revenue_paise, refused, dead'

/** Each call inside the transaction of what it is about. */
export function anomalyStore(db: DatabaseSync) {
  const add = db.prepare(
    `insert into anomaly_minutes values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set ${COLUMNS.split(', ')
      .map((name) => `${name} = ${name} + excluded.${name}`)
      .join(', ')}`,
  )
  const first = db.prepare('select min(minute) as minute from anomaly_minutes')
  const take = db.prepare(
    `delete from anomaly_minutes where minute = ? returning minute, impressions, clicks, orders, attributed_orders as attributedOrders,
     revenue_paise as revenuePaise, refused, dead`,
  )
  const read = db.prepare('select body from anomaly_state where what = ?')
  const put = db.prepare('insert or replace into anomaly_state values (?, ?)')
  const bodyOf = <T>(what: string): T | undefined => {
    const row = read.get(what) as { body: string } | undefined
    return row && (JSON.parse(row.body) as T)
  }

  return {
    load(): { state: DetectorState; telling: Telling } {
      const empty = emptyState()
      return {
        state: {
          now: bodyOf<DetectorNow>('now') ?? empty.now,
          hours: empty.hours.map((_, hour) => bodyOf<Slot>(String(hour)) ?? emptySlot()),
        },
        telling: bodyOf<Telling>('told') ?? { told: [], untold: [] },
      }
    },
    save({ now, hours }: DetectorState, telling: Telling, hoursChanged: ReadonlySet<number>) {
      put.run('now', JSON.stringify(now))
      put.run('told', JSON.stringify(telling))
      for (const hour of hoursChanged) put.run(String(hour), JSON.stringify(hours[hour]))
    },
    addTo({ minute, impressions, clicks, orders, attributedOrders, revenuePaise, refused, dead }: MinuteTotals) {
      add.run(minute, impressions, clicks, orders, attributedOrders, revenuePaise, refused, dead)
    },
    /** The oldest that something came into. */
    firstMinute: () => (first.get() as { minute: number | null }).minute,
    take: (minute: number) => take.get(minute) as MinuteTotals | undefined,
  }
}
