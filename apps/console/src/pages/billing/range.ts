/** Days are UTC, `2026-01-31`, both ends included. */
export interface Range {
  choice: 'month' | 'previous' | 'own'
  from: string
  to: string
}

interface Said {
  month: string
  from: string
  to: string
}

/** What an address says of days: its own, else the previous month, else this month to date. */
export function rangeOf({ month, from, to }: Said, today: string): Range {
  if (from !== '' || to !== '') {
    const last = to || today
    return { choice: 'own', from: from || firstOf(last), to: last }
  }
  if (month !== 'previous') return { choice: 'month', from: firstOf(today), to: today }
  const last = new Date(Date.parse(firstOf(today)) - 1).toISOString().slice(0, 10)
  return { choice: 'previous', from: firstOf(last), to: last }
}

const firstOf = (day: string) => `${day.slice(0, 7)}-01`
