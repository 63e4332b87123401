import { columnsOf } from '../etl/dialect.ts'
import type { Session } from '../warehouse/warehouse.ts'
import type { ChargedDay } from './statement.ts'

const MILLI_A_RUPEE = 100_000
const ROWS_AN_INSERT = 500

/** Every charge there is, summed by ad, day and kind, ad by ad; others of the process have their turns meanwhile. */
export type ChargedDays = () => AsyncIterable<readonly ChargedDay[]>

/** In SQL that any warehouse takes. An ad's advertiser and campaign are as of the last ETL run, as in gold. */
const SCHEMA = [
  'create schema if not exists billing',
  'create table if not exists billing.charges (date date, ad_id varchar, kind varchar, charges bigint, amount decimal(18, 5))',
]
const CHARGES_DAILY = `select c.date, a.advertiser_id, a.campaign_id, c.ad_id, a.item_id, c.kind, c.charges, c.amount
  from billing.charges c left join ref.ads a on a.ad_id = c.ad_id`

/**
 * Brings `billing.charges_daily` of the warehouse to what the ledger's counters say: cpm, cpc and cpa in rupees, credits in rows of their own, below 0. Days that
 * differ are written anew, in one transaction. Resolves to how many.
 */
export async function publishCharges(session: Session, charged: ChargedDays): Promise<number> {
  for (const sql of SCHEMA) await session.run(sql)
  await makeView(session)
  const days = await unlevelDays(session, charged)
  if (days.size === 0) return 0
  await session.transaction(async () => {
    await session.run(`delete from billing.charges where date in (${[...days].map((day) => `date '${day}'`).join(', ')})`)
    let waiting: ChargedDay[] = []
    for await (const ofAd of charged()) {
      waiting.push(...ofAd.filter(({ day }) => days.has(day)))
      if (waiting.length < ROWS_AN_INSERT) continue
      await insert(session, waiting)
      waiting = []
    }
    await insert(session, waiting)
  })
  return days.size
}

/**
 * On Snowflake a view that is replaced loses what others were granted, and the policies that were set on it. So it stays, but where its columns are those of
 * another version; the grants are copied then. (They are not asked to be at first: a view made so takes over none that are granted for views to come.)
 */
async function makeView(session: Session): Promise<void> {
  const name = 'billing.charges_daily'
  if (session.dialect === 'duckdb') {
    await session.run(`create or replace view ${name} as ${CHARGES_DAILY}`)
    return
  }
  await session.run(`create view if not exists ${name} as ${CHARGES_DAILY}`)
  const [there, wanted] = [await columnsOf(session, `select * from ${name}`), await columnsOf(session, CHARGES_DAILY)]
  if (JSON.stringify(there) !== JSON.stringify(wanted)) await session.run(`create or replace view ${name} copy grants as ${CHARGES_DAILY}`)
}

interface DaySum {
  charges: number
  amount: number
}

/** Nothing of the ledger changes without another row, or another amount. */
async function unlevelDays(session: Session, charged: ChargedDays): Promise<Set<string>> {
  const held = await session.rows<{ day: string } & DaySum>(
    `select date as day, cast(sum(charges) as bigint) as charges, cast(sum(amount) * ${MILLI_A_RUPEE} as bigint) as amount from billing.charges group by date`,
  )
  const differing = new Map<string, DaySum>(
    held.map(({ day, charges, amount }) => [day, { charges: Number(charges), amount: Number(amount) }]),
  )
  for await (const ofAd of charged()) {
    for (const { day, count, amount } of ofAd) {
      const sum = differing.get(day) ?? { charges: 0, amount: 0 }
      differing.set(day, { charges: sum.charges - count, amount: sum.amount - amount })
    }
  }
  return new Set([...differing].filter(([, { charges, amount }]) => charges !== 0 || amount !== 0).map(([day]) => day))
}

async function insert(session: Session, rows: readonly ChargedDay[]): Promise<void> {
  if (rows.length === 0) return
  const values = rows.flatMap(({ day, adId, kind, count, amount }) => [day, adId, kind, count, rupees(amount)])
  await session.run(`insert into billing.charges values ${rows.map(() => '(?, ?, ?, ?, ?)').join(', ')}`, values)
}

/** To the thousandth of a paisa, as text: no number in between rounds it. */
function rupees(milli: number): string {
  const whole = Math.floor(Math.abs(milli) / MILLI_A_RUPEE)
  return `${milli < 0 ? '-' : ''}${whole}.${String(Math.abs(milli) % MILLI_A_RUPEE).padStart(5, '0')}`
}
