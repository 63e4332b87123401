import type { Report } from 'flowguard/answers'

/** Why a report of days that are all made has no row. */
export function nothingIn({ name, fresh }: Pick<Report, 'name' | 'fresh'>): { title: string; detail?: string } {
  if (fresh.loaded_through === null) return { title: 'Nothing in these days', detail: 'The warehouse holds no valid event of these days.' }
  if (name === 'cohorts') return { title: 'Nobody ordered for the first time in these months' }
  if (name === 'dishes') return { title: 'No dish was shown, clicked or ordered in these days' }
  return { title: 'No order in these days', detail: 'There were other events: see the funnel.' }
}
