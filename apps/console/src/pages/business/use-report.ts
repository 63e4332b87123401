import { useEffect, useMemo } from 'react'
import type { Report, ReportName } from 'flowguard/answers'
import { liveState } from '../../api/live.ts'
import { useAsk, type Answer } from '../../api/use-ask.ts'
import type { Days } from '../../model/days.ts'

const EVERY_MS = 60_000

export type ReportValue = string | number | boolean | null
export type ReportRow = Readonly<Record<string, ReportValue>>

export interface ReportAnswer extends Omit<Answer<Report>, 'data'> {
  path: string
  report: Report | undefined
  /** By the names of the columns. */
  rows: readonly ReportRow[]
}

/** A report, asked for again each minute, and at once when a run of the ETL has ended. */
export function useReport(name: ReportName, { from, to }: Days): ReportAnswer {
  const path = `/api/reports/${name}?from=${from}&to=${to}`
  const { data: report, error, isLoading, reload } = useAsk<Report>(path, { everyMs: EVERY_MS })
  useEffect(() => {
    let before = liveState.get()?.etl?.run_id
    return liveState.subscribe(() => {
      const now = liveState.get()?.etl?.run_id
      if (before !== undefined && now !== before) reload()
      before = now
    })
  }, [reload])
  const rows = useMemo(
    () => (report?.rows ?? []).map((row) => Object.fromEntries(report!.columns.map((column, at) => [column.name, row[at] as ReportValue]))),
    [report],
  )
  return { path, report, rows, error, isLoading, reload }
}

/** What a column comes to; nothing where it is not known. */
export const numberIn = (row: ReportRow | undefined, column: string): number => Number(row?.[column] ?? 0)
export const sumOf = (rows: readonly ReportRow[], column: string): number => rows.reduce((sum, row) => sum + numberIn(row, column), 0)
