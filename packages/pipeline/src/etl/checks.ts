/** `stop` keeps the days in which it fails out of silver and gold; `warn` only tells. */
export type Severity = 'warn' | 'stop'

/** Why nothing can be said of a day yet: there are too few days before it to compare it with, or the table that is referred to is empty. */
export type Unjudged = 'no_history' | 'no_reference'

/** The days that are looked at. Today's are not over, which matters to what counts their rows. */
export interface Scope {
  from: string
  to: string
  today: string
}

/** What must hold of a table's days, one a line of its header; as SQL that finds the rows that fail. */
export interface Check {
  /** As the header says it: `unique: date, item_id`. */
  name: string
  severity: Severity
  /** A SELECT of what fails among those days: its `date`, and how many rows of the table each of its rows stands for (`failing`). */
  failing: (table: string, scope: Scope) => string
  /** A SELECT of `n`, the number of days of which nothing can be said yet. */
  unjudged?: { why: Unjudged; select: (table: string, scope: Scope) => string }
}

type Found = Pick<Check, 'failing' | 'unjudged'>
type Refused = (detail: string) => Error
type Reading = (items: readonly string[], refused: Refused) => Found

const CONDITION = /^(?<of>.+?)(?: where (?<where>.+))?$/s
const WORD = '[a-z_]+'
const TABLE = '[a-z_]+\\.[a-z_]+'
const REFERENCE = new RegExp(`^(?<column>${WORD}) in (?<parent>${TABLE})\\.(?<key>${WORD})$`)
const VOLUME = /^(?<least>\d+(?:\.\d+)?)\.\.(?<most>\d+(?:\.\d+)?) of (?<days>\d+) days$/
/** With fewer days to compare with, a day's number of rows is only a number. */
const HISTORY_DAYS_MIN = 7
const HISTORY_DAYS_MAX = 400

export const between = (column: string, { from, to }: Pick<Scope, 'from' | 'to'>) => `${column} between date '${from}' and date '${to}'`

