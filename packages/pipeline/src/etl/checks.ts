/** What must hold of a table's days, one a line of its header; as SQL that finds the rows that fail. */
export interface Check {
  /** As the header says it: `unique: date, item_id`. */
  name: string
  /** A SELECT of what fails among those days, and how many rows of the table each of its rows stands for (`failing`). */
  failing: (table: string, days: string) => string
}

type Refused = (detail: string) => Error
type Reading = (items: readonly string[], refused: Refused) => Check['failing']

const CONDITION = /^(?<of>.+?)(?: where (?<where>.+))?$/s
const WORD = '[a-z_]+'

const KINDS: Readonly<Record<string, Reading>> = {
  unique(columns, refused) {
    for (const each of columns) if (!new RegExp(`^${WORD}$`).test(each)) throw refused(`unique: "${each}" is no column`)
    const list = columns.join(', ')
    return (table, days) => `select ${list}, count(*) as failing from ${table} where ${days} group by ${list} having count(*) > 1`
  },
  not_null: rowsWhere(new RegExp(`^(?<column>${WORD})$`), ({ column }) => `${column} is null`),
  accepted: rowsWhere(new RegExp(`^(?<column>${WORD}) in \\((?<words>[\\w-]+(?:, [\\w-]+)*)\\)$`), ({ column, words = '' }) => {
    const list = words.split(', ').map((word) => `'${word}'`)
    return `${column} not in (${list.join(', ')})`
  }),
  range: rowsWhere(new RegExp(`^(?<column>${WORD}) (?<least>-?\\d+)\\.\\.(?<most>-?\\d+)?$`), ({ column, least, most }) =>
    most === undefined ? `${column} < ${least}` : `not (${column} between ${least} and ${most})`,
  ),
  same_rows([text = ''], refused) {
    const found = /^(?<source>\w+\.\w+) by (?<day>\w+)$/.exec(text)?.groups
    if (!found) throw refused(`same_rows: "${text}" is not "schema.table by column"`)
    const { source, day } = found
    return (table, days) => `select date, sum(one) as difference, abs(sum(one)) as failing
      from (select date, 1 as one from ${table} where ${days} union all select ${day} as date, -1 from ${source} where ${days.replaceAll('date between', `${day} between`)})
      group by date having sum(one) <> 0`
  },
  /** Each day that the source has such rows of is there: nothing that was due is missing. */
  fresh(items, refused) {
    const sources = items.map((item) => {
      const { of = '', where = 'true' } = CONDITION.exec(item)?.groups ?? {}
      if (!/^\w+\.\w+$/.test(of)) throw refused(`fresh: "${item}" is not "schema.table" or "schema.table where condition"`)
      return (days: string) => `select date from ${of} where ${days} and (${where})`
    })
    return (table, days) => `select distinct date, 1 as failing from (${sources.map((each) => each(days)).join(' union all ')}) as due
      where date not in (select date from ${table} where ${days})`
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
    return (table, days) => `select *, 1 as failing from ${table} where ${days} and (${conditions.join(' or ')})`
  }
}

export function checkOf(kind: string, text: string, refused: Refused): Check {
  const reading = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined
  if (!reading) throw refused(`there is no check "${kind}"; there are ${Object.keys(KINDS).join(', ')}`)
  return { name: `${kind}: ${text}`, failing: reading(itemsOf(text), refused) }
}

/** Split at commas, but for those in brackets. */
function itemsOf(text: string): string[] {
  return text.split(/, (?![^(]*\))/)
}
