// The answers of the operations API, as types: for the console, which is built without any of the code behind them.
export type { LiveState, PastState } from './live-look.ts'
export type { AlertShown, AlertsPage } from './alerts.ts'
export type { TopicInfo } from './topics.ts'
export type { Group, GroupPartition, Groups } from './groups.ts'
export type { RecordShown, RecordsPage, RecordWhole } from './browse.ts'
export type { DeadEntry, DeadGroup, DeadList, DeadShown } from './dead.ts'
export type { Settled } from './dead-settle.ts'
export type { Step, Trace } from './trace.ts'
export type { LineState, OutcomeLine } from './trace-line.ts'
export type { AdFigures, DishFigures, Figures } from './figures.ts'
export type { Fresh, Report } from './reports.ts'
export type { ReportColumn, ReportName } from './report-sql.ts'
export type { Audit } from './audit.ts'
export type { Check } from './audit-check.ts'
export type { CheckNow, Progress } from '../etl/etl.ts'
export type { ModelDoc } from '../etl/docs.ts'
export type { Plan, PlannedTable } from '../etl/plan.ts'
export type { RunDetail, RunShown } from '../etl/store.ts'
export type { Outcome } from '../reconcile/outcome.ts'
export type { CauseSum, DifferenceShown, FlagShown, HourShown, ReconRun } from '../reconcile/view.ts'
export type {
  AdvertiserBill,
  AdvertiserBills,
  Alert,
  AlertSeverity,
  ChargeKind,
  Journey,
  JourneySession,
  ReconCause,
  SessionStep,
  Statement,
  StatementAd,
  StatementEvents,
  StatementLine,
} from '@flowguard/contract'