const KINDS: Readonly<Record<string, Reading>> = {
  unique(columns, refused) {
    for (const each of columns) if (!new RegExp(`^${WORD}$`).test(each)) throw refused(`unique: "${each}" is no column`)
    const list = columns.join(', ')
    const day = columns.includes('date') ? '' : 'min(date) as date, '
    return {
      failing: (table, days) =>
        `select ${list}, ${day}count(*) as failing from ${table} where ${between('date', days)} group by ${list} having count(*) > 1`,
    }
  },
  not_null: rowsWhere(new RegExp(`^(?<column>${WORD})$`), ({ column }) => `${column} is null`),
  accepted: rowsWhere(new RegExp(`^(?<column>${WORD}) in \\((?<words>[\\w-]+(?:, [\\w-]+)*)\\)$`), ({ column, words = '' }) => {
    const list = words.split(', ').map((word) => `'${word}'`)
    return `${column} not in (${list.join(', ')})`
  }),
  range: rowsWhere(new RegExp(`^(?<column>${WORD}) (?<least>-?\\d+)\\.\\.(?<most>-?\\d+)?$`), ({ column, least, most }) =>
    most === undefined ? `${column} < ${least}` : `not (${column} between ${least} and ${most})`,
  ),
  /** What a row names is there. An empty table is one that nobody has filled yet: against it nothing can be said. */
  references(items, refused) {
    const unknown = rowsWhere(
      REFERENCE,
      ({ column, parent, key }) =>
        `(${column} is not null and exists (select 1 from ${parent}) and ${column} not in (select ${key} from ${parent} where ${key} is not null))`,
    )
    const parents = items.map((item) => REFERENCE.exec(CONDITION.exec(item)?.groups?.['of'] ?? '')?.groups?.['parent'])
    const isEmpty = parents.map((parent) => `not exists (select 1 from ${parent})`).join(' or ')
    return {
      ...unknown(items, refused),
      unjudged: {
        why: 'no_reference',
        select: (table, days) => `select count(distinct date) as n from ${table} where ${between('date', days)} and (${isEmpty})`,
      },
    }
  },
  same_rows([text = ''], refused) {
    const found = /^(?<source>\w+\.\w+) by (?<day>\w+)$/.exec(text)?.groups as { source: string; day: string } | undefined
    if (!found) throw refused(`same_rows: "${text}" is not "schema.table by column"`)
    const { source, day } = found
    return {
      failing: (table, days) => `select date, sum(one) as difference, abs(sum(one)) as failing
      from (select date, 1 as one from ${table} where ${between('date', days)} union all select ${day} as date, -1 from ${source} where ${between(day, days)})
      group by date having sum(one) <> 0`,
    }
  },
  /** Each day that the source has such rows of is there: nothing that was due is missing. */
  fresh(items, refused) {
    const sources = items.map((item) => {
      const { of = '', where = 'true' } = CONDITION.exec(item)?.groups ?? {}
      if (!/^\w+\.\w+$/.test(of)) throw refused(`fresh: "${item}" is not "schema.table" or "schema.table where condition"`)
      return (days: Scope) => `select date from ${of} where ${between('date', days)} and (${where})`
    })
    return {
      failing: (table, days) =>
        `select distinct date, 1 as failing from (${sources.map((each) => each(days)).join(' union all ')}) as due
      where date not in (select date from ${table} where ${between('date', days)})`,
    }
  },
  /** A day's rows against the median of the days before it that had any, of those that were made. */
  volume([text = ''], refused) {
    const found = VOLUME.exec(text)?.groups as { least: string; most: string; days: string } | undefined
    const [least, most, history] = [Number(found?.least), Number(found?.most), Number(found?.days)]
    if (!found || least >= most || history < HISTORY_DAYS_MIN || history > HISTORY_DAYS_MAX)
      throw refused(`volume: "${text}" is not "0.3..3 of 28 days" (of ${HISTORY_DAYS_MIN} to ${HISTORY_DAYS_MAX})`)
    const judged = (table: string, { from, to }: Scope) => `(
      with rows_of as (select date, count(*) as n from ${table} where date between date '${from}' - ${history} and date '${to}' group by date)
      select made.date, coalesce(own.n, 0) as row_count, count(past.date) as history_days, median(past.n) as usual
      from etl.days as made left join rows_of as own on own.date = made.date
      left join rows_of as past on past.date < made.date and past.date >= made.date - ${history}
      where made.date between date '${from}' and date '${to}' group by made.date, own.n)`
    // A day that is not over has as many rows as it has by now.
    const known = ({ today }: Scope) => `history_days >= ${HISTORY_DAYS_MIN} and date < date '${today}'`
    return {
      failing: (table, days) =>
        `select date, row_count, usual, 1 as failing from ${judged(table, days)} as judged
         where ${known(days)} and not row_count between ${least} * usual and ${most} * usual`,
      unjudged: {
        why: 'no_history',
        select: (table, days) => `select count(*) as n from ${judged(table, days)} as judged where not (${known(days)})`,
      },
    }
  },
}

/** Checks of single rows: one scan for all columns that the line names. */
function rowsWhere(form: RegExp, failing: (found: Record<string, string | undefined>) => string): Reading {
  return (items, refused) => {
    const conditions = items.map((item) => {
      const { of = '', where } = CONDITION.exec(item)?.groups ?? {}
      const found = form.exec(of)?.groups
      if (!found) throw refused(`"${item}" does not fit ${form.source}`)
      return where === undefined ? `(${failing(found)})` : `(${where} and ${failing(found)})`
    })
    return {
      failing: (table, days) => `select *, 1 as failing from ${table} where ${between('date', days)} and (${conditions.join(' or ')})`,
    }
  }
}

export function checkOf(severity: Severity, kind: string, text: string, refused: Refused): Check {
  const reading = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined
  if (!reading) throw refused(`there is no check "${kind}"; there are ${Object.keys(KINDS).join(', ')}`)
  return { name: `${kind}: ${text}`, severity, ...reading(itemsOf(text), refused) }
}

/** The columns by which a table's rows are told apart, where a check says so. */
export function keyOf(checks: readonly Pick<Check, 'name'>[]): readonly string[] {
  return /^unique: (.+)$/.exec(checks.find(({ name }) => name.startsWith('unique: '))?.name ?? '')?.[1]?.split(', ') ?? []
}

/** Split at commas, but for those in brackets. */
function itemsOf(text: string): string[] {
  return text.split(/, (?![^(]*\))/)
}
